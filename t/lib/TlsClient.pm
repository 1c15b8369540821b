# A TLS client that a test drives by hand: it decides when which bytes go over the wire.
#
#   my $client = TlsClient->new(port => $port, sni => 'localhost', version => '1.3')->handshake;
#   my $answer = $client->get('/index.html');       # {status, headers, body}
#
# OpenSSL works on two memory buffers; `outgoing` takes what it wants to send, `feed` gives it what arrived. Everything
# that waits dies after PATIENCE seconds, so a server that stays silent fails the test instead of stopping it.
package TlsClient;

use strict;
use warnings FATAL => 'all';

use Carp qw(croak);
use IO::Select ();
use IO::Socket::INET ();
use Net::SSLeay ();
use Socket qw(IPPROTO_TCP TCP_NODELAY SOL_SOCKET SO_LINGER SO_RCVBUF);
use Time::HiRes qw(time);
use TestHttpd ();

use constant PATIENCE => 30;
use constant {
    VERSION_NUMBER    => {'1.0' => 0x301, '1.1' => 0x302, '1.2' => 0x303, '1.3' => 0x304},
    SET_SIGALGS_LIST  => 98,        # SSL_CTRL_SET_SIGALGS_LIST
    ALERT_READ        => 0x4004,    # SSL_CB_READ_ALERT
    RECEIVED_SHUTDOWN => 2,
};

Net::SSLeay::initialize();

# The port of <VirtualHost NAME> in the common server; its plain HTTP port without a name.
sub common_port {
    my ($name) = @_;
    require Apache::Test;
    my $config = Apache::Test::config();
    return $name ? $config->{vhosts}{$name}{port} : $config->{vars}{port};
}

