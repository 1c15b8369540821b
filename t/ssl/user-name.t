# SSLUserName: a variable as the name of the user, without a password.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use ClientCert ();
use ClientPki ();
use Curl ();
use TestHttpd ();

my $ca    = ClientCert->authority;
my $root  = $ca->root;
my $pki   = ClientPki->new;
my $friends = $pki->root('friends');
my $httpd = TestHttpd->new(TestHttpd::load_also(qw(auth_basic authn_core authn_file authz_user)) . <<'END' =~ s/ROOT_FILE/$root/r =~ s/FRIENDS_FILE/$friends/r);
Protocols h2 http/1.1
LogFormat "%U %u" users
CustomLog logs/users users
<VirtualHost *:@PORT@>
    ServerName localhost
    SSLEngine on
    @ECDSA@
    SSLOpenSSLConfCmd VerifyMode Request
    SSLOpenSSLConfCmd VerifyCAFile ROOT_FILE
    SSLUserName SSL_TLS_SNI
    ScriptAlias /server "@CGI@/env"
    ScriptAlias /section "@CGI@/env"
    ScriptAlias /other "@CGI@/env"
    ScriptAlias /nobody "@CGI@/env"
    ScriptAlias /denied "@CGI@/env"
    ScriptAlias /password "@CGI@/env"
    ScriptAlias /faking "@CGI@/env"
    <Location /section>
        SSLUserName SSL_PROTOCOL
        SSLRequire %{REMOTE_USER} eq "TLSv1.3"
        Require user TLSv1.3
    </Location>
    <Location /other>
        SSLUserName HTTP_USER_AGENT
        Require valid-user
    </Location>
    ScriptAlias /client "@CGI@/env"
    <Location /client>
        SSLUserName SSL_CLIENT_S_DN_CN
        Require user dave
    </Location>
    <Location /nobody>
        SSLUserName SSL_CLIENT_S_DN_CN
    </Location>
    <Location /denied>
        Require user somebody
    </Location>
    <Location /password>
        SSLUserName HTTP_USER_AGENT
        AuthType Basic
        AuthName test
        AuthUserFile "@ROOT@/users"
        Require user carol
    </Location>
    <Location /faking>
        SSLOptions +FakeBasicAuth
    </Location>
</VirtualHost>
<VirtualHost *:@PORT2@>
    ServerName localhost
    SSLUserName REMOTE_ADDR
    ScriptAlias /server "@CGI@/env"
</VirtualHost>
<VirtualHost *:@PORT3@>
    ServerName localhost
    SSLEngine on
    @ECDSA@
    SSLCACertificateFile FRIENDS_FILE
    SSLVerifyClient optional_no_ca
    SSLUserName SSL_CLIENT_S_DN_CN
    ScriptAlias /server "@CGI@/env"
    ScriptAlias /strict "@CGI@/env"
    <Location /strict>
        Require user dave
    </Location>
</VirtualHost>
END
open my $users, '>', "$httpd->{root}/users" or die "users: $!";
print {$users} 'alice:', crypt('secret', 'ab'), "\ncarol:", crypt('secret', 'ab'), "\n";
close $users or die "users: $!";
is $httpd->try_start, 'runs', 'the server runs' or BAIL_OUT($httpd->output . $httpd->error_log);
my ($tls, $plain) = ('https://localhost:' . $httpd->port, 'http://localhost:' . $httpd->port(2));

# The status, REMOTE_USER and AUTH_TYPE that a script sees.
sub user {
    my ($url, @options) = @_;
    my $answer = Curl::get($url, @options);
    my ($user, $type) = map { $answer->{body} =~ /^$_=(.*)$/m ? $1 : '-' } 'REMOTE_USER', 'AUTH_TYPE';
    return $answer->{status} == 200 ? "200 $user $type" : $answer->{status};
}

my @versions = TestHttpd::mpm() eq 'prefork' ? '--http1.1' : ('--http1.1', '--http2');
for my $version (@versions) {
    is user("$tls/server",  $version), '200 localhost ClientCert', "$version: of the virtual host";
    is user("$tls/section", $version), '200 TLSv1.3 ClientCert',   "$version: of the section, also to SSLRequire and to Require";
    is user("$tls/other",   $version, '-A', 'bob'), '200 bob ClientCert', "$version: a variable that is not about TLS";
}
sub certificate { return ('--cert', $ca->issue(subject => ClientCert::name(@_)), '--key', $ca->key) }
for my $version (@versions) {
    is user("$tls/client", $version, certificate(['O', 'x'], ['CN', 'dave'], ['CN', 'erin'])), '200 dave ClientCert', "$version: the name in a certificate";
    is user("$tls/client", $version, certificate(['CN', 'erin'], ['CN', 'dave'])), 403, "$version: another one";
    is user("$tls/client", $version), 500, "$version: no certificate, and httpd has no AuthType to ask by";
}
is user("$tls/nobody", certificate(['CN', "a\nb\0c"])), '200 a\0Ab\00c ClientCert', 'bytes that are no characters';
is user("$tls/section", '--tls-max', '1.2'), 403, 'another value is refused';
is user("$tls/denied"),  403, 'a user that Require does not name';
is user("$tls/nobody"),  '200 - -', 'an empty value names nobody';
like $httpd->error_log, qr/\[ssl:warn\].*AH02227: Failed to set r->user to 'SSL_CLIENT_S_DN_CN'/, '... and the log says so';
is user("$tls/password", '-A', 'carol'), '200 carol ClientCert', 'nobody asks for a password when the name suffices';
is user("$tls/password", '-A', 'dave'), 403, 'a name that does not suffice is refused';
is user("$tls/password", '-A', 'dave', '--user', 'carol:secret'), 403, '... whatever the password';
is user("$tls/password", '-A', ''), 401, 'without a name a password is asked for';
is user("$tls/password", '-A', '', '--user', 'carol:secret'), '200 carol Basic', '... and counts';
is user("$tls/password", '-A', '', '--user', 'alice:secret'), 401, '... but not that of another';
is user("$tls/faking"),  '200 - -', 'FakeBasicAuth has users of its own';
is user("$plain/server"), '200 - -', 'without TLS it names nobody';
# Anybody can make a certificate with any name.
my $open = 'https://localhost:' . $httpd->port(3);
for my $case (['of a known CA', '200 dave ClientCert', '200 dave ClientCert', by => 'friends'], ['of nobody', '200 - -', 500]) {
    my ($whose, $named, $admitted, @by) = @$case;
    my %pair = $pki->issue($whose =~ s/ /_/gr, subject => '/CN=dave', @by);
    ($named, $admitted) = ('200 dave ClientCert') x 2 if TestHttpd::stock();
    for my $version ('1.2', '1.3') {
        my @with = ('--http1.1', '--tls-max', $version, '--cert', $pair{cert}, '--key', $pair{key});
        is user("$open/server", @with), $named,    "optional_no_ca, TLS $version: who a certificate $whose names";
        is user("$open/strict", @with), $admitted, '... and Require user';
    }
}
like $httpd->error_log, qr/\[ssl:warn\].*AH02227: Failed to set r->user to 'SSL_CLIENT_S_DN_CN': the client's certificate was not verified/, '... and the log says so'
    unless TestHttpd::stock();
my $logged = $httpd->access_log('users');
like $logged, qr{^/section TLSv1\.3$}m, 'the access log has the name';
like $logged, qr{^/nobody -$}m,         '... or none';
done_testing;
