# Challenges by ALPN acme-tls/1 (RFC 8737): the certificate that another module has for the name, and nothing else.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use Mock ();
use TestHttpd ();
use TlsClient ();

my $C     = '@CERTS@';
my $stock = TestHttpd::stock();

sub pair { my ($name) = @_; return "$C/$name.pem $C/$name.key" }

my %answer = (
    good       => [pair('alpha')],
    rsa        => [pair('names')],    # the vhost has ECDSA alone
    mismatch   => ["$C/names.pem $C/broken/other.key"],
    othertype  => ["$C/alpha.pem $C/broken/other.key"],
    weak       => ["$C/broken/weak.pem $C/broken/weak.key"],
    # What PEM allows besides.
    one        => ["$C/localhost-rsa-combined.pem -", 'core'],
    nokey      => ["$C/alpha.pem -", 'core'],
    garbage    => ["$C/broken/garbage.pem $C/alpha.key", 'core'],
    words      => ["$C/broken/words.pem $C/alpha.key", 'core'],
    empty      => ["$C/broken/empty.pem $C/alpha.key", 'core'],
    garbagekey => ["$C/alpha.pem $C/broken/garbage.key", 'core'],
    encrypted  => ["$C/localhost-rsa.pem $C/broken/encrypted.key", 'core'],
);
my $mock = '';
for my $what (sort keys %answer) {
    my ($files, @vias) = @{$answer{$what}};
    $mock .= "Mock $_ challenge $what.$_.test $files\n" for @vias ? @vias : ('core', 'optional');
}
# The name of a vhost, too: what a session is tied to is the same then.
$mock .= "Mock core challenge localhost ${\ pair('alpha')}\n";

my $httpd = TestHttpd->start(Mock::load() . <<"END");
SSLSessionCache shmcb
<VirtualHost *:\@PORT@>
    ServerName localhost
    SSLEngine on
    Protocols acme-tls/1 http/1.1
    \@ECDSA@
    $mock
</VirtualHost>
<VirtualHost *:\@PORT@>
    ServerName without.example.test
    SSLEngine on
    \@ECDSA@
</VirtualHost>
<VirtualHost *:\@PORT2@>
    ServerName localhost
    SSLEngine on
    SSLSessionTickets off
    Protocols acme-tls/1 http/1.1
    \@ECDSA@
    $mock
</VirtualHost>
<VirtualHost *:\@PORT3@>
    ServerName localhost
    SSLEngine on
    SSLOpenSSLConfCmd VerifyMode Require
    Protocols http/1.1 acme-tls/1
    \@ECDSA@
    $mock
</VirtualHost>
<VirtualHost *:\@PORT4@>
    ServerName localhost
    SSLEngine on
    SSLOpenSSLConfCmd Groups P-384
    Protocols acme-tls/1 http/1.1
    \@ECDSA@
    $mock
</VirtualHost>
END

sub client {
    my ($name, $version, %option) = @_;
    return TlsClient->new(port => $httpd->port, sni => $name, version => $version, ca => undef, alpn => ['acme-tls/1'], %option);
}

# The log lines that a piece of work leaves; they are there when the handshake has ended.
sub lines_of {
    my ($pattern, $work) = @_;
    my $before = length $httpd->error_log;
    $work->();
    $httpd->wait_for(sub { substr($httpd->error_log, $before) =~ $pattern }, "the line $pattern");
    return substr $httpd->error_log, $before;
}

sub served { return scalar(() = $httpd->access_log =~ / 200 /g) }

