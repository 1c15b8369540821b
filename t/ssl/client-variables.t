# The variables of a client's certificate, byte for byte: in the environment, in logs, in mod_headers, in mod_rewrite and in expressions.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use ClientCert ();
use TestHttpd ();
use TlsClient ();

my $ca = ClientCert->authority;

# --- Certificates -----------------------------------------------------------------------------------------------------
my $alice = $ca->issue(
    serial  => '00FFEE01',
    subject => ClientCert::name(
        ['C', 'DE'], ['ST', 'Hessen'], ['L', 'Frankfurt'], ['O', 'Acme, Inc. + Söhne; "Q" <x> \\'], ['OU', 'Unit One'], ['OU', 'Unit Two'], ['OU', '#hash'],
        [['UID', 'alice'], ['CN', ' Alicé Smith ']], ['CN', 'second cn'], ['title', 'Dr'], ['initials', 'A.S.'], ['GN', 'Alicé'], ['SN', 'Smith'],
        ['description', 'desc=1'], ['UID', 'uid2'], ['x500UniqueIdentifier', '12345'], ['serialNumber', 'SN99', 'printable'], ['street', 'Main St 1'],
        ['postalCode', '60311'], ['DC', 'example'], ['DC', 'test'], ['pseudonym', 'ps'], ['emailAddress', 'alice@example.test'], ['emailAddress', 'second@example.test'],
    ),
    extensions => [
        ClientCert::san(
            ClientCert::dns('cli1.example.test'),      ClientCert::email('alice@example.test'), ClientCert::upn('alice@corp.example'), ClientCert::uri('urn:x:1'),
            ClientCert::ip("\x0a\x01\x02\x03"),        ClientCert::dns('cli2.example.test'),    ClientCert::email('bob@example.test'), ClientCert::upn('bob@corp.example'),
            ClientCert::other('1.3.6.1.5.5.7.8.7', ClientCert::string(ia5 => '_smtp.example.test')),
        ),
    ],
);
my %alice = (
    SSL_CLIENT_VERIFY             => 'SUCCESS',
    SSL_CLIENT_M_VERSION          => '3',
    SSL_CLIENT_M_SERIAL           => 'FFEE01',
    SSL_CLIENT_A_KEY              => 'id-ecPublicKey',
    SSL_CLIENT_A_SIG              => 'sha256WithRSAEncryption',
    SSL_CLIENT_V_REMAIN           => '10',
    SSL_CLIENT_S_DN               => 'emailAddress=second@example.test,emailAddress=alice@example.test,pseudonym=ps,DC=test,DC=example,postalCode=60311,street=Main St 1,serialNumber=SN99,x500UniqueIdentifier=12345,UID=uid2,description=desc=1,SN=Smith,GN=Alicé,initials=A.S.,title=Dr,CN=second cn,CN=\\ Alicé Smith\\ +UID=alice,OU=\\#hash,OU=Unit Two,OU=Unit One,O=Acme\\, Inc. \\+ Söhne\\; \\"Q\\" \\<x\\> \\\\,L=Frankfurt,ST=Hessen,C=DE',
    SSL_CLIENT_S_DN_C             => 'DE',
    SSL_CLIENT_S_DN_ST            => 'Hessen',
    SSL_CLIENT_S_DN_L             => 'Frankfurt',
    SSL_CLIENT_S_DN_O             => 'Acme, Inc. + Söhne; "Q" <x> \\\\',
    SSL_CLIENT_S_DN_OU            => 'Unit One',
    SSL_CLIENT_S_DN_OU_1          => 'Unit Two',
    SSL_CLIENT_S_DN_OU_2          => '#hash',
    SSL_CLIENT_S_DN_CN            => ' Alicé Smith ',
    SSL_CLIENT_S_DN_CN_1          => 'second cn',
    SSL_CLIENT_S_DN_T             => 'Dr',
    SSL_CLIENT_S_DN_I             => 'A.S.',
    SSL_CLIENT_S_DN_G             => 'Alicé',
    SSL_CLIENT_S_DN_S             => 'Smith',
    SSL_CLIENT_S_DN_D             => 'desc=1',
    SSL_CLIENT_S_DN_UID           => 'alice',
    SSL_CLIENT_S_DN_UID_1         => 'uid2',
    SSL_CLIENT_S_DN_Email         => 'alice@example.test',
    SSL_CLIENT_S_DN_Email_1       => 'second@example.test',
    SSL_CLIENT_S_DN_SerialNumber  => 'SN99',
    SSL_CLIENT_I_DN               => 'CN=Spec Intermediate,OU=B,OU=A,O=Spec Örg\\, Inc.,C=DE',
    SSL_CLIENT_I_DN_C             => 'DE',
    SSL_CLIENT_I_DN_O             => 'Spec Örg, Inc.',
    SSL_CLIENT_I_DN_OU            => 'A',
    SSL_CLIENT_I_DN_OU_1          => 'B',
    SSL_CLIENT_I_DN_CN            => 'Spec Intermediate',
    SSL_CLIENT_CERT_RFC4523_CEA   => '{ serialNumber 16772609, issuer rdnSequence:"CN=Spec Intermediate,OU=B,OU=A,O=Spec \\C3\\96rg\\, Inc.,C=DE" }',
    SSL_CLIENT_SAN_DNS_0          => 'cli1.example.test',
    SSL_CLIENT_SAN_DNS_1          => 'cli2.example.test',
    SSL_CLIENT_SAN_Email_0        => 'alice@example.test',
    SSL_CLIENT_SAN_Email_1        => 'bob@example.test',
    SSL_CLIENT_SAN_OTHER_msUPN_0  => 'alice@corp.example',
    SSL_CLIENT_SAN_OTHER_msUPN_1  => 'bob@corp.example',
);
my $alice_legacy = '/C=DE/ST=Hessen/L=Frankfurt/O=Acme, Inc. \\+ S\\xC3\\xB6hne; "Q" <x> \\/OU=Unit One/OU=Unit Two/OU=#hash/UID=alice+CN= Alic\\xC3\\xA9 Smith /CN=second cn/title=Dr/initials=A.S./GN=Alic\\xC3\\xA9/SN=Smith/description=desc=1/UID=uid2/x500UniqueIdentifier=12345/serialNumber=SN99/street=Main St 1/postalCode=60311/DC=example/DC=test/pseudonym=ps/emailAddress=alice@example.test/emailAddress=second@example.test';

