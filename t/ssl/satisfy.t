# What SSLRequire and SSLRequireSSL refuse, by whom that may be overridden: Satisfy and StrictRequire.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use Curl ();
use TestHttpd ();

my %sections = (
    'ok-all'              => "SSLRequire true",
    'ok-any'              => "SSLRequire true\nSatisfy any",
    'all'                 => "SSLRequire false",
    'any'                 => "SSLRequire false\nSatisfy any",
    'any-strict'          => "SSLRequire false\nSatisfy any\nSSLOptions +StrictRequire",
    'all-strict'          => "SSLRequire false\nSSLOptions +StrictRequire",
    'require-any'         => "SSLRequire false\n<RequireAny>\nRequire all granted\nRequire valid-user\n</RequireAny>",
    'ssl-all'             => "SSLRequireSSL",
    'ssl-any'             => "SSLRequireSSL\nSatisfy any",
    'ssl-any-strict'      => "SSLRequireSSL\nSatisfy any\nSSLOptions +StrictRequire",
    'error-any'           => "SSLRequire file(\"/nowhere\") eq \"\"\nSatisfy any",
    'error-any-strict'    => "SSLRequire file(\"/nowhere\") eq \"\"\nSatisfy any\nSSLOptions +StrictRequire",
);
my $locations = join '', map { my $require = $sections{$_} =~ /RequireAny/ ? '' : 'Require valid-user'; <<"END" } sort keys %sections;
<Location /$_>
    AuthType Basic
    AuthName test
    AuthUserFile "\@ROOT@/users"
    $require
    $sections{$_}
</Location>
Alias /$_ "\@DOCS@/1.bin"
END
my $httpd = TestHttpd->new(TestHttpd::load_also(qw(auth_basic authn_core authn_file authz_user authz_host access_compat)) . <<"END");
Protocols h2 http/1.1
<VirtualHost *:\@PORT@>
    ServerName localhost
    SSLEngine on
    \@ECDSA@
    $locations
</VirtualHost>
<VirtualHost *:\@PORT2@>
    ServerName localhost
    $locations
</VirtualHost>
END
open my $users, '>', "$httpd->{root}/users" or die "users: $!";
print {$users} 'alice:', crypt('secret', 'ab'), "\n";
close $users or die "users: $!";
is $httpd->try_start, 'runs', 'the server runs' or BAIL_OUT($httpd->output . $httpd->error_log);
my ($tls, $plain) = ('https://localhost:' . $httpd->port, 'http://localhost:' . $httpd->port(2));

# Section; status with TLS without credentials, with wrong and with good ones; the same without TLS.
my @table = (
    ['ok-all',           [401, 401, 200], [401, 401, 200]],
    ['ok-any',           [200, 200, 200], [200, 200, 200]],
    ['all',              [403, 403, 403], [401, 401, 200]],
    ['any',              [401, 401, 200], [200, 200, 200]],
    ['any-strict',       [403, 403, 403], [200, 200, 200]],
    ['all-strict',       [403, 403, 403], [401, 401, 200]],
    ['require-any',      [403, 403, 403], [200, 200, 200]],
    ['ssl-all',          [401, 401, 200], [403, 403, 403]],
    ['ssl-any',          [200, 200, 200], [401, 401, 200]],
    ['ssl-any-strict',   [200, 200, 200], [403, 403, 403]],
    ['error-any',        [401, 401, 200], [200, 200, 200]],
    ['error-any-strict', [403, 403, 403], [200, 200, 200]],
);
my @versions = TestHttpd::mpm() eq 'prefork' ? '--http1.1' : ('--http1.1', '--http2');
my @credentials = ([], ['--user', 'alice:wrong'], ['--user', 'alice:secret']);
for my $row (@table) {
    my ($section, $with, $without) = @$row;
    for my $version (@versions) {
        is_deeply [map { Curl::status("$tls/$section", $version, @$_) } @credentials], $with, "$section, TLS, $version: @$with";
    }
    is_deeply [map { Curl::status("$plain/$section", @$_) } @credentials], $without, "$section, plain HTTP: @$without";
}
done_testing;
