# `-t -DSSL_CHECK` looks at everything that a start would use and lists all that is to be mended; plain `-t` stays as it is.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use Keys ();
use TestHttpd ();

plan skip_all => 'the distribution has no such check' if TestHttpd::stock();

my $broken = TestHttpd::certs() . '/broken';
my $folder = Keys::folder();

# Exit status and standard error of -t, without and with the check.
sub outcome {
    my ($config, @defines) = @_;
    my $httpd = TestHttpd->new($config);
    my ($status, $text) = $httpd->command('-t', @defines);
    ok !-s "$httpd->{root}/logs/error_log", '... nothing in the error log' if -e "$httpd->{root}/logs/error_log";
    return ($status, $text);
}

sub host {
    my ($name, $lines) = @_;
    return "<VirtualHost *:\@PORT\@>\nServerName $name\nSSLEngine on\n$lines\n</VirtualHost>\n";
}

sub pair { my ($certificate, $key) = @_; return "SSLCertificateFile $certificate\nSSLCertificateKeyFile $key\n" }

# A certificate made for one test.
sub made {
    my ($stem, $key, @options) = @_;
    Keys::openssl(qw(req -x509 -nodes -newkey), @$key, '-subj', '/CN=localhost', '-keyout', "$folder/$stem.key", '-out', "$folder/$stem.pem", @options);
    return pair("$folder/$stem.pem", "$folder/$stem.key");
}

my @ec  = qw(ec -pkeyopt ec_paramgen_curve:P-256);
my @san = qw(-addext subjectAltName=DNS:localhost -days 90);