# Found, but not exported; '' for names that are none.
my %looked_up = (
    SSL_CLIENT_SAN_OTHER_dnsSRV_0 => '_smtp.example.test',
    SSL_CLIENT_S_DN_SP            => 'Hessen',
    SSL_CLIENT_S_DN_OU_01         => 'Unit Two',
    SSL_CLIENT_S_DN_G_RAW         => "Alic\xE9",
    SSL_CLIENT_S_DN_CN_1_RAW      => 'second cn',
    SSL_CLIENT_SAN_DNS_0001       => 'cli2.example.test',
    SSL_CLIENT_SAN_email_1        => 'bob@example.test',
    ssl_client_m_serial           => 'FFEE01',
    SSL_CLIENT_SAN_DNS_2          => '',
    SSL_CLIENT_SAN_DNS_00001      => '',
    SSL_CLIENT_SAN_URI_0          => '',
    SSL_CLIENT_S_DN_CN_RAW_1      => '',
    SSL_CLIENT_S_DN_DC            => '',
    SSL_CLIENT_S_DN_emailAddress  => '',
    SSL_CLIENT_S_DN_SN            => '',
    SSL_CLIENT_S_DN_cn            => '',
    SSL_CLIENT_S_DN_CN_x          => '',
    SSL_CLIENT_S_DN_CN_7          => '',
    SSL_CLIENT_CERT_CHAIN_1       => '',
    SSL_CLIENT_CERT_CHAIN_x       => '',
    SSL_CLIENT_NOTHING            => '',
    ssl_client_s_dn               => '',
);

