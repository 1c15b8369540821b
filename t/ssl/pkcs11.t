# Keys and certificates in a PKCS#11 token (SoftHSM), by the ENGINE of libp11: what works, how the PIN is asked for, and what the
# log says of all that does not.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use Keys ();
use StartUp ();
use Terminal ();
use TestHttpd ();
use TlsClient ();
use Token ();

plan skip_all => 'not installed: ' . Token::missing() if Token::missing();
Token::make();

my $ours    = !TestHttpd::stock();
my $folder  = Keys::folder();
my $program = Keys::program(q{print "1234\n"});
my $key     = 'pkcs11:token=test;object=rsa;type=private';
my $object  = 'pkcs11:token=test;object=rsa';

sub start { return TestHttpd->start(Token::config(@_)) }

sub handshake {
    my ($httpd, $type, $name, @option) = @_;
    my $client = TlsClient->new(port => $httpd->port, sni => 'localhost', @option)->handshake;
    is $client->key_type, $type, $name;
    is $client->get('/1k.bin')->{status}, 200, '... and serves';
    return;
}

# A certificate in a file, its key in the token.
my $httpd = start("exec:$program", Keys::certificate('rsa'), $key);
handshake($httpd, 'rsa', 'a key in a token signs', version => $_) for qw(1.2 1.3);
is_deeply [Keys::asked()], ["localhost:443|in $folder"], 'the program is called with the host alone, and once';
like $httpd->error_log, qr/info.*AH10148: Init: Requesting pass phrase from dialog filter program \(\Q$program\E\)/, '... which is logged';
like $httpd->error_log, qr/debug.*Init: Initialized engine pkcs11 for private key \Q$key\E/, '... as is the engine';
like $httpd->error_log, qr/info.*AH02568: Certificate and private key localhost:443:0 configured from \S+\/localhost-rsa\.pem and \Q$key\E/, '... and the success';
$httpd->graceful;
is_deeply [Keys::asked()], [], 'a restart does not ask';
handshake($httpd, 'rsa', '... and goes on');
$httpd->stop;

# Both in the token; the identifier of the certificate stands for both.
$httpd = start("exec:$program", $object, undef, "SSLCertificateChainFile \@CERTS@/intermediate.pem\n");
handshake($httpd, 'rsa', 'a certificate and its key in a token');
$httpd->stop;
$httpd = start("exec:$program", 'pkcs11:token=test;object=ecdsa', 'pkcs11:token=test;object=ecdsa;type=private', "SSLCertificateChainFile \@CERTS@/intermediate.pem\n");
handshake($httpd, 'ecdsa', 'an ECDSA key');
$httpd->stop;
Keys::asked();

# A token beside files.
$httpd = start("exec:$program", Keys::certificate('rsa'), $key, "SSLCertificateFile \@CERTS@/localhost-ecdsa.pem\nSSLCertificateKeyFile \@CERTS@/localhost-ecdsa.key\n");
handshake($httpd, 'rsa',   'RSA from the token', version => '1.2', ciphers => 'ECDHE-RSA-AES128-GCM-SHA256');
handshake($httpd, 'ecdsa', 'ECDSA from a file',  version => '1.2', ciphers => 'ECDHE-ECDSA-AES128-GCM-SHA256');
$httpd->stop;
Keys::asked();

# The PIN in the identifier.
$httpd = start("exec:$program", Keys::certificate('rsa'), "$key;pin-value=1234");
handshake($httpd, 'rsa', 'a PIN in the identifier');
is_deeply [Keys::asked()], [], '... is not asked for';
unlike $httpd->error_log . $httpd->output, qr/pin-value=1234/, '... and appears nowhere' if $ours;
my ($status, $output) = $httpd->command('-t', '-DDUMP_CERTS');
is $status, 0, 'DUMP_CERTS';
$httpd->stop;
($status, $output) = TestHttpd->new(Token::config('builtin', "$object;pin-value=1234"))->command('-t', '-DDUMP_CERTS');
like $output, $ours ? qr/^  \Q$object\E;pin-value=\*\*\*$/m : qr/^  \Q$object\E;pin-value=1234$/m, '... lists identifiers';