for my $case (
    ['a complete host',   host('localhost', '@ECDSA@'), []],
    ['two kinds of keys', host('localhost', "\@ECDSA\@\n\@RSA\@"), []],
    ['a self-signed certificate',     host('localhost', made('self', [@ec], @san)), []],
    ['a self-signed one that must not sign', host('localhost', made('plain', [@ec], @san, qw(-addext keyUsage=digitalSignature))), []],
    ['one that ends soon', host('localhost', made('soon', [@ec], qw(-addext subjectAltName=DNS:localhost -days 5))), [], qr/SSL_CHECK: the certificate of localhost:\d+:0 \(\S+soon\.pem\) expires in [45] days/],
    ['a host without TLS', "<VirtualHost *:\@PORT\@>\nSSLCertificateFile $broken/garbage.pem\n</VirtualHost>\n", []],
    ['an expired certificate', host('localhost', pair("$broken/expired.pem", TestHttpd::certs() . '/localhost-ecdsa.key')), [qr/expired\.pem\) has expired, \d+ days ago/, qr/AH02565/]],
    ['one of another name', host('elsewhere.test', '@ECDSA@'), [qr/is not for the ServerName elsewhere\.test/]],
    ['an alias that is missing', host('localhost', "ServerAlias a.test *.b.test localhost\n\@ECDSA\@"), [qr/ServerAlias a\.test/, qr/ServerAlias \*\.b\.test/]],
    ['a small key', host('localhost', "SSLCipherSuite DEFAULT\@SECLEVEL=0\n" . made('small', ['rsa:1024'], @san)), [qr/has a key of only 1024 bits/]],
    ['a key that is too small for OpenSSL', host('localhost', made('smaller', ['rsa:1024'], @san)), [qr/AH02562.*smaller\.pem/, qr/only 1024 bits/]],
    ['no chain', host('localhost', pair(TestHttpd::certs() . '/localhost-ecdsa-leaf.pem', TestHttpd::certs() . '/localhost-ecdsa.key')), [], qr/comes without its issuer/],
    ['the chain of another one', host('localhost', pair("$folder/wrong-chain.pem", TestHttpd::certs() . '/localhost-ecdsa.key')), [qr/certificate 1 of the file was not issued by the next/]],
    ['the wrong key', host('localhost', pair(TestHttpd::certs() . '/localhost-ecdsa.pem', "$broken/other.key")), [qr/AH02565: Certificate and private key localhost:\d+:0 from \S+ and \S+other\.key do not match/]],
    ['no certificate', host('localhost', ''), [qr/AH02572: Failed to configure at least one certificate and key for localhost:\d+/]],
    ['garbage', host('localhost', pair("$broken/garbage.pem", "$broken/garbage.key")), [qr/AH02562.*garbage\.pem/]],
    ['a list of ciphers', host('localhost', "SSLCipherSuite NOSUCH\n\@ECDSA\@"), [qr/AH01898: Unable to configure permitted SSL ciphers.*SSL_CHECK: the settings of localhost:\d+ \(\S+httpd\.conf:\d+\) cannot be used/s]],
    ['no versions', host('localhost', "SSLProtocol -all\n\@ECDSA\@"), [qr/AH02231: No SSL protocols available/]],
    ['a command', host('localhost', "SSLOpenSSLConfCmd Curves nosuch\n\@ECDSA\@"), [qr/AH02407: "SSLOpenSSLConfCmd Curves nosuch" failed/]],
    [
        'all of it at once',
        host('localhost', "SSLCipherSuite NOSUCH\n" . pair("$broken/garbage.pem", "$broken/garbage.key") . pair("$broken/expired.pem", "$broken/other.key")) . host('elsewhere.test', '@ECDSA@') . host('fine.test', 'SSLEngine off'),
        [qr/AH01898/, qr/AH02562.*garbage\.pem/, qr/AH02565.*expired\.pem/, qr/expired\.pem\) has expired/, qr/is not for the ServerName elsewhere\.test/],
    ],
) {
    my ($name, $config, $findings, $note) = @$case;
    if ($name eq 'the chain of another one') {
        my $text = TestHttpd::slurp(TestHttpd::certs() . '/localhost-ecdsa-leaf.pem') . TestHttpd::slurp(TestHttpd::ca());
        Keys::write_file('wrong-chain.pem', $text);
    }
    my ($status, $text) = outcome($config, '-DSSL_CHECK');
    if (@$findings) {
        is $status, 1, "$name: exit status 1" or diag $text;
        like $text, $_, '... says why' for @$findings;
        my $count = $text =~ /^SSL_CHECK: (\d+) to mend$/m ? $1 : 0;
        is $count, scalar @$findings, '... and how much' or diag $text;
        unlike $text, qr/Syntax OK/, '... and is not all right';
        unlike $text, qr/AH0231[12]/, '... and does not speak of a start';
        ($status, $text) = outcome($config);
        is $status, 0, "$name: all right for -t alone";
    }
    else {
        is $status, 0, "$name: exit status 0" or diag $text;
        like $text, qr/^Syntax OK$/m, '... as httpd says it';
        unlike $text, qr/SSL_CHECK: .* to mend/, '... and nothing is to be mended';
        unlike $text, qr/SSL_CHECK/, '... nor to be known' unless $note;
        like $text, $note, '... but to be known' if $note;
    }
    unlike $text, qr/panic/, '... nothing panicked';
}

# Certificates of mod_md are not there in this mode, and it must not be asked for them.
SKIP: {
    my $directory = TestHttpd::apxs('LIBEXECDIR');
    skip 'no mod_md', 2 unless -e "$directory/mod_md.so";
    my $modules = TestHttpd::load_modules() . join '', map { "LoadModule ${_}_module $directory/mod_$_.so\n" } grep { -e "$directory/mod_$_.so" } qw(watchdog md);
    my $httpd = TestHttpd->new("MDomain managed.test\n" . host('localhost', '@ECDSA@') . host('managed.test', ''), modules => $modules);
    my ($status, $text) = $httpd->command('-t', '-DSSL_CHECK');
    is $status, 0, 'mod_md is loaded: no abort' or diag $text;
    like $text, qr/SSL_CHECK: certificates of mod_md for managed\.test:\d+ are not looked at/, '... and it is told';
}

# Keys that are encrypted are opened as at a start.
for my $case (['knows', 'print "checked\n";', 0], ['does not know', 'print "unchecked\n";', 1]) {
    my ($verb, $body, $expected) = @$case;
    my $config = 'SSLPassPhraseDialog exec:' . Keys::program($body) . "\n" . host('localhost', pair(Keys::certificate('ecdsa'), Keys::encrypted('ecdsa', 'checked')));
    my ($status, $text) = outcome($config, '-DSSL_CHECK');
    is $status, $expected, "an encrypted key and a program that $verb its pass phrase" or diag $text;
    like $text, qr/AH02564/, '... which is told' if $expected;
}
done_testing;
