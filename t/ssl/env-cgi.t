# What a program finds in its environment with `SSLOptions +StdEnvVars`: exactly these names and values.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use TestHttpd ();
use TlsClient ();

my $httpd = TestHttpd->start(<<'END');
Protocols h2 http/1.1
<VirtualHost *:@PORT@>
    ServerName names.example.test
    SSLEngine on
    SSLCertificateFile    @CERTS@/names.pem
    SSLCertificateKeyFile @CERTS@/names.key
    SSLOptions +StdEnvVars
    <Location /cgi/env/less>
        SSLOptions -StdEnvVars
    </Location>
    <Location /cgi/env/legacy>
        SSLOptions +LegacyDNStringFormat
    </Location>
    <Location /cgi/env/certificate>
        SSLOptions +ExportCertData
    </Location>
    <Location /cgi/env/only>
        SSLOptions ExportCertData
    </Location>
</VirtualHost>
<VirtualHost *:@PORT2@>
    ServerName names.example.test
</VirtualHost>
END
my $port = $httpd->port;

sub tls_variables {
    my ($body) = @_;
    return {map { /^((?:SSL_|HTTPS)\w*)=(.*)$/ ? ($1, $2) : () } split /\n/, $body};
}

sub openssl_says {
    my ($what) = @_;
    my ($value) = qx(openssl x509 -in ${\ TestHttpd::certs()}/names.pem -noout $what) =~ /=(.*)/;
    return $value;
}

# The versions that the server was built for and runs with.
my ($httpd_version)   = qx(${\ TestHttpd::httpd()} -v) =~ m{Apache/([0-9.]+)};
my ($library_version) = qx(openssl version) =~ /Library: OpenSSL ([0-9.]+)/;

my %certificate = (
    SSL_SERVER_M_VERSION          => '3',
    SSL_SERVER_M_SERIAL           => '0ABCDEF0123456789ABCDEF0123456789A',
    SSL_SERVER_A_KEY              => 'rsaEncryption',
    SSL_SERVER_A_SIG              => 'ecdsa-with-SHA256',
    SSL_SERVER_V_START            => openssl_says('-startdate'),
    SSL_SERVER_V_END              => openssl_says('-enddate'),
    SSL_SERVER_S_DN               => 'emailAddress=admin@example.test,CN=names.example.test,OU=Unit Two,OU=Unit One,O=Acme\\, Inc. \\+ Söhne\\; \\"Q\\" \\<x\\> \\\\,L=Frankfurt,ST=Hessen,C=DE',
    SSL_SERVER_S_DN_C             => 'DE',
    SSL_SERVER_S_DN_ST            => 'Hessen',
    SSL_SERVER_S_DN_L             => 'Frankfurt',
    SSL_SERVER_S_DN_O             => 'Acme, Inc. + Söhne; "Q" <x> \\\\',    # a backslash comes doubled
    SSL_SERVER_S_DN_OU            => 'Unit One',
    SSL_SERVER_S_DN_OU_1          => 'Unit Two',
    SSL_SERVER_S_DN_CN            => 'names.example.test',
    SSL_SERVER_S_DN_Email         => 'admin@example.test',
    SSL_SERVER_I_DN               => 'CN=Demonstration intermediate,O=mod_ssl demonstration',
    SSL_SERVER_I_DN_O             => 'mod_ssl demonstration',
    SSL_SERVER_I_DN_CN            => 'Demonstration intermediate',
    SSL_SERVER_SAN_DNS_0          => 'names.example.test',
    SSL_SERVER_SAN_DNS_1          => 'second.example.test',
    SSL_SERVER_SAN_DNS_2          => '*.names.example.test',
    SSL_SERVER_SAN_Email_0        => 'admin@example.test',
    SSL_SERVER_SAN_OTHER_dnsSRV_0 => '_https.example.test',
);
my %always = (
    SSL_VERSION_INTERFACE => "mod_ssl/$httpd_version",
    SSL_VERSION_LIBRARY   => "OpenSSL/$library_version",
    SSL_CLIENT_VERIFY     => 'NONE',
    SSL_COMPRESS_METHOD   => 'NULL',
    SSL_SECURE_RENEG      => 'true',
    SSL_CIPHER_EXPORT     => 'false',
    %certificate,
);
my @table = (
    # version, cipher, bits used, bits of the algorithm
    ['1.2', 'ECDHE-RSA-AES128-GCM-SHA256',   128, 128],
    ['1.2', 'ECDHE-RSA-CHACHA20-POLY1305',   256, 256],
    ['1.3', 'TLS_AES_256_GCM_SHA384',        256, 256],
);
for my $row (@table) {
    my ($version, $cipher, $used, $algorithm) = @$row;
    my @cipher = $version eq '1.2' ? (ciphers => $cipher) : ();
    for my $sni ('names.example.test', undef) {
        my $client = TlsClient->new(port => $port, version => $version, sni => $sni, @cipher)->handshake;
        my %expected = (
            HTTPS                 => 'on',
            SSL_PROTOCOL          => "TLSv$version",
            SSL_CIPHER            => $cipher,
            SSL_CIPHER_USEKEYSIZE => $used,
            SSL_CIPHER_ALGKEYSIZE => $algorithm,
            SSL_SESSION_RESUMED   => 'Initial',
            $sni ? (SSL_TLS_SNI => $sni) : (),
            %always,
        );
        my $what = "$cipher, " . ($sni ? 'SNI' : 'no SNI');
        my $got  = tls_variables($client->get('/cgi/env', Host => 'names.example.test')->{body});
        # TLS 1.2 has no id when it gives out a ticket; in TLS 1.3 the library makes one up.
        like delete $got->{SSL_SESSION_ID}, qr/\A[0-9a-f]{64}\z/, "$what: a session id" if $version eq '1.3';
        is_deeply $got, \%expected, "$what: exactly the variables that are documented";
        is_deeply tls_variables($client->get('/cgi/env', Host => 'names.example.test')->{body})->{SSL_SESSION_RESUMED}, 'Initial', '... the same for the second request';

        my $again = TlsClient->new(port => $port, version => $version, sni => $sni, @cipher, session => $client->session)->handshake;
        is $again->reused, 1, "$what: resumed";
        $got = tls_variables($again->get('/cgi/env', Host => 'names.example.test')->{body});
        like delete $got->{SSL_SESSION_ID}, qr/\A[0-9a-f]{64}\z/, '... a session id';
        is_deeply $got, {%expected, SSL_SESSION_RESUMED => 'Resumed'}, '... the same variables, but SSL_SESSION_RESUMED';
    }
}