# The other dialogs.
my $talker = Keys::program(<<"PROGRAM");
my \$text = '';
while (\$text !~ /PIN[^\\n]*:\\z/) { sysread STDIN, \$text, 1, length \$text or last }
open my \$heard, '>', '$folder/heard' or die;
print {\$heard} \$text;
close \$heard;
print "1234\\n";
PROGRAM
my $conversation = qr{Apache/2\.4\.\d+ mod_ssl \(Pass Phrase Dialog\)\nA pass phrase is required to access the private key\.\n\nPrivate key localhost:443 \(\Q$key\E\)\nEnter PKCS#11 token PIN for test:};
$httpd = start("|$talker", Keys::certificate('rsa'), $key);
like TestHttpd::slurp("$folder/heard"), qr/\A$conversation\z/, 'the conversation with a pipe';
like $httpd->error_log, qr/info.*AH10143: Init: Creating pass phrase dialog pipe child '\Q$talker\E'\n.*info.*AH10145: Init: Requesting pass phrase via piped dialog/, '... which is logged';
handshake($httpd, 'rsa', 'and its answer is right');
$httpd->stop;

$httpd = TestHttpd->new(Token::config('builtin', Keys::certificate('rsa'), $key));
my $terminal = Terminal->run(TestHttpd::httpd(), '-DFOREGROUND', '-f', $httpd->conf_file);
$terminal->expect(qr/PIN for test:/);
$terminal->answer("1234\n");
$httpd->wait_log(qr/resuming normal operations/);
like $terminal->shown, qr/\A$conversation\n\z/, 'the terminal';
like $httpd->error_log, qr/info.*AH10147: Init: Requesting pass phrase via builtin terminal dialog/, '... which is logged';
is(() = $httpd->error_log =~ /AH10147/g, 1, '... once: the engine stays logged in for the second pass');
undef $terminal;

# What does not work.
my $wrong   = Keys::program(q{print "9999\n"});
my $silent  = Keys::program(q{});
my $exit    = qr/.*emerg.*AH02312: Fatal error initialising mod_ssl, exiting\./s;
my $no_key  = qr/emerg.*AH10133: Init: Unable to get the private key\n/;
for my $case (
    ['a wrong PIN',            [$wrong,   Keys::certificate('rsa'),   $key], qr/$no_key.*PIN incorrect$exit/],
    ['no PIN',                 [$silent,  Keys::certificate('rsa'),   $key], qr/$no_key$exit/],
    ['no such key',            [$program, Keys::certificate('rsa'),   'pkcs11:token=test;object=nosuch;type=private'], qr/$no_key.*object not found$exit/],
    ['no such token',          [$program, Keys::certificate('rsa'),   'pkcs11:token=nosuch;object=rsa;type=private'], qr/$no_key.*object not found$exit/],
    ['no such certificate',    [$program, 'pkcs11:token=test;object=nosuch', $key], qr/emerg.*AH10136: Init: Unable to get the certificate\n$exit/],
    ['no identifier',          [$program, Keys::certificate('rsa'),   'pkcs11:%zz'], qr/$no_key.*invalid id$exit/],
    ['a key of another type',  [$program, Keys::certificate('ecdsa'), $key], qr/emerg.*AH02565: Certificate and private key localhost:443:0 from \S+\/localhost-ecdsa\.pem and \Q$key\E do not match/],
    ['a key of another certificate', [$program, TestHttpd::certs() . '/names.pem', $key], $ours ? qr/AH02565/ : qr/AH10130/],
    ['a certificate in a token and a key in a file', [$program, $object, TestHttpd::certs() . '/localhost-rsa.key'], qr/emerg.*AH02565: Certificate and private key localhost:443:0 from \Q$object\E and \S+\/localhost-rsa\.key do not match/],
) {
    my ($name, $arguments, $pattern) = @$case;
    my ($dialog, @rest) = @$arguments;
    $httpd = TestHttpd->new(Token::config("exec:$dialog", @rest));
    is $httpd->try_start, 'exit 1', $name;
    like $httpd->error_log, $pattern, '... which the log says';
    $httpd->stop;
}
{
    local $ENV{PKCS11_MODULE_PATH} = '/nowhere.so';
    $httpd = TestHttpd->new(Token::config("exec:$program", Keys::certificate('rsa'), $key));
    is $httpd->try_start, 'exit 1', 'no PKCS#11 library';
    like $httpd->error_log, qr/$no_key.*Unable to load PKCS#11 module$exit/, '... which the log says';
}

# Other schemes, and other spellings, are names of files.
StartUp::check_table(
    ["SSLCertificateFile file:\@CERTS@/localhost-rsa.pem",  'bare', syntax => qr{SSLCertificateFile: file '/\S+/file:\S+/localhost-rsa\.pem' does not exist or is empty}],
    ["SSLCertificateFile PKCS11:object=rsa",                'bare', syntax => qr{SSLCertificateFile: file '/\S+/PKCS11:object=rsa' does not exist or is empty}],
);
done_testing;
