# Certificates and keys with which the server must not start, one clear line for each; and those it may only warn of.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use StartUp ();
use TestHttpd ();

sub pair { my ($certificate, $key) = @_; return "SSLCertificateFile \@CERTS@/$certificate" . ($key ? "\nSSLCertificateKeyFile \@CERTS@/$key" : '') }

my $exit = qr/.*AH02312: Fatal error initialising mod_ssl, exiting\./s;
my $root = TestHttpd::root();

# A file that nobody but root may read; the tests do not run as root.
my $secret = "$root/home/unreadable-$$.key";
system 'cp', TestHttpd::certs() . '/localhost-rsa.key', $secret;
chmod 0, $secret;

StartUp::check_table(
    [pair('localhost-rsa.pem', 'localhost-rsa.key'),   'bare', 'runs', qr/info.*AH02568: Certificate and private key localhost:\d+:0 configured from \S+\/localhost-rsa\.pem and \S+\/localhost-rsa\.key/],
    [pair('localhost-rsa-combined.pem'),               'bare', 'runs'],
    [pair('localhost-rsa.pem', 'localhost-rsa.key') . "\n" . pair('localhost-ecdsa-combined.pem'), 'bare', 'runs', qr/AH02568: Certificate and private key localhost:\d+:1 configured/],
    [pair('localhost-rsa.pem', 'localhost-rsa.key') . "\nSSLCertificateKeyFile \@CERTS@/broken/other.key", 'bare', 'runs'],    # one key too many
    [pair('localhost-rsa.pem', 'broken/key.der'),      'bare', 'runs'],    # keys may be DER, certificates not

    # While reading.
    ['SSLCertificateFile /nowhere/certificate.pem',    'bare', syntax => qr{SSLCertificateFile: file '/nowhere/certificate\.pem' does not exist or is empty}],
    ['SSLCertificateFile certificate.pem',             'bare', syntax => qr{SSLCertificateFile: file '/\S+/certificate\.pem' does not exist or is empty}],
    ['SSLCertificateFile /tmp',                        'bare', syntax => qr{SSLCertificateFile: file '/tmp' does not exist or is empty}],
    ['SSLCertificateFile /dev/null',                   'bare', syntax => qr{SSLCertificateFile: file '/dev/null' does not exist or is empty}],
    [pair('broken/empty.pem'),                         'bare', syntax => qr{SSLCertificateFile: file '\S+/empty\.pem' does not exist or is empty}],
    ['SSLCertificateFile',                             'bare', syntax => qr/SSLCertificateFile takes one argument/],
    ['SSLCertificateFile a b',                         'bare', syntax => qr/SSLCertificateFile takes one argument/],
    ['SSLCertificateFile a',                           'location', syntax => qr/SSLCertificateFile not allowed in <Location> context/],
    [pair('localhost-rsa.pem') . "\nSSLCertificateKeyFile /nowhere/server.key", 'bare', syntax => qr{SSLCertificateKeyFile: file '/nowhere/server\.key' does not exist or is empty}],
    ['SSLCertificateKeyFile',                          'bare', syntax => qr/SSLCertificateKeyFile takes one argument/],
    ["SSLEngine off\nSSLCertificateFile /nowhere/certificate.pem", 'bare', syntax => qr/does not exist or is empty/],
    ['SSLCertificateChainFile /nowhere/chain.pem',     'vhost', syntax => qr{SSLCertificateChainFile: file '/nowhere/chain\.pem' does not exist or is empty}],
    ['SSLCertificateChainFile',                        'vhost', syntax => qr/SSLCertificateChainFile takes one argument/],

    # After reading.
    ['',                                               'bare', fatal => qr/emerg.*AH02572: Failed to configure at least one certificate and key for localhost:\d+$exit/],
    ['SSLCertificateKeyFile @CERTS@/localhost-rsa.key', 'bare', fatal => qr/emerg.*AH02572: Failed to configure at least one certificate and key for localhost:\d+$exit/],
    [pair('broken/garbage.pem', 'localhost-rsa.key'),  'bare', fatal => qr{emerg.*AH02562: Failed to configure certificate localhost:\d+:0 \(with chain\), check \S+/garbage\.pem}],
    [pair('broken/words.pem', 'localhost-rsa.key'),    'bare', fatal => qr{AH02562: Failed to configure certificate.*words\.pem.*no start line.*Bad file contents or format - or even just a forgotten SSLCertificateKeyFile\?}s],
    [pair('broken/certificate.der', 'localhost-rsa.key'), 'bare', fatal => qr{AH02562: Failed to configure certificate.*certificate\.der}],
    [pair('localhost-rsa.key', 'localhost-rsa.key'),   'bare', fatal => qr{AH02562: Failed to configure certificate.*localhost-rsa\.key}],
    [pair('broken/garbage.pem', 'localhost-rsa.key') . "\nSSLCertificateChainFile \@CERTS@/intermediate.pem", 'bare', fatal => qr{emerg.*AH02561: Failed to configure certificate localhost:\d+:0, check \S+/garbage\.pem}],
    [pair('localhost-rsa.pem', 'broken/other.key'),    'bare', fatal => qr{emerg.*AH02565: Certificate and private key localhost:\d+:0 from \S+/localhost-rsa\.pem and \S+/other\.key do not match}],
    [pair('localhost-rsa.pem', 'localhost-ecdsa.key'), 'bare', fatal => qr{AH02565: Certificate and private key \S+ from \S+/localhost-rsa\.pem and \S+/localhost-ecdsa\.key do not match}],
    [pair('localhost-rsa-combined.pem') . "\n" . pair('localhost-ecdsa.pem', 'localhost-ecdsa.key'), 'bare', fatal => qr/AH02565: Certificate and private key/],    # the first key belongs to the first certificate
    [pair('localhost-rsa.pem'),                        'bare', fatal => qr{emerg.*AH02564: Failed to configure encrypted \(\?\) private key localhost:\d+:0, check \S+/localhost-rsa\.pem}],
    [pair('localhost-rsa.pem', 'broken/garbage.key'),  'bare', fatal => qr{emerg.*AH02564: Failed to configure encrypted \(\?\) private key localhost:\d+:0, check \S+/garbage\.key}],
    [pair('localhost-rsa.pem', 'broken/encrypted.key'), 'bare', fatal => qr{emerg.*AH02564: Failed to configure encrypted \(\?\) private key localhost:\d+:0, check \S+/encrypted\.key}],
    [pair('broken/encrypted-combined.pem'),            'bare', fatal => qr{AH02564: Failed to configure encrypted \(\?\) private key localhost:\d+:0, check \S+/encrypted-combined\.pem}],
    [pair('localhost-rsa.pem') . "\nSSLCertificateKeyFile $secret", 'bare', fatal => qr{emerg.*AH02574: Init: Can't open server private key file \Q$secret\E}],
    [pair('broken/weak.pem', 'broken/weak.key'),       'bare', fatal => qr{AH02562: Failed to configure certificate.*weak\.pem.*ee key too small}s],

    # Worth a warning, or not even that.
    [pair('broken/weak.pem', 'broken/weak.key') . "\nSSLCipherSuite HIGH\@SECLEVEL=0\nSSLProtocol TLSv1.2", 'bare', 'runs'],
    [pair('broken/authority.pem', 'broken/authority.key'), 'bare', 'runs', qr/warn.*AH01906: localhost:\d+:0 server certificate is a CA certificate \(BasicConstraints: CA == TRUE !\?\)/],
    [pair('alpha.pem', 'alpha.key'),                   'bare', 'runs', qr/warn.*AH01909: localhost:\d+:0 server certificate does NOT include an ID which matches the server name/],
    [pair('broken/expired.pem', 'localhost-rsa.key'),  'bare', 'runs'],
    ['SSLCertificateChainFile @CERTS@/localhost-rsa.key', 'vhost', 'runs', qr/debug.*AH01904: Configuring server certificate chain \(0 CA certificates\)/],
);

# `httpd -t` reads, but does not look into the files.
my $httpd = TestHttpd->new(StartUp::configuration(pair('localhost-rsa.pem', 'broken/other.key'), 'bare'));
is_deeply [$httpd->command('-t')], [0, "Syntax OK\n"], 'httpd -t does not load certificates';

# The message goes to the log of the host that fails, and the main log says where to look.
$httpd = TestHttpd->new(StartUp::configuration(pair('localhost-rsa.pem') . "\nSSLCipherSuite NOSUCH\nErrorLog logs/host_log", 'bare'));
is $httpd->try_start, 'exit 1', 'a host with a log of its own';
like $httpd->error_log, qr{emerg.*AH02311: Fatal error initialising mod_ssl, exiting\. See \S+/logs/host_log for more information}, '... the main log names it';
like $httpd->access_log('host_log'), qr/AH01898/, '... and it has the message';

unlink $secret;
done_testing;
