# Certificates that other modules contribute, through httpd's hooks and through those of mod_ssl.h.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use Mock ();
use TestHttpd ();
use TlsClient ();

my $C = '@CERTS@';

sub pair { my ($name) = @_; return "$C/$name.pem $C/$name.key" }

# One vhost; the lines are its own.
sub vhost {
    my ($lines, $port, $name) = @_;
    return "<VirtualHost *:\@PORT${\($port // 1)}@>\nServerName ${\($name // 'localhost')}\nSSLEngine on\n$lines\n</VirtualHost>\n";
}

sub client { my ($httpd, %option) = @_; return TlsClient->new(port => $httpd->port, sni => 'localhost', ca => undef, %option)->handshake }

my %sigalgs = (rsa => 'RSA-PSS+SHA256:RSA+SHA256:ECDSA+SHA256', ecdsa => 'ECDSA+SHA256', ed25519 => 'ed25519:ECDSA+SHA256');

# --- Which lists providers see, and what becomes of what they add -----------------------------------------------------
my @table = (
    # lines; the calls of one pass; {type => [common name, certificates]}; status of a request
    ['core', "Mock core cert ${\ pair('localhost-rsa')}", ['core cert: 0, then 1', 'optional cert: 1, then 1'], {rsa => ['localhost', 2]}, 200],
    ['optional', "Mock optional cert ${\ pair('localhost-rsa')}", ['core cert: 0, then 0', 'optional cert: 0, then 1'], {rsa => ['localhost', 2]}, 200],
    ['both, one of each type', "Mock core cert ${\ pair('localhost-rsa')}\nMock optional cert ${\ pair('localhost-ecdsa')}",
        ['core cert: 0, then 1', 'optional cert: 1, then 2'], {rsa => ['localhost', 2], ecdsa => ['localhost', 2]}, 200],
    ['several of one provider', "Mock core cert ${\ pair('localhost-rsa')}\nMock core cert ${\ pair('localhost-ecdsa')}\nMock core cert ${\ pair('localhost-ed25519')}",
        ['core cert: 0, then 3', 'optional cert: 3, then 3'], {rsa => ['localhost', 2], ecdsa => ['localhost', 2], ed25519 => ['localhost', 2]}, 200],
    ['behind what is configured', "\@RSA@\nMock core cert ${\ pair('localhost-ecdsa')}",
        ['core cert: 1, then 2', 'optional cert: 2, then 2'], {rsa => ['localhost', 2], ecdsa => ['localhost', 2]}, 200],
    ['in place of a configured one of the same type', "SSLCertificateFile $C/beta.pem\nSSLCertificateKeyFile $C/beta.key\nMock core cert ${\ pair('alpha')}",
        ['core cert: 1, then 2', 'optional cert: 2, then 2'], {ecdsa => ['alpha.example.test', 2]}, 200],
    ['the later provider wins', "Mock core cert ${\ pair('alpha')}\nMock optional cert ${\ pair('beta')}",
        ['core cert: 0, then 1', 'optional cert: 1, then 2'], {ecdsa => ['beta.example.test', 2]}, 200],
    ['key in the certificate file', "Mock core cert $C/localhost-rsa-combined.pem", ['core cert: 0, then 1', 'optional cert: 1, then 1'], {rsa => ['localhost', 2]}, 200],
    ['a provider that reports a failure', "Mock core answer 500\nMock optional answer 500\nMock core cert ${\ pair('localhost-rsa')}\nMock optional cert ${\ pair('localhost-ecdsa')}",
        ['core cert: 0, then 1', 'optional cert: 1, then 2'], {rsa => ['localhost', 2], ecdsa => ['localhost', 2]}, 200],
    # The chain file is dropped as soon as anything was added: the configured leaf goes without its chain then.
    ['chain file, nothing added', "SSLCertificateFile $C/localhost-rsa-leaf.pem\nSSLCertificateKeyFile $C/localhost-rsa.key\nSSLCertificateChainFile $C/intermediate.pem",
        ['core cert: 1, then 1', 'optional cert: 1, then 1'], {rsa => ['localhost', 2]}, 200],
    ['chain file, dropped', "SSLCertificateFile $C/localhost-rsa-leaf.pem\nSSLCertificateKeyFile $C/localhost-rsa.key\nSSLCertificateChainFile $C/intermediate.pem\nMock optional cert ${\ pair('localhost-ecdsa')}",
        ['core cert: 1, then 1', 'optional cert: 1, then 2'], {rsa => ['localhost', 1], ecdsa => ['localhost', 2]}, 200],
    # Nothing else: something to go on with.
    ['fallback, core', "Mock core fallback ${\ pair('localhost-rsa')}",
        ['core cert: 0, then 0', 'optional cert: 0, then 0', 'core fallback: 0, then 1', 'optional fallback: 1, then 1'], {rsa => ['localhost', 2]}, 503],
    ['fallback, optional', "Mock optional fallback ${\ pair('localhost-ecdsa')}",
        ['core cert: 0, then 0', 'optional cert: 0, then 0', 'core fallback: 0, then 0', 'optional fallback: 0, then 1'], {ecdsa => ['localhost', 2]}, 503],
    ['fallback, both, with failures', "Mock core answer 500\nMock optional answer 500\nMock core fallback ${\ pair('localhost-rsa')}\nMock optional fallback ${\ pair('localhost-ecdsa')}",
        ['core cert: 0, then 0', 'optional cert: 0, then 0', 'core fallback: 0, then 1', 'optional fallback: 1, then 2'], {rsa => ['localhost', 2], ecdsa => ['localhost', 2]}, 503],
    ['no fallback where there is a certificate', "\@RSA@\nMock core fallback ${\ pair('localhost-ecdsa')}",
        ['core cert: 1, then 1', 'optional cert: 1, then 1'], {rsa => ['localhost', 2]}, 200],
);
for my $row (@table) {
    my ($what, $lines, $calls, $types, $status) = @$row;
    my $httpd = TestHttpd->start(Mock::load() . vhost($lines));
    my @once  = map { "$_ for localhost" } @$calls;
    is_deeply [Mock::calls($httpd->error_log, qr/then/)], [@once, @once], "$what: the calls, in both passes";
    my @notices = $httpd->error_log =~ /(ssl:\w+\].*AH10085: .*)/g;
    is scalar @notices, $status == 503 ? 2 : 0, '... AH10085';
    like $_, qr/ssl:warn.*AH10085: Init: localhost:\d+ will respond with '503 Service Unavailable' for now\. There are no SSL certificates configured and no other module contributed any\.$/, '... in full'
        for @notices;
    for my $type (sort keys %$types) {
        my ($name, $length) = @{$types->{$type}};
        my $client = client($httpd, version => '1.3', sigalgs => $sigalgs{$type});
        is_deeply [$client->key_type, $client->common_name, $client->chain_length], [$type, $name, $length], "... $type: certificate and chain";
        is $client->get('/1k.bin')->{status}, $status, '... a request';
    }
    $httpd->stop;
}

