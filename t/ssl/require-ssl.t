# SSLRequireSSL: without TLS nobody is let in, by whatever way the request comes. `Require ssl` says the same to mod_authz_core.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use Curl ();
use TestHttpd ();

my $sections = <<'END';
Alias /required "@DOCS@"
<Location /required>
    SSLRequireSSL and words that nobody reads
    SSLOptions +StdEnvVars
</Location>
<Location /required/1.bin>
    SSLOptions +StrictRequire
</Location>
Alias /provider "@DOCS@"
<Location /provider>
    Require ssl
</Location>
Alias /negated "@DOCS@"
<Location /negated>
    <RequireAll>
        Require all granted
        Require not ssl
    </RequireAll>
</Location>
<Directory "@DOCS@">
    Options +Includes
    AddOutputFilter INCLUDES .shtml
</Directory>
RewriteEngine on
RewriteRule ^/redirected$ /required/1k.bin [PT]
<Location /inner>
    ErrorDocument 404 /required/1k.bin
</Location>
Alias /with-htaccess "@ROOT@/with-htaccess"
<Directory "@ROOT@/with-htaccess">
    AllowOverride AuthConfig
    Options +Includes
    AddOutputFilter INCLUDES .shtml
</Directory>
Alias /including.shtml "@ROOT@/including.shtml"
<Directory "@ROOT@">
    Options +Includes
    AddOutputFilter INCLUDES .shtml
</Directory>
END

my $httpd = TestHttpd->new(<<"END");
Protocols h2 http/1.1
<VirtualHost *:\@PORT@>
    ServerName localhost
    SSLEngine on
    \@ECDSA@
    $sections
</VirtualHost>
<VirtualHost *:\@PORT2@>
    ServerName localhost
    $sections
</VirtualHost>
<VirtualHost *:\@PORT3@>
    ServerName other
    SSLEngine on
    \@ECDSA@
</VirtualHost>
<VirtualHost *:\@PORT3@>
    ServerName localhost
    $sections
</VirtualHost>
END
mkdir "$httpd->{root}/with-htaccess";
write_file('with-htaccess/.htaccess', "SSLRequireSSL\n");
write_file('with-htaccess/page.txt',  "behind a file\n");
write_file('including.shtml', "<!--#config errmsg=\"refused\" -->before|<!--#include virtual=\"/with-htaccess/page.txt\" -->|after\n");
is $httpd->try_start, 'runs', 'the server runs' or BAIL_OUT($httpd->output . $httpd->error_log);

sub write_file {
    my ($name, $text) = @_;
    open my $file, '>', "$httpd->{root}/$name" or die "$name: $!";
    print {$file} $text;
    close $file or die "$name: $!";
    return;
}

my ($tls, $plain) = ('https://localhost:' . $httpd->port, 'http://localhost:' . $httpd->port(2));
my @versions = TestHttpd::mpm() eq 'prefork' ? '--http1.1' : ('--http1.1', '--http2');
for my $version (@versions) {
    for my $path (qw(/required/1k.bin /required/1.bin /provider/1k.bin /redirected /with-htaccess/page.txt)) {
        is Curl::status("$tls$path", $version), 200, "TLS, $version: $path";
    }
    is Curl::status("$tls/negated/1k.bin", $version), 403, "TLS, $version: Require not ssl";
    is Curl::status("$tls/inner/nothing", $version), 404, "TLS, $version: an error page that is protected";
    like Curl::get("$tls/including.shtml", $version)->{body}, qr/^before\|behind a file\s*\|after$/m, "TLS, $version: included in a page";
}
for my $path (qw(/required/1k.bin /required/1.bin /required/nothing /provider/1k.bin /redirected /with-htaccess/page.txt)) {
    is Curl::status("$plain$path"), 403, "plain HTTP: $path";
}
is Curl::status("$plain/1k.bin"), 200, 'plain HTTP: what nobody protects';
is Curl::status("$plain/negated/1k.bin"), 200, 'plain HTTP: Require not ssl';
like Curl::get("$plain/inner/nothing")->{body}, qr/Additionally, a \d+ [\w ]+\s+error was encountered/, 'plain HTTP: an error page that is protected is not shown';
like Curl::get("$plain/including.shtml")->{body}, qr/^before\|refused\|after$/m, 'plain HTTP: nor included in a page';
like $httpd->error_log, qr{\[ssl:error\].*AH02219: access to \S+/1k\.bin failed, reason: SSL connection required}, 'the log says why';
like $httpd->error_log, qr{AH02219: access to \S+/with-htaccess/page\.txt failed}, 'also of a .htaccess file';

# A request for a host without TLS on a connection with TLS: the connection is what SSLRequireSSL asks about, the host what `Require ssl` does.
my $mixed = 'https://localhost:' . $httpd->port(3);
is Curl::status("$mixed/required/1k.bin"), 200, 'a host without TLS on a TLS connection: SSLRequireSSL is satisfied';
is Curl::status("$mixed/provider/1k.bin"), 403, '... and Require ssl is not';
done_testing;
