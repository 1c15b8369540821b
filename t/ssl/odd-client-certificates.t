# Certificates of clients with odd keys, times, names and extensions, against hosts that let anybody in and hosts that do not: taken or
# refused, what is said of them is plain text everywhere, and the server goes on.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use ClientCert ();
use Keys ();
use TestHttpd ();
use TlsClient ();

my $ca    = ClientCert->authority;
my $host  = "ServerName localhost\nSSLEngine on\n\@ECDSA\@\nSSLCACertificateFile ${\ $ca->root}\nSSLVerifyDepth 5\nSSLCipherSuite ALL:\@SECLEVEL=0\nSSLOptions +StdEnvVars +ExportCertData";
my $httpd = TestHttpd->start(<<"END");
ExtendedStatus on
<VirtualHost *:\@PORT@>
    $host
    SSLVerifyClient optional_no_ca
    SSLUserName SSL_CLIENT_S_DN_CN
    <Location /status>
        SetHandler server-status
    </Location>
    <Location /cgi/env/faked>
        SSLOptions +FakeBasicAuth
    </Location>
</VirtualHost>
<VirtualHost *:\@PORT2@>
    $host
    SSLVerifyClient require
    LogLevel ssl:trace4
</VirtualHost>
END

# 'refused', or what the environment says: VERIFY, and the values of those variables; '-' if there is too much of it for a program.
sub outcome {
    my ($port, $certificate, $version, $key, @variables) = @_;
    my $client = TlsClient->new(port => $httpd->port($port), sni => 'localhost', version => $version, cert => $certificate, key => $key // $ca->key, ciphers => 'ALL:@SECLEVEL=0');
    my $body = eval {
        $client->handshake;
        $client->get('/cgi/env/legacy')->{body};
    } // return 'refused';
    return join '|', map { $body =~ /^SSL_CLIENT_$_=(.*)$/m ? $1 : '-' } 'VERIFY', @variables;
}

# --- Keys -----------------------------------------------------------------------------------------------------------
my %key = (
    'RSA of 512 bits'      => [qw(RSA -pkeyopt rsa_keygen_bits:512)],
    'RSA of 1024 bits'     => [qw(RSA -pkeyopt rsa_keygen_bits:1024)],
    'RSA, exponent 3'      => [qw(RSA -pkeyopt rsa_keygen_bits:2048 -pkeyopt rsa_keygen_pubexp:3)],
    'RSA-PSS'              => [qw(RSA-PSS -pkeyopt rsa_keygen_bits:2048)],
    'RSA-PSS with SHA-512' => [qw(RSA-PSS -pkeyopt rsa_keygen_bits:2048 -pkeyopt rsa_pss_keygen_md:sha512 -pkeyopt rsa_pss_keygen_mgf1_md:sha512 -pkeyopt rsa_pss_keygen_saltlen:64)],
    'Ed25519'              => ['ED25519'],
    'Ed448'                => ['ED448'],
    'P-521'                => [qw(EC -pkeyopt ec_paramgen_curve:P-521)],
    'secp256k1'            => [qw(EC -pkeyopt ec_paramgen_curve:secp256k1)],
    'explicit parameters'  => [qw(EC -pkeyopt ec_paramgen_curve:P-256 -pkeyopt ec_param_enc:explicit)],
    'X25519'               => ['X25519'],
);
my %works = map { $_ => 1 } 'RSA of 1024 bits', 'RSA, exponent 3', 'RSA-PSS', 'RSA-PSS with SHA-512', 'Ed25519', 'Ed448', 'P-521';
for my $what (sort keys %key) {
    my $file = Keys::folder() . '/odd.key';
    Keys::openssl('genpkey', '-quiet', '-algorithm', @{$key{$what}}, '-out', $file);
    my $certificate = $ca->issue(subject => ClientCert::name(['CN', 'odd']), key => $file);
    for my $version ('1.2', '1.3') {
        for my $port (1, 2) {
            my $got = eval { outcome($port, $certificate, $version, $file, 'S_DN_CN') } // 'the client does not take it';
            if ($works{$what}) { is $got, 'SUCCESS|odd', "$what, TLS $version, port $port" }
            else               { like $got, qr/\A(?:refused|the client does not take it|NONE\|-|(?:SUCCESS|GENEROUS|FAILED:[^|]*)\|odd)\z/, "$what, TLS $version, port $port: $got" }
        }
    }
}

# --- Contents -------------------------------------------------------------------------------------------------------
sub utc { return ClientCert::der(0x17, $_[0]) }
sub generalized { return ClientCert::der(0x18, $_[0]) }
sub critical { my ($oid, $value) = @_; return ClientCert::sequence(ClientCert::oid($oid), ClientCert::der(0x01, "\xff"), ClientCert::string(octet => $value)) }

# What is odd, and whether the host that requires a certificate lets it in: 1, 0, or undef for either.
my @odd = (
    ['month 13',                    {start => utc('261301000000Z')},                    0],
    ['month 0',                     {start => utc('260001000000Z')},                    0],
    ['day 32',                      {end => utc('271232000000Z')},                      0],
    ['the 25th hour',               {end => utc('271201250000Z')},                      0],
    ['no Z',                        {end => utc('271201000000')},                       undef],
    ['no seconds',                  {end => utc('2712010000Z')},                        undef],
    ['an offset',                   {end => utc('271201000000+0100')},                  undef],
    ['fractions of seconds',        {end => generalized('20271201000000.123456789Z')},  undef],
    ['the year 0',                  {start => generalized('00000101000000Z')},          undef],
    ['the year 0 at the end',       {end => generalized('00000101000000Z')},            0],
    ['the year 9999',               {end => generalized('99991231235959Z')},            1],
    ['a time with line breaks',     {end => utc("27\r\n01000000Z")},                    0],
    ['a time with NUL',             {end => utc("271201000000Z\0")},                    undef],
    ['a time of 60,000 digits',     {end => generalized('2' x 60_000)},                 0],
    ['a time of another type',      {end => ClientCert::string(utf8 => '271201000000Z')}, undef],
    ['the end before the start',    {start => utc('300101000000Z'), end => utc('200101000000Z')}, 0],
    ['a serial of 60,000 bytes',    {serial => '7f' . 'ab' x 59_999},                   undef],
    ['a negative serial',           {serial => 'ff01'},                                 undef],
    ['a serial of nothing',         {serial => ''},                                     undef],
    ['a serial of 0',               {serial => '00'},                                   undef],
    ['version 1',                   {version => 1},                                     undef],
    ['version 7',                   {version => 7},                                     undef],
    ['a BMPString of odd length',   {subject => ClientCert::name(['CN', "\0a\0", 'bmp'])},                     undef],
    ['a BMPString with a line break', {subject => ClientCert::name(['CN', "\0x\0\r\0\n\0I\0n\0j\0e\0c\0t\0e\0d", 'bmp'])}, 1],
    ['a BMPString of surrogates',   {subject => ClientCert::name(['CN', "\xd8\0\xdc\0", 'bmp'])},              undef],
    ['a UniversalString',           {subject => ClientCert::name(['CN', "\0\0\0x\0\0\0\n\0\0\0\e", 'universal'])}, 1],
    ['a UniversalString of three bytes', {subject => ClientCert::name(['CN', "\0\0x", 'universal'])},          undef],
    ['characters beyond Unicode',   {subject => ClientCert::name(['CN', "\x7f\xff\xff\xff", 'universal'])},    undef],
    ['a T61String',                 {subject => ClientCert::name(['CN', "x\r\n\e[31m\xff", 't61'])},           1],
    ['a NumericString of letters',  {subject => ClientCert::name(['CN', "x\r\n\e[31m", 'numeric'])},           1],
    ['a VisibleString of controls', {subject => ClientCert::name(['CN', "x\r\n\e[31m", 'visible'])},           undef],
    ['an OCTET STRING',             {subject => ClientCert::name(['CN', "x\r\n\e[31m", 'octet'])},             undef],
    ['NULL for a name',             {subject => ClientCert::name(['CN', '', 'null'])},                         undef],
    ['an empty subject',            {subject => ClientCert::name()},                                           1],
    ['a subject of 1,000 parts',    {subject => ClientCert::name(map { ['OU', "\r\nInjected: $_"] } 1 .. 1_000)}, 1],
    ['a name of 60,000 bytes',      {subject => ClientCert::name(['CN', "\r\n" x 30_000])},                    1],
    ['a critical extension that nobody knows', {extensions => [critical('1.2.3.4.5', 'x')]},                   0],
    ['an extension that nobody knows',         {extensions => [ClientCert::extension('1.2.3.4.5', "\r\nInjected: x")]}, 1],
    ['1,000 extensions',            {extensions => [map { ClientCert::extension("1.2.3.$_", "\r\nx") } 1 .. 1_000]}, 1],
    ['key usage of nothing',        {extensions => [critical('2.5.29.15', ClientCert::der(0x03, "\0"))]},      undef],
    ['extended key usage of servers', {extensions => [ClientCert::extension('2.5.29.37', ClientCert::sequence(ClientCert::oid('1.3.6.1.5.5.7.3.1')))]}, 0],
    ['malformed basic constraints', {extensions => [critical('2.5.29.19', 'x')]},                              0],
    ['a malformed authority key identifier', {extensions => [ClientCert::extension('2.5.29.35', 'x')]},        undef],
    ['alternative names of every kind', {extensions => [ClientCert::san(ClientCert::dns("x\r\nInjected: 1"), ClientCert::email("x\0y"), ClientCert::uri("\e[31m"), ClientCert::ip("\1\2\3"), ClientCert::directory(ClientCert::name(['CN', "\n"])), ClientCert::other('1.2.3', ClientCert::string(utf8 => "\n")), ClientCert::upn("a\r\nb"))]}, undef],
    ['an address of a responder with line breaks', {extensions => [ClientCert::extension('1.3.6.1.5.5.7.1.1', ClientCert::sequence(ClientCert::sequence(ClientCert::oid('1.3.6.1.5.5.7.48.1'), ClientCert::uri("http://127.0.0.1/\r\nInjected: x"))))]}, 1],
);
for my $case (@odd) {
    my ($what, $option, $taken) = @$case;
    my $certificate = $ca->issue(subject => ClientCert::name(['CN', 'odd']), %$option);
    for my $version ('1.2', '1.3') {
        for my $port (1, 2) {
            my $got = eval { outcome($port, $certificate, $version) } // 'the client does not take it';
            my $in  = $port == 1 || !defined $taken ? qr/\A(?:refused|the client does not take it|SUCCESS|GENEROUS|FAILED:[ -~]*|-)\z/ : $taken ? qr/\A(?:SUCCESS|-)\z/ : qr/\A(?:refused|the client does not take it)\z/;
            like $got, $in, "$what, TLS $version, port $port: $got";
        }
    }
    is outcome(2, $ca->issue(subject => ClientCert::name(['CN', 'even'])), '1.3', undef, 'S_DN_CN'), 'SUCCESS|even', '... and the server goes on';
}

# More than the library takes of a client.
my $large = $ca->issue(subject => ClientCert::name(['CN', 'x' x 1_000_000]));
is outcome(1, $large, $_), 'refused', "a certificate of 1 MB, TLS $_" for '1.2', '1.3';

# --- What is said of them -------------------------------------------------------------------------------------------
my $client = TlsClient->new(port => $httpd->port, sni => TestHttpd::stock() ? 'localhost' : "x\r\n<b>\e", cert => $ca->issue(subject => ClientCert::name(['CN', "<b>\r\n\e"])), key => $ca->key)->handshake;
my $page = $client->get('/status?auto')->{body} . $client->get('/status')->{body};
unlike $page, qr/\e|Injected|<b>\\0D/, 'the status page has nothing of the client\'s';
my $log = $httpd->error_log;
like $log, qr/AH02276: Certificate Verification: Error \(\d+\): /, 'the log says what is wrong';
like $log, qr/AH02275: Certificate Verification, depth 0, .* \[subject: /, '... and of whom it is';
unlike $log, qr/[^\n\t -~]/, '... in plain text';
unlike $log, qr/^(?!\[)/m, '... each line with a time';
unlike $log, qr/panic|exit signal/, 'no panic, and no process ended';
unlike $httpd->access_log, qr/[^\n -~]/, 'the access log is plain text, too';
done_testing;