# SSLOptions of a section add to, and take from, those of the host.
my $client = TlsClient->new(port => $port, sni => 'names.example.test')->handshake;
sub variables_at { return tls_variables($client->get($_[0], Host => 'names.example.test')->{body}) }
my $pem = TestHttpd::slurp(TestHttpd::certs() . '/names.pem') =~ s/-----END CERTIFICATE-----\n\K.*//sr =~ s/\n/\\n/gr;
is_deeply variables_at('/cgi/env/less'), {HTTPS => 'on', SSL_TLS_SNI => 'names.example.test'}, '-StdEnvVars leaves HTTPS and SSL_TLS_SNI';
my $legacy = variables_at('/cgi/env/legacy');
is $legacy->{SSL_SERVER_S_DN}, '/C=DE/ST=Hessen/L=Frankfurt/O=Acme, Inc. \\+ S\\xC3\\xB6hne; "Q" <x> \\/OU=Unit One/OU=Unit Two/CN=names.example.test/emailAddress=admin@example.test', '+LegacyDNStringFormat';
is $legacy->{SSL_SERVER_I_DN}, '/O=mod_ssl demonstration/CN=Demonstration intermediate', '... of the issuer';
my $exported = variables_at('/cgi/env/certificate');
is $exported->{SSL_SERVER_CERT}, $pem, '+ExportCertData: the certificate';
is $exported->{SSL_CLIENT_CERT}, '', '... and an empty one of the client';
is $exported->{SSL_PROTOCOL}, 'TLSv1.3', '... besides the others';
is_deeply variables_at('/cgi/env/only'), {HTTPS => 'on', SSL_TLS_SNI => 'names.example.test', SSL_SERVER_CERT => $pem, SSL_CLIENT_CERT => ''}, 'ExportCertData without a sign: nothing else';

# HTTP/2 streams see the variables of their connection.
SKIP: {
    skip 'mod_http2 does not work with prefork', 1 if TestHttpd::mpm() eq 'prefork';
    my $got = tls_variables(scalar qx(curl --silent --http2 --cacert ${\ TestHttpd::ca()} --resolve names.example.test:$port:127.0.0.1 https://names.example.test:$port/cgi/env));
    delete @$got{'SSL_SESSION_ID', 'SSL_CIPHER', 'SSL_CIPHER_USEKEYSIZE', 'SSL_CIPHER_ALGKEYSIZE', 'SSL_SECURE_RENEG'};
    my %expected = (HTTPS => 'on', SSL_PROTOCOL => 'TLSv1.3', SSL_SESSION_RESUMED => 'Initial', SSL_TLS_SNI => 'names.example.test', %always);
    delete @expected{'SSL_CIPHER', 'SSL_SECURE_RENEG'};
    is_deeply $got, \%expected, 'an HTTP/2 stream';
}

# On a plain connection there is nothing.
my $answer = qx(curl --silent http://127.0.0.1:${\ $httpd->port(2)}/cgi/env);
like $answer, qr/^REQUEST_SCHEME=http$/m, 'plain HTTP is answered';
is_deeply tls_variables($answer), {}, '... without variables of TLS';
like $client->get('/cgi/env', Host => 'names.example.test')->{body}, qr/^REQUEST_SCHEME=https$/m, 'over TLS the scheme is https';
done_testing;
