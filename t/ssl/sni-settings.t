# Protocol versions and cipher suites are those of the host that SNI names.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use TestHttpd ();
use TlsClient ();

my @hosts = (
    ['first',   'SSLCipherSuite ECDHE-ECDSA-AES128-GCM-SHA256'],
    ['twelve',  'SSLProtocol TLSv1.2'],
    ['thirteen', 'SSLProtocol TLSv1.3'],
    ['suite',   "SSLProtocol TLSv1.2\nSSLCipherSuite ECDHE-ECDSA-AES256-GCM-SHA384"],
    ['suite13', "SSLCipherSuite TLSv1.3 TLS_CHACHA20_POLY1305_SHA256"],
);
my $config = '';
for my $port ('@PORT@', '@PORT2@') {
    # On the second port the first host alone limits the versions.
    my @these = $port eq '@PORT@' ? @hosts : (['first', 'SSLProtocol TLSv1.2'], ['unset', ''], ['own', 'SSLProtocol all']);
    $config .= "<VirtualHost *:$port>\nServerName $_->[0].example.test\nSSLEngine on\n\@ECDSA@\n$_->[1]\n</VirtualHost>\n" for @these;
}
my $httpd = TestHttpd->start($config);

my @table = (
    # port  name        client   protocol   cipher ('' any, undef: the handshake fails)
    [1,     'first',    '1.2',   'TLSv1.2', 'ECDHE-ECDSA-AES128-GCM-SHA256'],
    [1,     'first',    undef,   'TLSv1.3', ''],
    [1,     'twelve',   undef,   'TLSv1.2', ''],
    [1,     'twelve',   '1.3',   undef,     undef],
    [1,     'thirteen', undef,   'TLSv1.3', ''],
    [1,     'thirteen', '1.2',   undef,     undef],
    [1,     'suite',    undef,   'TLSv1.2', 'ECDHE-ECDSA-AES256-GCM-SHA384'],
    [1,     'suite13',  undef,   'TLSv1.3', 'TLS_CHACHA20_POLY1305_SHA256'],
    [2,     'first',    undef,   'TLSv1.2', ''],
    # Without an SSLProtocol of its own a host keeps the limits of the first one at the address.
    [2,     'unset',    undef,   'TLSv1.2', ''],
    [2,     'own',      undef,   'TLSv1.3', ''],
);
for my $row (@table) {
    my ($port, $name, $version, $protocol, $cipher) = @$row;
    my $what   = "port $port, $name, client " . ($version // 'any');
    my $client = TlsClient->new(port => $httpd->port($port), sni => "$name.example.test", version => $version);
    my $error  = $client->handshake_error;
    if (!$protocol) {
        like $error, qr/alert 70/, "$what: refused with protocol_version";
        next;
    }
    is $error, '', "$what: handshake";
    is $client->protocol, $protocol, "$what: $protocol";
    is $client->cipher, $cipher, "$what: $cipher" if $cipher;
    is $client->get('/1k.bin', Host => "$name.example.test")->{status}, 200, "$what: a request";
}
done_testing;