# What the distribution's module does not have.
my @additions = qw(SSL_CLIENT_B64CERT SSL_CLIENT_B64CERT_CHAIN_0 SSL_CLIENT_VERIFY_ERRSTR);
if (!TestHttpd::stock()) {
    my ($own, $issuer) = map { join '', grep { !/-----/ } split /\n/ } TestHttpd::slurp($alice) =~ /(-----BEGIN.*?END CERTIFICATE-----\n)/gs;
    @looked_up{@additions} = ($own, $issuer, '');
}
else { @looked_up{@additions} = ('') x @additions }

# --- The server -------------------------------------------------------------------------------------------------------
my @names   = sort(keys %alice, keys %looked_up);
my $log     = join '|', map { "%{$_}x" } @names;
my $legacy  = join '|', map { "%{$_}c" } qw(version subjectdn issuerdn clientcert cacert errcode errstr nothing);
my $headers = '';
for my $number (0 .. $#names) {
    my $name = $names[$number];
    $headers .= "Header set H$number \"[%{$name}s]\"\nHeader set E$number \"expr=[%{$name}]\"\nHeader set L$number \"expr=[%{SSL:$name}]\"\n"
        . "RewriteRule .* - [E=R$number:%{SSL:$name}]\nHeader set R$number \"[%{R$number}e]\"\n";
}
my $httpd = TestHttpd->start(<<"END");
Protocols h2 http/1.1
LogFormat "$log" variables
LogFormat "$legacy" legacy
SSLSessionCache shmcb
<VirtualHost *:\@PORT@>
    ServerName localhost
    SSLEngine on
    \@ECDSA@
    SSLOpenSSLConfCmd VerifyMode Request
    SSLOpenSSLConfCmd VerifyCAFile ${\ $ca->root}
    <Location /1k.bin>
        RewriteEngine on
        $headers
    </Location>
    SSLOptions +StdEnvVars
    <Location /cgi/env/legacy>
        SSLOptions +LegacyDNStringFormat
    </Location>
    <Location /cgi/env/certificates>
        SSLOptions +ExportCertData -StdEnvVars
    </Location>
    <Location /none>
        SSLOptions -StdEnvVars
    </Location>
    SetEnvIf Request_URI ^/1k.bin to_log
    CustomLog logs/variables variables env=to_log
    CustomLog logs/legacy legacy env=to_log
</VirtualHost>
END
my $port = $httpd->port;

sub client {
    my ($certificate, %option) = @_;
    return TlsClient->new(port => $port, sni => 'localhost', ($certificate ? (cert => $certificate, key => $ca->key) : ()), %option)->handshake;
}

sub client_variables {
    my ($body) = @_;
    return {map { /^(SSL_CLIENT_\w*)=(.*)$/ ? ($1, $2) : () } split /\n/, $body};
}

sub certificate_of { my ($file) = @_; return (TestHttpd::slurp($file) =~ /(-----BEGIN.*?END CERTIFICATE-----\n)/gs)[0] }

