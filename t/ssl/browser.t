# A real browser loads the demonstration page, over HTTP/2 and TLS 1.3, and shows what the page says of its connection.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use File::Path qw(remove_tree);
use TestHttpd ();

my $chromium = TestHttpd::which('chromium') or plan skip_all => 'chromium is not installed';
plan skip_all => 'mod_http2 does not work with prefork' if TestHttpd::mpm() eq 'prefork';

my $pages = TestHttpd::root() . '/apache-conf/htdocs';
my $httpd = TestHttpd->start(<<"END");
Protocols h2 http/1.1
DirectoryIndex index.shtml
AddOutputFilter INCLUDES .shtml
AddType text/css .css
<VirtualHost *:\@PORT@>
    ServerName localhost
    SSLEngine on
    \@RSA@
    \@ECDSA@
    SSLOptions +StdEnvVars
    DocumentRoot "$pages"
    <Directory "$pages">
        Options +Includes
    </Directory>
</VirtualHost>
END

# The browser does not know our authority, so it is told the keys to accept: the digest of each public key.
my @keys = map {
    qx(openssl x509 -in ${\ TestHttpd::certs()}/localhost-$_.pem -noout -pubkey | openssl pkey -pubin -outform DER | openssl dgst -sha256 -binary | base64)
} qw(rsa ecdsa);
chomp @keys;
my $profile = TestHttpd::root() . "/home/chromium-$$";
my @command = (
    'timeout', 120, $chromium, qw(--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking
        --disable-component-update --disable-sync --disable-dev-shm-usage), "--user-data-dir=$profile",
    '--ignore-certificate-errors-spki-list=' . join(',', @keys), '--dump-dom', 'https://localhost:' . $httpd->port . '/',
);
my $pid = open my $pipe, '-|' // die "fork: $!";
if (!$pid) {
    open STDERR, '>', "$httpd->{root}/logs/browser" or POSIX::_exit(99);
    exec @command or POSIX::_exit(99);
}
my $page = do { local $/; <$pipe> // '' };
close $pipe;
remove_tree($profile, {safe => 0});

my %shown = $page =~ m{<(?:dd|span) id="([\w-]+)">([^<]*)</}g;
is $shown{protocol}, 'TLSv1.3', 'the version of TLS on the page' or diag $page || TestHttpd::slurp("$httpd->{root}/logs/browser");
is $shown{'http-protocol'}, 'HTTP/2.0', 'HTTP/2';
like $shown{cipher} // '', qr/\ATLS_/, 'the cipher suite';
is $shown{sni}, 'localhost', 'the name asked for';
is $shown{cn}, 'localhost', 'the certificate';
like $httpd->access_log, qr{HTTP/2\.0 "GET / HTTP/2\.0" 200}, 'the access log agrees';
like $httpd->access_log, qr{HTTP/2\.0 "GET /style\.css HTTP/2\.0" 200}, 'the style sheet came too';
done_testing;
