# An OCSP responder that behaves as the path of the request says, with a CA of its own and certificates for clients.
#
#   my $responder = Responder->start;              # /good, /revoked ... as in %BEHAVIOUR
#   $responder->url('good'), $responder->folder    # ca.pem, client.pem ...
#   $responder->count('good')                      # how often it was asked there
#   $responder->turn('silent')                     # how /switch behaves from here on
#   $responder->also_at($port)                     # answers there as well, from here on
#
#   $responder->vhost('www', $url, $lines)         # a host www.test that asks about its clients there
#   my ($client, $outcome) = $responder->client($httpd, 'www', 'plain')   # with that certificate: a status, or 'alert 40'
#
# It ends with the object.
package Responder;

use strict;
use warnings FATAL => 'all';

use IO::Socket::INET ();
use POSIX ();
use TestHttpd ();
use TlsClient ();

my $started = 0;

sub openssl {
    my ($self, @arguments) = @_;
    my $log = "$self->{folder}/openssl-$$.log";
    system("cd $self->{folder} && openssl @arguments >$log 2>&1") == 0 or die "openssl @arguments:\n", TestHttpd::slurp($log);
    return;
}

sub write_file {
    my ($self, $name, $text) = @_;
    open my $file, '>:raw', "$self->{folder}/$name" or die "$name: $!";
    print {$file} $text;
    close $file or die "$name: $!";
    return;
}