sub escaped { my ($text) = @_; $text =~ s/(["\\])/\\$1/g; $text =~ s/([^ -~])/sprintf '\\x%02x', ord $1/ge; return $text }

# --- All consumers, all names -----------------------------------------------------------------------------------------
my ($from, $to) = map { my ($text) = qx(openssl x509 -in $alice -noout $_) =~ /=(.*)/; $text } '-startdate', '-enddate';
my @dates = (SSL_CLIENT_V_START => $from, SSL_CLIENT_V_END => $to);
my %found = (%alice, %looked_up);
for my $version ('1.2', '1.3') {
    my $client = client($alice, version => $version);
    is_deeply client_variables($client->get('/cgi/env')->{body}), {%alice, @dates}, "TLS $version: exported are these and no others";
    my $got = client_variables($client->get('/cgi/env/legacy')->{body});
    is $got->{SSL_CLIENT_S_DN}, $alice_legacy, "TLS $version: LegacyDNStringFormat";
    is $got->{SSL_CLIENT_I_DN}, '/C=DE/O=Spec \\xC3\\x96rg, Inc./OU=A/OU=B/CN=Spec Intermediate', '... of the issuer';
    is $got->{SSL_CLIENT_CERT_RFC4523_CEA}, $alice{SSL_CLIENT_CERT_RFC4523_CEA}, '... not in the assertion';
    my $certificates = {
        SSL_CLIENT_CERT         => certificate_of($alice) =~ s/\n/\\n/gr,
        SSL_CLIENT_CERT_CHAIN_0 => $ca->issuer_pem =~ s/\n/\\n/gr,
    };
    is_deeply client_variables($client->get('/cgi/env/certificates')->{body}), $certificates, "TLS $version: ExportCertData";

    my $before  = length $httpd->access_log('variables');
    my $answer  = $client->get('/1k.bin');
    for my $number (0 .. $#names) {
        my ($name, $value) = ($names[$number], $found{$names[$number]});
        my $header = $answer->{headers};
        is $header->{"h$number"}, length $value ? "[$value]" : '[(null)]', "TLS $version: %{$name}s";
        is $header->{"$_$number"}, "[$value]", "TLS $version: $name, place $_" for qw(e l r);
    }
    $httpd->wait_for(sub { substr($httpd->access_log('variables'), $before) =~ /\n/ }, 'a line in the log');
    my $line = substr $httpd->access_log('variables'), $before;
    is $line, join('|', map { length $found{$_} ? escaped($found{$_}) : '-' } @names) . "\n", "TLS $version: the line in the log";

    # What a session holds: the certificate, not the chain.
    my $again = client($alice, version => $version, session => $client->session);
    is $again->reused, 1, "TLS $version: resumed";
    is_deeply client_variables($again->get('/cgi/env')->{body}), {%alice, @dates}, '... the same variables';
    delete $certificates->{SSL_CLIENT_CERT_CHAIN_0};
    is_deeply client_variables($again->get('/cgi/env/certificates')->{body}), $certificates, '... but no chain';

    my $none = client(undef, version => $version);
    is_deeply client_variables($none->get('/cgi/env')->{body}), {SSL_CLIENT_VERIFY => 'NONE'}, "TLS $version: no certificate";
    is_deeply client_variables($none->get('/cgi/env/certificates')->{body}), {SSL_CLIENT_CERT => ''}, '... one that is empty';
}
my ($dn, $issuer) = map { escaped($alice{$_}) } qw(SSL_CLIENT_S_DN SSL_CLIENT_I_DN);
is $httpd->access_log('legacy'), join('', map { "TLSv$_|$dn|$issuer|$dn|$issuer|-|-|-\n" } '1.2', '1.3'), '%{..}c in a log';

SKIP: {
    skip 'mod_http2 does not work with prefork', 1 if TestHttpd::mpm() eq 'prefork';
    my $body = qx(curl --silent --http2 --cacert ${\ TestHttpd::ca()} --cert $alice --key ${\ $ca->key} https://localhost:$port/cgi/env);
    is_deeply client_variables($body), {%alice, @dates}, 'an HTTP/2 stream';
}

# --- Other certificates -----------------------------------------------------------------------------------------------
# Name, options, variables, the subject in the old form.
my @others = (
    ['control characters', {subject => ClientCert::name(['CN', "line1\nline2\ttab\x7fdel"])},
        {SSL_CLIENT_S_DN => 'CN=line1\\0Aline2\\09tab\\7Fdel', SSL_CLIENT_S_DN_CN => 'line1\\0Aline2\\09tab\\7Fdel'}, '/CN=line1\\x0Aline2\\x09tab\\x7Fdel'],
    ['BMPString', {subject => ClientCert::name(['CN', "\0J\0\xfc\0r\0g\0e\0n\0 \x20\xac", 'bmp'])},
        {SSL_CLIENT_S_DN => 'CN=Jürgen €', SSL_CLIENT_S_DN_CN => 'Jürgen €'}, '/CN=\\x00J\\x00\\xFC\\x00r\\x00g\\x00e\\x00n\\x00  \\xAC'],
    ['T61String', {subject => ClientCert::name(['CN', "J\xfcrgen", 't61'])},
        {SSL_CLIENT_S_DN => 'CN=Jürgen', SSL_CLIENT_S_DN_CN => 'Jürgen'}, '/CN=J\\xFCrgen'],
    ['NUL, unknown type', {subject => ClientCert::name(['C', 'DE'], ['1.2.3.4.99', 'foo bar'], ['CN', "a\0b"])},
        {SSL_CLIENT_S_DN => 'CN=a\\00b,1.2.3.4.99=#0C07666F6F20626172,C=DE', SSL_CLIENT_S_DN_CN => 'a\\00b'}, '/C=DE/1.2.3.4.99=foo bar/CN=a\\x00b'],
    ['serial 0, version 1', {subject => ClientCert::name(['CN', 'x']), serial => '00', version => 1},
        {SSL_CLIENT_M_SERIAL => '00', SSL_CLIENT_M_VERSION => '1', SSL_CLIENT_CERT_RFC4523_CEA => '{ serialNumber 0, issuer rdnSequence:"CN=Spec Intermediate,OU=B,OU=A,O=Spec \\C3\\96rg\\, Inc.,C=DE" }'}, '/CN=x'],
    ['serial -5', {subject => ClientCert::name(['CN', 'x']), serial => 'FB'},
        {SSL_CLIENT_M_SERIAL => '-05', SSL_CLIENT_CERT_RFC4523_CEA => '{ serialNumber -5, issuer rdnSequence:"CN=Spec Intermediate,OU=B,OU=A,O=Spec \\C3\\96rg\\, Inc.,C=DE" }'}, '/CN=x'],
    ['empty subject', {subject => ClientCert::name()}, {SSL_CLIENT_S_DN => undef, SSL_CLIENT_VERIFY => 'SUCCESS', map { ("SSL_CLIENT_S_DN_$_" => undef) } qw(C CN O)}, undef],
    ['otherName of a wrong type', {subject => ClientCert::name(['CN', 'x']), extensions => [ClientCert::san(ClientCert::upn(undef, ClientCert::string(ia5 => 'wrong')), ClientCert::upn('right'))]},
        {SSL_CLIENT_SAN_OTHER_msUPN_0 => 'right', SSL_CLIENT_SAN_OTHER_msUPN_1 => undef}, '/CN=x'],
    ['Ed25519', {subject => ClientCert::name(['CN', 'x']), key => ClientCert::new_key('ed25519', 'ed25519'), by => 'modern'},
        {SSL_CLIENT_A_KEY => 'ED25519', SSL_CLIENT_A_SIG => 'ED25519', SSL_CLIENT_I_DN => 'CN=Modern intermediate', SSL_CLIENT_VERIFY => 'SUCCESS'}, '/CN=x'],
    ['RSA-PSS', {subject => ClientCert::name(['CN', 'x']), key => ClientCert::new_key('rsa-pss', 'rsa-pss'), algorithm => 'pss'},
        {SSL_CLIENT_A_KEY => 'rsassaPss', SSL_CLIENT_A_SIG => 'rsassaPss', SSL_CLIENT_VERIFY => 'SUCCESS'}, '/CN=x'],
    ['ends today', {subject => ClientCert::name(['CN', 'x']), end => ClientCert::utc(time + 86_000)}, {SSL_CLIENT_V_REMAIN => '0'}, '/CN=x'],
);
for my $case (@others) {
    my ($what, $option, $expected, $old) = @$case;
    my $client = client($ca->issue(%$option), $option->{key} ? (key => $option->{key}) : ());
    my $got    = client_variables($client->get('/cgi/env')->{body});
    is $got->{$_}, $expected->{$_}, "$what: $_" for sort keys %$expected;
    is client_variables($client->get('/cgi/env/legacy')->{body})->{SSL_CLIENT_S_DN}, $old, "$what: in the old form";
}
done_testing;
