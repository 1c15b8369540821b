# What the handshake has negotiated, as variables: ciphers that both sides allow, the group of the key exchange, signatures. The
# distribution's module has none of them.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use ClientCert ();
use TestHttpd ();
use TlsClient ();

my @names = qw(SSL_SHARED_CIPHERS SSL_KEY_EXCHANGE_GROUP SSL_SERVER_SIGNATURE_SCHEME SSL_CLIENT_SIGNATURE_SCHEME SSL_HANDSHAKE_RTT SSL_ECH_STATUS);
my $ca    = ClientCert->authority;
my $index = 0;
my $httpd = TestHttpd->start(<<"END");
Protocols h2 http/1.1
SSLSessionCache shmcb
LogFormat "@{[ join '|', map { "%{$_}x" } @names ]}" negotiated
CustomLog logs/negotiated negotiated
SSLVerifyClient optional
SSLVerifyDepth 3
SSLCACertificateFile ${\ $ca->root}
SSLOptions +StdEnvVars
SSLCipherSuite ECDHE+AESGCM:DHE+AESGCM
SSLCipherSuite TLSv1.3 TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256
SSLOpenSSLConfCmd Groups X25519:P-256:P-384
@{[ join '', map { "<VirtualHost *:\@PORT" . ++$index . "@>\nServerName localhost\nSSLEngine on\n\@$_@\n</VirtualHost>\n" } qw(RSA ECDSA ED25519) ]}
END
my %port = map { $_ => $httpd->port(++$index - 3) } qw(rsa ecdsa ed25519);

my $seen = 0;

sub logged {
    my ($client) = @_;
    is $client->get('/1.bin')->{status}, 200, 'served' if ref $client;
    $httpd->wait_for(sub { substr($httpd->access_log('negotiated'), $seen) =~ /\n/ }, 'a line in the log');
    my $line = substr $httpd->access_log('negotiated'), $seen;
    $seen += length $line;
    chomp $line;
    my %value;
    @value{@names} = map { $_ eq '-' ? '' : $_ } split /\|/, $line, -1;
    return \%value;
}

sub check {
    my ($what, $client, %expected) = @_;
    my $got = logged($client);
    if (TestHttpd::stock()) {
        is join('', values %$got), '', "$what: nothing with the distribution's module";
        return;
    }
    is $got->{$_}, $expected{$_}, "$what: $_" for sort keys %expected;
    # Not before OpenSSL 3.2.
    my ($version) = qx(openssl version) =~ /Library: OpenSSL (\d+\.\d+)/;
    like $got->{SSL_HANDSHAKE_RTT}, $version >= 3.2 ? qr/\A\d+\z/ : qr/\A\z/, "$what: SSL_HANDSHAKE_RTT";
    is $got->{SSL_ECH_STATUS}, '', "$what: no ECH";
    return;
}

sub client { my ($type, $version, %option) = @_; return TlsClient->new(port => $port{$type}, sni => 'localhost', version => $version, %option)->handshake }

# A client offers what it can verify signatures for.
my $offer = 'ECDHE-RSA-AES256-GCM-SHA384:AES128-SHA:ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384';
my %both  = (rsa => 'ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256', ecdsa => 'ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384');
$both{ed25519} = $both{ecdsa};
for my $row (
    # certificate of the server, version, signature algorithms of the client, scheme
    ['rsa',     '1.2', 'RSA+SHA256',             'rsa_pkcs1_sha256'],
    ['rsa',     '1.2', 'rsa_pss_rsae_sha384',    'rsa_pss_rsae_sha384'],
    ['ecdsa',   '1.2', 'ECDSA+SHA384',           'ecdsa_secp384r1_sha384'],
    ['ecdsa',   '1.3', 'ECDSA+SHA256',           'ecdsa_secp256r1_sha256'],
    ['rsa',     '1.3', 'rsa_pss_rsae_sha512',    'rsa_pss_rsae_sha512'],
    ['ed25519', '1.2', 'ed25519',                'ed25519'],
    ['ed25519', '1.3', 'ed25519',                'ed25519'],
) {
    my ($type, $version, $signatures, $scheme) = @$row;
    my $what   = "$type, TLS $version, $signatures";
    # The chain of the server is signed with ECDSA.
    my %option = (sigalgs => $signatures, ca => undef, $version eq '1.2' ? (ciphers => $offer) : ());
    my $client = client($type, $version, %option);
    my $shared = $version eq '1.2' ? $both{$type} : 'TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256';
    check($what, $client, SSL_SHARED_CIPHERS => $shared, SSL_KEY_EXCHANGE_GROUP => 'x25519', SSL_SERVER_SIGNATURE_SCHEME => $scheme, SSL_CLIENT_SIGNATURE_SCHEME => '');
    my $again = client($type, $version, %option, session => $client->session);
    is $again->reused, 1, "$what: resumed";
    check("$what, resumed", $again, SSL_SHARED_CIPHERS => $version eq '1.2' ? '' : $shared, SSL_KEY_EXCHANGE_GROUP => 'x25519', SSL_SERVER_SIGNATURE_SCHEME => '', SSL_CLIENT_SIGNATURE_SCHEME => '');
}

# Certificates of clients.
my $x = ClientCert::name(['CN', 'x']);
for my $row (
    ['ecdsa',   'ecdsa_secp256r1_sha256'],
    ['rsa',     'rsa_pss_rsae_sha256'],
    ['rsa-pss', 'rsa_pss_pss_sha256'],
    ['ed25519', 'ed25519'],
) {
    my ($type, $scheme) = @$row;
    my $key  = ClientCert::new_key("client-$type", $type);
    my $file = $ca->issue(subject => $x, key => $key);
    for my $version ('1.2', '1.3') {
        check("client with $type, TLS $version", client('rsa', $version, cert => $file, key => $key), SSL_CLIENT_SIGNATURE_SCHEME => $scheme, SSL_SERVER_SIGNATURE_SCHEME => 'rsa_pss_rsae_sha256');
    }
}

SKIP: {
    skip 'mod_http2 does not work with prefork', 1 if TestHttpd::mpm() eq 'prefork';
    is qx(curl --silent --http2 --output /dev/null --write-out '%{http_version}' --curves P-384 --tlsv1.3 --cacert ${\ TestHttpd::ca()} https://localhost:$port{ecdsa}/1.bin), 2, 'HTTP/2';
    check('HTTP/2', undef, SSL_KEY_EXCHANGE_GROUP => 'secp384r1', SSL_SERVER_SIGNATURE_SCHEME => 'ecdsa_secp256r1_sha256');
}
unlike client('rsa', '1.3')->get('/cgi/env')->{body}, qr/SHARED_CIPHERS|EXCHANGE_GROUP|SIGNATURE_SCHEME|HANDSHAKE_RTT/, 'none of them is exported';
done_testing;