# A key NAME.key and a certificate NAME.pem of the CA, with lines for its extensions.
sub issue {
    my ($self, $name, $extensions, $type) = @_;
    my $key = ($type // 'ec') eq 'rsa' ? 'rsa:2048' : 'ec -pkeyopt ec_paramgen_curve:P-256';
    my $serial = $self->{serial_of}{$name} = ++$self->{serial};
    $self->write_file("$name.ext", $extensions || "basicConstraints=CA:false\n");
    $self->openssl("req -new -newkey $key -nodes -subj /CN=$name -keyout $name.key -out $name.csr");
    $self->openssl("x509 -req -in $name.csr -CA ca.pem -CAkey ca.key -set_serial $serial -days 2 -extfile $name.ext -out $name.pem");
    return;
}

# A virtual host that asks about its clients at a URL.
sub vhost {
    my ($self, $name, $url, $lines) = @_;
    return <<"END" . ($lines // '') . "\n</VirtualHost>\n";
<VirtualHost *:\@PORT@>
    ServerName $name.test
    SSLEngine on
    \@ECDSA@
    SSLVerifyClient require
    SSLCACertificateFile $self->{folder}/ca.pem
    SSLOCSPEnable on
    SSLOCSPOverrideResponder on
    SSLOCSPDefaultResponder $url
END
}

# A client of such a host after its handshake and a request, and what came of it.
sub client {
    my ($self, $httpd, $name, $certificate) = @_;
    my $file   = "$self->{folder}/" . ($certificate // 'client');
    my $client = TlsClient->new(port => $httpd->port, sni => "$name.test", ca => undef, cert => "$file.pem", key => "$file.key");
    my $answer = eval { $client->handshake->get('/1k.bin', Host => "$name.test") };
    return $client, $answer ? $answer->{status} : 'alert ' . (($client->alerts)[-1] // 0);
}

# An index that says the same of all certificates; of none for 'unknown'.
sub index_of {
    my ($self, $status) = @_;
    my $text = '';
    for my $serial ($status eq 'unknown' ? 99 : 1 .. $self->{serial}) {
        my $revoked = $status eq 'revoked' ? '200101000000Z,keyCompromise' : '';
        $text .= join("\t", $status eq 'revoked' ? 'R' : 'V', '401231235959Z', $revoked, sprintf('%02X', $serial), 'unknown', "/CN=$serial") . "\n";
    }
    $self->write_file("index-$status", $text);
    return;
}

sub start {
    my ($class) = @_;
    my $self = bless {folder => TestHttpd::root() . "/home/responder-$$-" . ++$started, serial => 0, pids => []}, $class;
    mkdir $self->{folder} or die "$self->{folder}: $!";
    $self->openssl('req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=Clients -days 2 -keyout ca.key -out ca.pem');
    $self->openssl('req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=Stranger -days 2 -keyout stranger.key -out stranger.pem');
    my $listener = IO::Socket::INET->new(Listen => 64, LocalAddr => '127.0.0.1') or die "listen: $!";
    $self->{port} = $listener->sockport;
    $self->issue('plain');
    $self->issue('client',   "authorityInfoAccess=OCSP;URI:${\ $self->url('good') }\n");
    $self->issue('strange',  "authorityInfoAccess=OCSP;URI:https://127.0.0.1:1/\n");
    $self->issue('broken',   "authorityInfoAccess=OCSP;URI:http://127.0.0.1:x/\n");
    $self->issue('delegate', "extendedKeyUsage=OCSPSigning\n");
    $self->issue('usurper');
    $self->index_of($_) for qw(good revoked unknown);
    # An answer of a while ago, and one to somebody else's question, with its nonce.
    $self->openssl("ocsp -issuer ca.pem -cert $_.pem -no_nonce -reqout $_.req") for qw(plain client);
    $self->openssl('ocsp -issuer ca.pem -cert client.pem -reqout nonce.req');
    $self->write_file('old.der',   $self->sign('client.req', 'good', 'ca'));
    $self->write_file('wrong.der', $self->sign('nonce.req',  'good', 'ca'));
    $self->write_file('other.der', $self->sign('plain.req',  'good', 'ca'));
    # An answer about the certificate with the same number of another issuer.
    $self->openssl("ocsp -issuer stranger.pem -serial $self->{serial_of}{client} -no_nonce -reqout issuer.req");
    $self->write_file('issuer.der', $self->sign('issuer.req', 'good', 'ca', ca => 'stranger'));
    $self->{made} = time;
    $self->serve_at($listener);
    return $self;
}

sub serve_at {
    my ($self, $listener) = @_;
    defined(my $pid = fork) or die "fork: $!";
    if (!$pid) {
        eval { $self->serve($listener) };
        warn $@ if $@;
        POSIX::_exit(0);
    }
    push @{$self->{pids}}, $pid;
    return;
}

sub also_at {
    my ($self, $port) = @_;
    my $listener = IO::Socket::INET->new(Listen => 64, LocalAddr => '127.0.0.1', LocalPort => $port, ReuseAddr => 1) or die "listen at $port: $!";
    $self->serve_at($listener);
    return;
}

sub turn {
    my ($self, $behaviour) = @_;
    $self->write_file('switch.new', $behaviour);
    rename "$self->{folder}/switch.new", "$self->{folder}/switch" or die "switch: $!";
    return;
}

sub folder { $_[0]{folder} }
sub port   { $_[0]{port} }
sub made   { $_[0]{made} }
sub url    { my ($self, $path) = @_; return "http://127.0.0.1:$self->{port}/$path" }
sub count  { my ($self, $path) = @_; return scalar grep { m{^POST \S*/\Q$path\E HTTP/1\.0$} } split /\n/, TestHttpd::slurp("$self->{folder}/asked") }

# A response to the request in a file. Options: ca, days (0 for no end), ahead (seconds by which the responder's clock is), lines (more
# arguments).
sub sign {
    my ($self, $request, $status, $signer, %option) = @_;
    my $out  = "$request-$$.der";
    my $days = $option{days} // 1;
    my $ca   = $option{ca} // 'ca';
    local %ENV = %ENV;
    if ($option{ahead}) {
        $self->write_file("clock$option{ahead}", $option{ahead});
        @ENV{qw(TEST_CLOCK LD_PRELOAD)} = ("$self->{folder}/clock$option{ahead}", TestHttpd::root() . '/modules/clock.so');
    }
    $self->openssl("ocsp -index index-$status -CA $ca.pem -rsigner $signer.pem -rkey $signer.key " . ($days ? "-ndays $days " : '') . "-reqin $request -respout $out " . ($option{lines} // ''));
    return TestHttpd::slurp("$self->{folder}/$out");
}

sub serve {
    my ($self, $listener) = @_;
    local $SIG{CHLD} = 'IGNORE';
    while (my $socket = $listener->accept) {
        defined(my $pid = fork) or next;
        next if $pid;
        local $SIG{CHLD} = 'DEFAULT';
        local $SIG{PIPE} = 'IGNORE';
        eval { $self->answer($socket) };
        warn $@ if $@;
        POSIX::_exit(0);
    }
    return;
}

# Head and body of a request.
sub request {
    my ($socket) = @_;
    my $text = '';
    until ($text =~ /\r\n\r\n/) { sysread $socket, $text, 8192, length $text or return ('', '') }
    my ($head, $body) = split /\r\n\r\n/, $text, 2;
    my ($length) = $head =~ /^Content-Length: (\d+)/m;
    while (length $body < $length) { sysread $socket, $body, 8192, length $body or last }
    return ($head, $body);
}

my %BEHAVIOUR;

sub answer {
    my ($self, $socket) = @_;
    my ($head, $body) = request($socket);
    my ($line, $path) = $head =~ m{^(POST \S*/(\w+) HTTP/1\.0)\r\n} or return;
    open my $asked, '>>', "$self->{folder}/asked" or die "asked: $!";
    syswrite $asked, "$line\n";
    close $asked;
    $self->write_file("head-$path", $head);
    $self->write_file("asked-$$.req", $body);
    my $write = sub {
        my ($bytes) = @_;
        while (length $bytes) {
            my $count = syswrite $socket, $bytes or return 0;
            substr $bytes, 0, $count, '';
        }
        return 1;
    };
    $BEHAVIOUR{$path}->($self, $write, "asked-$$.req", $socket);
    return;
}

my $OK = "HTTP/1.0 200 OK\r\nContent-Type: application/ocsp-response\r\n";

# Waits until the client goes.
sub hold { my ($socket) = @_; 1 while sysread $socket, my $byte, 1; return }

sub signed {
    my (@how) = @_;
    return sub { my ($self, $write, $request) = @_; $write->("$OK\r\n" . $self->sign($request, @how)) };
}

sub stored {
    my ($name) = @_;
    return sub { my ($self, $write) = @_; $write->("$OK\r\n" . TestHttpd::slurp("$self->{folder}/$name")) };
}

sub bytes {
    my ($text) = @_;
    return sub { my ($self, $write) = @_; $write->($text) };
}

%BEHAVIOUR = (
    good     => signed('good',    'ca'),
    revoked  => signed('revoked', 'ca'),
    unknown  => signed('unknown', 'ca'),
    delegate => signed('good',    'delegate'),
    usurper  => signed('good',    'usurper'),
    stranger => signed('good',    'stranger'),
    bare     => signed('good',    'ca', lines => '-resp_no_certs'),
    future   => signed('good',    'ca', ahead => 86_400),
    stale    => signed('good',    'ca', ahead => -2 * 86_400),
    endless2 => signed('good',    'ca', days => 0),
    old      => stored('old.der'),
    issuer   => stored('issuer.der'),
    before   => stored('before.der'),
    wrong    => stored('wrong.der'),
    other    => stored('other.der'),
    later    => bytes("$OK\r\n\x30\x03\x0a\x01\x03"),
    garbage  => bytes("$OK\r\ngarbage"),
    empty    => bytes("$OK\r\n"),
    closed   => sub { },
    refused  => bytes("HTTP/1.0 500 Out of order\r\n\r\nnothing"),
    moved    => sub { my ($self, $write) = @_; $write->("HTTP/1.0 302 Found\r\nLocation: ${\ $self->url('good') }\r\n\r\n") },
    silent   => sub { my ($self, $write, $request, $socket) = @_; hold($socket) },
    huge     => sub { my ($self, $write) = @_; $write->("$OK\r\n" . 'x' x 3_000_000) },
    endless  => sub { my ($self, $write) = @_; $write->($OK); 1 while $write->("A: b\r\n" x 100) },
    # A byte now and then.
    dribble  => sub { my ($self, $write) = @_; $write->("$OK\r\n"); 1 while $write->('x') && defined select undef, undef, undef, 0.05 },
    open     => sub {
        my ($self, $write, $request, $socket) = @_;
        my $body = $self->sign($request, 'good', 'ca');
        $write->("${OK}Content-Length: ${\ length $body }\r\n\r\n$body");
        hold($socket);
    },
    chunked => sub {
        my ($self, $write, $request) = @_;
        my $body = $self->sign($request, 'good', 'ca');
        $write->("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" . join('', map { sprintf "%x\r\n%s\r\n", length, $_ } unpack '(a100)*', $body) . "0\r\n\r\n");
    },
    short => sub {
        my ($self, $write, $request) = @_;
        my $body = $self->sign($request, 'good', 'ca');
        $write->("${OK}Content-Length: ${\ (1 + length $body) }\r\n\r\n$body");
    },
    # Says nothing about the certificate "strange".
    picky => sub {
        my ($self, $write, $request, $socket) = @_;
        my $text = qx(openssl ocsp -reqin $self->{folder}/$request -req_text);
        my $serial = sprintf '%02X', $self->{serial_of}{strange};
        return $BEHAVIOUR{$text =~ /Serial Number: $serial$/m ? 'silent' : 'good'}->($self, $write, $request, $socket);
    },
    # What the test wants by now.
    switch => sub { my ($self, @rest) = @_; $BEHAVIOUR{TestHttpd::slurp("$self->{folder}/switch")}->($self, @rest) },
    # Until the test lets it answer.
    gate => sub {
        my ($self, $write, $request) = @_;
        select undef, undef, undef, 0.02 until -e "$self->{folder}/gate-open";
        $write->("$OK\r\n" . $self->sign($request, 'good', 'ca'));
    },
);

sub DESTROY {
    my ($self) = @_;
    local ($@, $!, $?);
    for my $pid (@{$self->{pids}}) {
        kill 'TERM', $pid;
        waitpid $pid, 0;
    }
    return;
}

1;