sub common_log {
    my ($name) = @_;
    require Apache::Test;
    return TestHttpd::slurp(Apache::Test::vars('t_logs') . '/' . ($name // 'error_log'));
}

# Options: port, sni, version ('1.2' or '1.3'; without it what both can), alpn => [names], ciphers (up to 1.2), sigalgs,
# session (of another client), ca (file to trust; undef trusts anything), cert (file with a certificate of the client's and its
# chain), key (file), pha (agrees to be asked for it after the handshake), address, receive_buffer.
sub new {
    my ($class, %option) = @_;
    my $self = bless {option => \%option, in => '', sessions => [], alerts => []}, $class;
    my $context = $self->{context} = Net::SSLeay::CTX_new_with_method(Net::SSLeay::TLS_client_method()) or croak 'SSL_CTX_new';
    Net::SSLeay::CTX_set_cipher_list($context, $option{ciphers} // 'ALL:@SECLEVEL=0') or croak 'ciphers: ' . _error();
    if (my $version = $option{version}) {
        my $number = VERSION_NUMBER->{$version} or croak "version $version";
        Net::SSLeay::CTX_set_min_proto_version($context, $number);
        Net::SSLeay::CTX_set_max_proto_version($context, $number);
    }
    if ($option{sigalgs}) {
        Net::SSLeay::CTX_ctrl($context, SET_SIGALGS_LIST, 0, $option{sigalgs}) == 1 or croak 'sigalgs: ' . _error();
    }
    Net::SSLeay::CTX_set_post_handshake_auth($context, 1) if $option{pha};
    if (my $ca = exists $option{ca} ? $option{ca} : TestHttpd::ca()) {
        Net::SSLeay::CTX_load_verify_locations($context, $ca, '') or croak "$ca: " . _error();
        Net::SSLeay::CTX_set_verify($context, Net::SSLeay::VERIFY_PEER(), undef);
    }
    if ($option{cert}) {
        Net::SSLeay::CTX_use_certificate_chain_file($context, $option{cert}) or croak "$option{cert}: " . _error();
        Net::SSLeay::CTX_use_PrivateKey_file($context, $option{key}, Net::SSLeay::FILETYPE_PEM()) or croak "$option{key}: " . _error();
    }
    # Client cache on: only then new sessions are told.
    Net::SSLeay::CTX_set_session_cache_mode($context, 0x0001 | 0x0200);
    my $sessions = $self->{sessions};
    Net::SSLeay::CTX_sess_set_new_cb($context, sub { push @$sessions, $_[1]; return 1 });
    my $alerts = $self->{alerts};
    Net::SSLeay::CTX_set_info_callback($context, sub { push @$alerts, $_[2] & 0xff if $_[1] == ALERT_READ });

    my $ssl = $self->{ssl} = Net::SSLeay::new($context) or croak 'SSL_new';
    $self->{rbio} = Net::SSLeay::BIO_new(Net::SSLeay::BIO_s_mem());
    $self->{wbio} = Net::SSLeay::BIO_new(Net::SSLeay::BIO_s_mem());
    Net::SSLeay::set_bio($ssl, $self->{rbio}, $self->{wbio});
    Net::SSLeay::set_connect_state($ssl);
    Net::SSLeay::set_tlsext_host_name($ssl, $option{sni}) if defined $option{sni};
    Net::SSLeay::set_alpn_protos($ssl, $option{alpn}) if $option{alpn};
    Net::SSLeay::set_session($ssl, $option{session}) if $option{session};
    $self->connect_tcp if $option{port};
    return $self;
}

sub _error {
    my $code = Net::SSLeay::ERR_get_error();
    1 while Net::SSLeay::ERR_get_error();
    return $code ? Net::SSLeay::ERR_error_string($code) : 'no error';
}

# --- The wire -------------------------------------------------------------------------------------------------------

sub connect_tcp {
    my ($self) = @_;
    my $option = $self->{option};
    my $socket = IO::Socket::INET->new(Proto => 'tcp') or croak "socket: $!";
    setsockopt $socket, SOL_SOCKET, SO_RCVBUF, pack 'i', $option->{receive_buffer} if $option->{receive_buffer};
    connect $socket, Socket::pack_sockaddr_in($option->{port}, Socket::inet_aton($option->{address} // '127.0.0.1'))
        or croak "connect: $!";
    setsockopt $socket, IPPROTO_TCP, TCP_NODELAY, 1;
    binmode $socket;
    $self->{socket} = $socket;
    return;
}

sub socket { $_[0]{socket} }

# What OpenSSL wants to send; the caller sends it.
sub outgoing {
    my ($self) = @_;
    my $bytes = '';
    while (Net::SSLeay::BIO_pending($self->{wbio})) {
        $bytes .= Net::SSLeay::BIO_read($self->{wbio});
    }
    return $bytes;
}

sub feed {
    my ($self, $bytes) = @_;
    Net::SSLeay::BIO_write($self->{rbio}, $bytes) if length $bytes;
    return;
}

# Sends raw bytes. Returns false when the server is gone; reads nothing meanwhile.
sub send_raw {
    my ($self, $bytes) = @_;
    local $SIG{PIPE} = 'IGNORE';
    my $deadline = time + PATIENCE;
    while (length $bytes) {
        IO::Select->new($self->{socket})->can_write($deadline - time) or croak 'the server takes no more bytes';
        my $count = syswrite $self->{socket}, $bytes, 65_536;
        return 0 unless $count;
        substr $bytes, 0, $count, '';
    }
    return 1;
}

# Receives raw bytes into OpenSSL; 0 at the end of the stream, undef for a reset.
sub receive_raw {
    my ($self) = @_;
    IO::Select->new($self->{socket})->can_read(PATIENCE) or croak 'the server stays silent';
    my $count = sysread $self->{socket}, my $bytes, 65_536;
    $self->{end} = defined $count ? 'fin' : 'reset' unless $count;
    $self->feed($bytes) if $count;
    return $count;
}

sub flush { my ($self) = @_; return $self->send_raw($self->outgoing) }

# --- TLS ------------------------------------------------------------------------------------------------------------

# One step of the handshake, without the wire: 1 when it is finished, 0 when it needs bytes; dies when it failed.
sub step {
    my ($self) = @_;
    my $result = Net::SSLeay::do_handshake($self->{ssl});
    return 1 if $result == 1;
    my $reason = Net::SSLeay::get_error($self->{ssl}, $result);
    return 0 if $reason == Net::SSLeay::ERROR_WANT_READ() && !$self->{end};
    my $why = $self->{end} ? "server closed ($self->{end})" : _error();
    die "handshake failed: $why" . (@{$self->{alerts}} ? " alert $self->{alerts}[-1]" : '') . "\n";
}

sub handshake {
    my ($self) = @_;
    until ($self->step) {
        $self->flush;
        $self->receive_raw;
    }
    $self->flush;
    return $self;
}

# The handshake's error text, '' when it succeeded.
sub handshake_error {
    my ($self) = @_;
    return eval { $self->handshake; 1 } ? '' : $@;
}

sub encrypt {
    my ($self, $text) = @_;
    while (length $text) {
        my $count = Net::SSLeay::write($self->{ssl}, $text);
        croak 'write: ' . _error() if $count <= 0;
        substr $text, 0, $count, '';
    }
    return $self->outgoing;
}

sub send { my ($self, $text) = @_; return $self->send_raw($self->encrypt($text)) }

# Decrypted bytes, waiting for some; '' after close_notify or the end of the stream.
sub receive {
    my ($self) = @_;
    while (1) {
        my ($text, $result) = Net::SSLeay::read($self->{ssl}, 65_536);
        if (defined $text && length $text) {
            $self->flush;
            return $text;
        }
        my $reason = Net::SSLeay::get_error($self->{ssl}, $result // -1);
        if ($reason != Net::SSLeay::ERROR_WANT_READ()) {
            $self->{error} //= _error();
            return '';
        }
        _error();
        return '' if $self->{end};
        $self->flush;
        $self->receive_raw;
    }
}

# Everything up to the end of the stream; afterwards `end` says how it came.
sub receive_all {
    my ($self) = @_;
    my $text = delete $self->{in};
    $self->{in} = '';
    while (length(my $more = $self->receive)) { $text .= $more }
    until ($self->{end}) { $self->receive_raw }
    return $text;
}

sub close_notify {
    my ($self) = @_;
    Net::SSLeay::shutdown($self->{ssl});
    return $self->flush;
}

# Leaves without a word: FIN, or RST with `reset`.
sub vanish {
    my ($self, $how) = @_;
    setsockopt $self->{socket}, SOL_SOCKET, SO_LINGER, pack 'ii', 1, 0 if ($how // '') eq 'reset';
    close $self->{socket};
    return;
}

sub got_close_notify { my ($self) = @_; return Net::SSLeay::get_shutdown($self->{ssl}) & RECEIVED_SHUTDOWN ? 1 : 0 }
sub end              { $_[0]{end} }                 # 'fin' or 'reset'
sub alerts           { @{$_[0]{alerts}} }
sub protocol         { Net::SSLeay::get_version($_[0]{ssl}) }
sub cipher           { Net::SSLeay::get_cipher($_[0]{ssl}) }
sub alpn             { Net::SSLeay::P_alpn_selected($_[0]{ssl}) }
sub reused           { Net::SSLeay::session_reused($_[0]{ssl}) ? 1 : 0 }
sub sessions         { @{$_[0]{sessions}} }         # as they came: one for each ticket, or the one of TLS 1.2

# The session to resume: the newest one that came, or the connection's own.
sub session {
    my ($self) = @_;
    return $self->{sessions}[-1] // Net::SSLeay::get1_session($self->{ssl});
}

sub certificate { Net::SSLeay::get_peer_certificate($_[0]{ssl}) }

sub common_name {
    my ($self) = @_;
    my $name = Net::SSLeay::X509_get_subject_name($self->certificate);
    return Net::SSLeay::X509_NAME_get_text_by_NID($name, Net::SSLeay::NID_commonName()) =~ s/\0\z//r;
}

# rsa, ecdsa or ed25519
sub key_type {
    my ($self) = @_;
    my $id = Net::SSLeay::EVP_PKEY_id(Net::SSLeay::X509_get_pubkey($self->certificate));
    return {6 => 'rsa', 408 => 'ecdsa', 1087 => 'ed25519'}->{$id} // $id;
}

sub chain_length { my @chain = Net::SSLeay::get_peer_cert_chain($_[0]{ssl}); return scalar @chain }

# --- HTTP/1.1 -------------------------------------------------------------------------------------------------------

sub request_text {
    my ($method, $path, %header) = @_;
    $header{Host} //= 'localhost';
    return "$method $path HTTP/1.1\r\n" . join('', map { defined $header{$_} ? "$_: $header{$_}\r\n" : () } sort keys %header) . "\r\n";
}

sub _need {
    my ($self) = @_;
    my $more = $self->receive;
    length $more or die 'the answer ends early after ' . length($self->{in}) . " bytes\n";
    $self->{in} .= $more;
    return;
}

sub _take {
    my ($self, $length) = @_;
    $self->_need while length $self->{in} < $length;
    return substr $self->{in}, 0, $length, '';
}

sub _line {
    my ($self) = @_;
    $self->_need while $self->{in} !~ /\r\n/;
    $self->{in} =~ s/\A(.*?)\r\n//s;
    return $1;
}

# The next answer: {status, headers => {lower-case name => value}, body}. A 100 is an answer of its own.
sub answer {
    my ($self, $method) = @_;
    my $line = $self->_line;
    my ($status) = $line =~ m{\AHTTP/1\.[01] ([0-9]{3})} or die "no status line: $line\n";
    my %header;
    while (length(my $field = $self->_line)) {
        my ($name, $value) = $field =~ /\A([^:]+):\s*(.*)\z/ or die "no header field: $field\n";
        $header{lc $name} = $value;
    }
    my $body = '';
    if ($status < 200 || $status == 204 || $status == 304 || ($method // '') eq 'HEAD') {
        # no body
    }
    elsif (($header{'transfer-encoding'} // '') eq 'chunked') {
        while (my $length = hex $self->_line) {
            $body .= $self->_take($length);
            $self->_take(2);
        }
        1 while length $self->_line;
    }
    elsif (defined $header{'content-length'}) {
        $body = $self->_take($header{'content-length'});
    }
    else {
        $body = $self->receive_all;
    }
    return {status => $status, headers => \%header, body => $body};
}

sub get {
    my ($self, $path, %header) = @_;
    $self->send(request_text('GET', $path, %header));
    return $self->answer('GET');
}

sub DESTROY {
    my ($self) = @_;
    local ($@, $!, $?);
    Net::SSLeay::free($self->{ssl})         if $self->{ssl};
    Net::SSLeay::CTX_free($self->{context}) if $self->{context};
    close $self->{socket}                   if $self->{socket};
    return;
}

1;
