# `-t -DSSL_CHECK` looks at everything that a start would use and lists all that is to be mended; plain `-t` stays as it is.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use ClientPki ();
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

# One with TLS to other servers, and a section with settings of its own.
sub proxy {
    my ($lines, $section, $kind) = @_;
    $kind //= 'Proxy "https://a.test/"';
    my ($end) = $kind =~ /(\w+)/;
    $section = "<$kind>\n$section\n</$end>\n" if length $section;
    return TestHttpd::load_also(qw(proxy)) . host('front.test', "\@ECDSA\@\n$lines\n$section") =~ s/front\.test/localhost/r;
}

# A file with a certificate for backends and its key.
sub machine {
    my ($stem, @arguments) = @_;
    made($stem, @arguments);
    return 'SSLProxyMachineCertificateFile ' . Keys::write_file("$stem.both", TestHttpd::slurp("$folder/$stem.pem") . TestHttpd::slurp("$folder/$stem.key"));
}

my @ec  = qw(ec -pkeyopt ec_paramgen_curve:P-256);
my @san = qw(-addext subjectAltName=DNS:localhost -days 90);

my $verify  = "SSLProxyVerify require\nSSLProxyCACertificateFile " . TestHttpd::ca();
my $section = qr/<Proxy "https:\/\/a\.test\/"> \(\S+httpd\.conf:\d+\)/;
my $pki     = ClientPki->new;
$pki->root('root');
$pki->issue('expired', by => 'root', from => '20200101000000Z', to => '20210101000000Z');
$pki->issue($_, by => 'root') for qw(one two);
my ($expired, $crossed) = map { "SSLProxyMachineCertificateFile $_" } $pki->combined('expired'), $pki->combined('one', key => 'two');

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
    ['TLS to backends', proxy("SSLProxyEngine on\n$verify", ''), []],
    ['a section', proxy("SSLProxyEngine on\n$verify", machine('mine', [@ec], @san)), []],
    ['a section without TLS', proxy('', 'SSLProxyCipherSuite NOSUCH'), []],
    ['a section that turns TLS off', proxy("SSLProxyEngine on\n$verify", "SSLProxyEngine off\nSSLProxyCipherSuite NOSUCH"), []],
    ['backends that nobody vouches for', proxy('SSLProxyEngine on', ''), [], qr/SSL_CHECK: backends of localhost:\d+: anybody can stand in for them \(SSLProxyVerify\)/],
    ['a section that nobody vouches for', proxy($verify, 'SSLProxyEngine on' . "\nSSLProxyVerify none"), [], qr/SSL_CHECK: backends of localhost:\d+, <Proxy "https:\/\/a\.test\/"> \(\S+httpd\.conf:\d+\): anybody can stand in for them/],
    ['a section where names do not matter', proxy("SSLProxyEngine on\n$verify", 'SSLProxyCheckPeerName off'), [], qr/SSL_CHECK: backends of localhost:\d+, $section: whoever has a certificate of the same CAs/],
    ['a section with a certificate that ends soon', proxy("SSLProxyEngine on\n$verify", machine('ending', [@ec], qw(-days 5))), [], qr/SSL_CHECK: the certificate for backends of localhost:\d+, $section \(\S+ending\.both\) expires in [45] days/],
    ['a section with an expired certificate', proxy("SSLProxyEngine on\n$verify", $expired), [qr/SSL_CHECK: the certificate for backends of localhost:\d+, $section \(\S+expired\.all\) has expired, \d+ days ago/]],
    ['a section with a small key', proxy("SSLProxyEngine on\n$verify", "SSLProxyCipherSuite DEFAULT\@SECLEVEL=0\n" . machine('little', ['rsa:1024'], @san)), [qr/$section \(\S+little\.both\) has a key of only 1024 bits/]],
    ['the same for a server', proxy("SSLProxyEngine on\n$verify\n$expired", ''), [qr/SSL_CHECK: the certificate for backends of localhost:\d+ \(\S+expired\.all\) has expired/]],
    ['a section with the wrong key', proxy("SSLProxyEngine on\n$verify", $crossed), [qr/AH02326: .*SSL_CHECK: the settings for backends of localhost:\d+, $section cannot be used/s]],
    ['a section with a list of ciphers', proxy('', "SSLProxyEngine on\nSSLProxyCipherSuite NOSUCH\n$verify"), [qr/AH01898: .*SSL_CHECK: the settings for backends of localhost:\d+, $section cannot be used/s]],
    ['a section for a pattern', proxy("SSLProxyEngine on\n$verify", 'SSLProxyProtocol -all', 'ProxyMatch "^https://"'), [qr/AH02231: .*SSL_CHECK: the settings for backends of localhost:\d+, <ProxyMatch "\^https:\/\/"> \(\S+:\d+\) cannot be used/s]],
    ['a section without CAs', proxy('', "SSLProxyEngine on\nSSLProxyVerify require"), [qr/SSL_CHECK: backends of localhost:\d+, $section: none can be verified, because no CAs are known/]],
    # The section of the main server is that of two virtual hosts, which differ.
    ['a section of the main server', TestHttpd::load_also(qw(proxy)) . "<Proxy \"https://a.test/\">\nSSLProxyCipherSuite NOSUCH\n</Proxy>\n" . join('', map { host('localhost', "\@ECDSA\@\nSSLProxyEngine on\n$verify\nSSLProxyVerifyDepth $_") } 1, 2, 2), [(qr/backends of localhost:\d+, $section cannot be used.*backends of localhost:\d+, $section cannot be used/s) x 2]],
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
