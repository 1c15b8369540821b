# pkcs11: identifiers where there is no ENGINE for them: from a provider, by OSSL_STORE. The provider is that of provider/store.c, which
# has files for a token.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use Keys ();
use TestHttpd ();
use TlsClient ();
use Token ();

my $ours     = !TestHttpd::stock();
my $folder   = Keys::folder();
my $provider = "$folder/store.so";
my $source   = TestHttpd::root() . '/t/provider/store.c';
is system("cc -shared -fPIC -O1 -Wall -Wextra -Werror $source -o $provider"), 0, 'the provider can be built' or BAIL_OUT('no provider');

$ENV{OPENSSL_ENGINES} = "$folder/none";
$ENV{TEST_TOKEN}      = $folder;
for my $type (qw(rsa ecdsa)) {
    Keys::openssl('pkey', '-in', TestHttpd::certs() . "/localhost-$type.key", '-outform', 'DER', '-out', "$folder/$type.key.der");
    Keys::openssl('x509', '-in', Keys::certificate($type), '-outform', 'DER', '-out', "$folder/$type.cert.der");
}
Keys::write_file('broken.key.der', 'not a key');

my $program = Keys::program(q{print "1234\n"});
my $chain   = "SSLCertificateChainFile \@CERTS@/intermediate.pem\n";

# No provider either.
my $key   = 'pkcs11:object=rsa';
my $httpd = TestHttpd->new(Token::config("exec:$program", Keys::certificate('rsa'), $key));
is $httpd->try_start, 'exit 1', 'nobody serves the scheme';
like $httpd->error_log, qr/notice.*AH10132: Init: Failed to load engine for private key \Q$key\E\n.*notice.*SSL Library Error.*error.*AH10491: Init: OSSL_STORE_open failed for PKCS#11 URI `\Q$key\E'.*emerg.*AH10492: Init: OSSL_STORE_INFO_PKEY lookup failed for private key identifier `\Q$key\E'.*AH02312/s, '... which the log says';
if ($ours) {
    like $httpd->error_log, qr/error.*SSL Library Error: .*unregistered scheme \(scheme=pkcs11\)/, '... with the reasons of the library';
    $httpd = TestHttpd->new(Token::config("exec:$program", Keys::certificate('rsa'), "$key;pin-value=4711"));
    is $httpd->try_start, 'exit 1', 'the same with a PIN in the identifier';
    like $httpd->error_log, qr/pin-value=\*\*\*/, '... which the log hides';
    unlike $httpd->error_log, qr/4711/, '... everywhere';
}

$ENV{OPENSSL_CONF} = Keys::write_file('openssl.cnf', <<"CONFIG");
openssl_conf = init
[init]
providers = providers
[providers]
default = default_provider
store = store_provider
[default_provider]
activate = 1
[store_provider]
module = $provider
activate = 1
CONFIG

sub handshake {
    my ($type, $name) = @_;
    is(TlsClient->new(port => $httpd->port, sni => 'localhost')->handshake->key_type, $type, $name);
    return;
}

$httpd = TestHttpd->start(Token::config("exec:$program", Keys::certificate('rsa'), $key));
handshake('rsa', 'a key from a provider');
is_deeply [Keys::asked()], [], '... without a PIN';
like $httpd->error_log, qr/notice.*AH10132.*info.*AH02568: Certificate and private key localhost:443:0 configured from \S+ and \Q$key\E/s, '... which the log says';
$httpd->stop;

$httpd = TestHttpd->start(Token::config("exec:$program", 'pkcs11:object=ecdsa', undef, $chain));
handshake('ecdsa', 'a certificate and its key from a provider');
$httpd->stop;

$httpd = TestHttpd->start(Token::config("exec:$program", Keys::certificate('rsa'), 'pkcs11:object=rsa;pin=1234'));
handshake('rsa', 'a PIN');
is((Keys::asked())[0], "localhost:443|in $folder", '... from a program, which gets the host alone');
like $httpd->error_log, qr/info.*AH10148: Init: Requesting pass phrase from dialog filter program/, '... which is logged';
$httpd->stop;

my $missing = $ours ? 'nosuch' : 'rsa';    # the C module names the key
my $exit = qr/.*emerg.*AH02312: Fatal error initialising mod_ssl, exiting\./s;
sub no_key { my ($object) = @_; return qr/emerg.*AH1049[23]: Init: OSSL_STORE_INFO_PKEY lookup failed for private key identifier `pkcs11:object=\Q$object\E'$exit/ }
for my $case (
    ['a wrong PIN',         Keys::certificate('rsa'), 'rsa;pin=4711', no_key('rsa;pin=4711')],
    ['no such key',         Keys::certificate('rsa'), 'nosuch',       no_key('nosuch')],
    ['a broken key',        Keys::certificate('rsa'), 'broken',       no_key('broken')],
    ['no such certificate', 'pkcs11:object=nosuch',   'rsa',          qr/emerg.*AH1049[45]: Init: OSSL_STORE_INFO_CERT lookup failed for certificate identifier `pkcs11:object=$missing'$exit/],
    ['another type',        Keys::certificate('rsa'), 'ecdsa',        qr/emerg.*AH02565: Certificate and private key localhost:443:0 from \S+ and pkcs11:object=ecdsa do not match/],
) {
    my ($name, $certificate, $object, $pattern) = @$case;
    $httpd = TestHttpd->new(Token::config("exec:$program", $certificate, "pkcs11:object=$object"));
    is $httpd->try_start, 'exit 1', $name;
    like $httpd->error_log, $pattern, '... which the log says';
    $httpd->stop;
}
done_testing;