# --- Without a certificate --------------------------------------------------------------------------------------------
for my $row (
    ['nothing at all', '', qr/AH02572: Failed to configure at least one certificate and key for localhost:\d+\n.*AH02312/s],
    ['a file that is not there', "Mock core cert /nowhere/a.pem /nowhere/a.key", qr{AH0256[12]: Failed to configure certificate localhost:\d+:0.*, check /nowhere/a\.pem}],
    ['a key of another', "Mock optional cert $C/localhost-rsa.pem $C/broken/other.key", qr/AH02565: Certificate and private key localhost:\d+:0 from \S+ and \S+ do not match/],
    ['a broken fallback', "Mock core fallback $C/broken/garbage.pem $C/localhost-rsa.key", qr{AH02562: Failed to configure certificate localhost:\d+:0 \(with chain\), check \S+/broken/garbage\.pem}],
) {
    my ($what, $lines, $message) = @$row;
    my $httpd = TestHttpd->new(Mock::load() . vhost($lines));
    is $httpd->try_start, 'exit 1', "$what: the server does not start";
    like $httpd->error_log, $message, '... and says why';
}

# --- Servers without TLS are not asked, and every server is for itself ---------------------------------------------------
{
    my $httpd = TestHttpd->start(Mock::load() . "Mock core cert ${\ pair('alpha')}\n"
        . vhost("Mock core cert ${\ pair('localhost-rsa')}", 1)
        . vhost("Mock core fallback ${\ pair('beta')}", 1, 'beta.example.test')
        . vhost('@RSA@', 1, 'second.example.test')
        . "<VirtualHost *:\@PORT2@>\nServerName plain.example.test\nMock core cert ${\ pair('alpha')}\nMock core fallback ${\ pair('alpha')}\n</VirtualHost>\n");
    my %asked = map { /then \d+ for (\S+)/ ? ($1 => 1) : () } Mock::calls($httpd->error_log, qr/then/);
    is_deeply [sort keys %asked], [qw(beta.example.test localhost second.example.test)], 'servers with TLS alone are asked';
    my $plain = qx(curl --silent --output /dev/null --write-out '%{http_code}' http://127.0.0.1:${\ $httpd->port(2)}/1k.bin);
    is $plain, 200, 'plain HTTP';

    # The vhost of the handshake decides: its certificate is what the client got.
    for my $row (
        ['localhost', 'localhost', 200], ['beta.example.test', 'beta.example.test', 503], ['beta.example.test', 'localhost', 503],
        ['localhost', 'beta.example.test', 421], ['localhost', 'second.example.test', 200],
    ) {
        my ($sni, $host, $status) = @$row;
        is client($httpd, sni => $sni)->get('/1k.bin', Host => $host)->{status}, $status, "SNI $sni, Host $host: $status";
    }
    is client($httpd, sni => 'beta.example.test')->get($_, Host => 'beta.example.test')->{status}, 503, "$_: 503" for '/nowhere', '/cgi/env';
}

# HTTP/2: streams see it, too.
SKIP: {
    skip 'mod_http2 does not work with prefork', 1 if TestHttpd::mpm() eq 'prefork';
    my $httpd = TestHttpd->start(Mock::load() . vhost("Protocols h2 http/1.1\nMock core fallback ${\ pair('localhost-rsa')}"));
    my $said = qx(curl --silent --cacert ${\ TestHttpd::ca()} --http2 --output /dev/null --write-out '%{http_version} %{http_code} ' https://localhost:${\ $httpd->port}/1k.bin --next --silent --cacert ${\ TestHttpd::ca()} --http2 --output /dev/null --write-out '%{http_version} %{http_code}' https://localhost:${\ $httpd->port}/nowhere);
    is $said, '2 503 2 503', 'HTTP/2: 503';
}

# --- Restarts ---------------------------------------------------------------------------------------------------------
{
    my ($none, $some) = (vhost("Mock core fallback ${\ pair('localhost-rsa')}"), vhost("Mock core cert ${\ pair('localhost-ecdsa')}"));
    my $httpd = TestHttpd->start(Mock::load() . $none);
    is client($httpd)->get('/1k.bin')->{status}, 503, 'before: 503';
    for my $round (1, 2) {
        $httpd->configure(Mock::load() . $some);
        $httpd->graceful;
        $httpd->wait_for(sub { client($httpd)->key_type eq 'ecdsa' }, 'the new certificate');
        is client($httpd)->get('/1k.bin')->{status}, 200, "round $round: after the restart the certificate is there, and requests are served";
        $httpd->configure(Mock::load() . $none);
        $httpd->graceful;
        $httpd->wait_for(sub { client($httpd)->key_type eq 'rsa' }, 'the stand-in');
        is client($httpd)->get('/1k.bin')->{status}, 503, '... and without it 503 again';
    }
}
done_testing;