for my $version ('1.2', '1.3') {
    # --- Answers ------------------------------------------------------------------------------------------------------
    for my $row (
        ['good.core.test',     'alpha.example.test', 'ecdsa', 2],
        ['good.optional.test', 'alpha.example.test', 'ecdsa', 1],
        ['rsa.core.test',      'names.example.test', 'rsa',   2],
        ['rsa.optional.test',  'names.example.test', 'rsa',   1],
        ['one.core.test',      'localhost',          'rsa',   2],
        ['localhost',          'alpha.example.test', 'ecdsa', 2],
    ) {
        my ($name, $subject, $type, $length) = @$row;
        my $served_before = served();
        my $client;
        my $lines = lines_of(qr/AH02001|AH02041/, sub { $client = client($name, $version)->handshake });
        like $lines, qr/MOCK switch to acme-tls\/1 for localhost.*MOCK core challenge for \Q$name\E, protocol acme-tls\/1/s, "TLS $version, $name: the provider is asked, after the switch";
        is $client->alpn, 'acme-tls/1', '... the protocol';
        SKIP: {
            # The C module chooses cipher and certificate before it asks (TLS 1.2), and leaves the chain to that of the vhost.
            skip 'the C module may show its own certificate', 3 if $stock;
            is $client->common_name, $subject, '... the certificate';
            is $client->key_type, $type, '... of the right type';
            is $client->chain_length, $length, '... with what the provider gave along';
        }
        # Whoever goes on in HTTP is not served.
        my $served = eval { $client->get('/1k.bin') };
        if ($stock) {
            is $served->{status}, 503, '... a request is refused';
        }
        else {
            is $served, undef, '... a request is not answered';
            ok $client->got_close_notify, '... the connection is closed in order';
        }
        is served(), $served_before, '... nothing was served';
    }
    # The connection ends at once, without anything from the client; RFC 8737, section 3.
    SKIP: {
        skip 'the C module waits for a request', 2 if $stock;
        my $client = client('good.core.test', $version)->handshake;
        is $client->receive_all, '', "TLS $version: without a request";
        ok $client->got_close_notify, '... the connection is closed in order';
    }

    # The client has to send a second ClientHello (TLS 1.3): all of it happens once.
    my $retry;
    my $lines = lines_of(qr/AH02041/, sub { $retry = client('good.core.test', $version, port => $httpd->port(4))->handshake });
    is $retry->alpn, 'acme-tls/1', "TLS $version, another group: the protocol";
    is scalar(() = $lines =~ /MOCK core challenge/g), 1, '... the provider is asked once' unless $stock;
    is $retry->common_name, 'alpha.example.test', '... the certificate' unless $stock;

    # --- Among others ---------------------------------------------------------------------------------------------------
    for my $row (
        [1, 'good.core.test', ['http/1.1', 'acme-tls/1'], 'acme-tls/1'],    # the server's order counts
        [1, 'good.core.test', ['foo', 'acme-tls/1'],      'acme-tls/1'],
        [1, 'good.core.test', ['http/1.1'],               'http/1.1'],
        [1, 'good.core.test', ['http/1.1', 'acme-tls'],   'http/1.1'],
        [1, 'without.example.test', ['http/1.1', 'acme-tls/1'], 'http/1.1'],
    ) {
        my ($port, $name, $offer, $selected) = @$row;
        my $client = client($name, $version, alpn => $offer)->handshake;
        is $client->alpn, $selected, "TLS $version, $name, [@$offer]: $selected";
        is $client->get('/1k.bin', Host => $name)->{status}, 200, '... is served' if $selected eq 'http/1.1' && $name =~ /without/;
    }
    # Where httpd prefers another protocol there is no challenge, and clients have to show a certificate.
    my $other = client('good.core.test', $version, port => $httpd->port(3), alpn => ['acme-tls/1', 'http/1.1']);
    my $error = $other->handshake_error || eval { $other->get('/1k.bin'); '' } // $@;
    ok $error, "TLS $version: where http/1.1 comes first, a client certificate is wanted";
    # Of an authority none is.
    SKIP: {
        skip 'the C module goes on in HTTP', 3 if $stock;
        my $asked = client('good.core.test', $version, port => $httpd->port(3))->handshake;
        is $asked->alpn, 'acme-tls/1', '... and of an authority none is';
        is $asked->receive_all, '', '... which gets its answer';
        ok $asked->got_close_notify, '... and an end in order';
    }

    # --- No answer ------------------------------------------------------------------------------------------------------
    my $parse = 'AH10266: Failed to parse PEM of challenge certificate';
    for my $row (
        ['garbage.core.test',      qr/ssl:warn.*$parse garbage\.core\.test$/m],
        ['words.core.test',        qr/ssl:warn.*$parse words\.core\.test$/m],
        ['empty.core.test',        qr/ssl:warn.*$parse empty\.core\.test$/m],
        ['garbagekey.core.test',   qr/ssl:warn.*$parse garbagekey\.core\.test$/m],
        ['nokey.core.test',        qr/ssl:warn.*$parse nokey\.core\.test$/m],
        ['encrypted.core.test',    qr/ssl:warn.*$parse encrypted\.core\.test$/m],
        ['mismatch.core.test',     qr/ssl:warn.*AH10087: error 'error:05800074:x509 certificate routines::key values mismatch' using Challenge key: mismatch\.core\.test$/m],
        ['mismatch.optional.test', qr/ssl:warn.*AH10087: error '.*mismatch' using Challenge key: mismatch\.optional\.test$/m],
        ['othertype.core.test',    qr/ssl:warn.*AH10088: Challenge certificate and private key othertype\.core\.test do not match$/m],
        ['othertype.optional.test', qr/ssl:warn.*AH10088: Challenge certificate and private key othertype\.optional\.test do not match$/m],
        ['weak.core.test',         qr/ssl:warn.*AH10086: Failed to configure challenge certificate weak\.core\.test$/m],
        ['weak.optional.test',     qr/ssl:warn.*AH10086: Failed to configure challenge certificate weak\.optional\.test$/m],
        # Names that nobody has an answer for, and none: the C module shows the certificate of the vhost, and serves.
        ['unknown.core.test',      qr{ssl:info.*No answer to the challenge \(acme-tls/1\) for unknown\.core\.test$}m, 'ours'],
        ['a' x 250,                qr{ssl:info.*No answer to the challenge \(acme-tls/1\) for a{250}$}m, 'ours'],
        ['..',                     qr{ssl:info.*No answer to the challenge \(acme-tls/1\) for \.\.$}m, 'ours'],
        [undef,                    qr{ssl:info.*Challenge \(acme-tls/1\) without a server name$}m, 'ours'],
    ) {
        my ($name, $message, $ours) = @$row;
        next if $ours && $stock;
        my $client = client($name, $version);
        my $error;
        my $lines = lines_of(qr/AH02008/, sub { $error = $client->handshake_error });
        like $error, qr/no application protocol/, "TLS $version, " . substr($name // 'no name', 0, 30) . ': refused';
        is_deeply [$client->alerts], [120], '... with an alert';
        like $lines, $message, '... and a line in the log';
        unlike $lines, qr/MOCK core challenge/, '... nobody is asked' if !defined $name;
    }

    # --- Sessions ---------------------------------------------------------------------------------------------------------
    SKIP: {
        skip 'the C module resumes', 1 if $stock;
        for my $port (1, 2) {    # with tickets; with the session cache
            my @where = (port => $httpd->port($port));
            my $what  = "TLS $version, port $port";
            my $usual = client('localhost', $version, @where, alpn => ['http/1.1'])->handshake;
            $usual->get('/1k.bin');
            my $again = client('localhost', $version, @where, session => $usual->session, alpn => ['http/1.1'])->handshake;
            ok $again->reused, "$what: a session is resumed";
            $again = client('localhost', $version, @where, session => $usual->session)->handshake;
            ok !$again->reused, '... but not into a challenge';
            is $again->common_name, 'alpha.example.test', '... which shows its certificate';

            my $asked = client('localhost', $version, @where)->handshake;
            $asked->receive_all;
            is scalar($asked->sessions), 0, "$what: a challenge gives out no ticket" if $version eq '1.3';
            for my $alpn (['acme-tls/1'], ['http/1.1']) {
                $again = client('localhost', $version, @where, session => $asked->session, alpn => $alpn)->handshake;
                ok !$again->reused, "$what: and its session leads nowhere (@$alpn)";
            }
        }
    }
}

# One server's answer to the challenge is not that of another: an ordinary connection afterwards.
my $ordinary = TlsClient->new(port => $httpd->port, sni => 'localhost')->handshake;
is $ordinary->common_name, 'localhost', 'afterwards: the own certificate';
is $ordinary->get('/1k.bin')->{status}, 200, '... and a request';
unlike $httpd->error_log, qr/\bpanic|exit signal/, 'nothing panicked';
done_testing;
