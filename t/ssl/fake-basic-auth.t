# SSLOptions FakeBasicAuth: the subject of a verified client certificate as a user of Basic authentication, and nobody else's way to
# become one. The same certificates with SSLUserName and `Require ssl-verify-client`.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use ClientCert ();
use Curl ();
use MIME::Base64 qw(encode_base64);
use TestHttpd ();
use TlsClient ();

my $ca   = ClientCert->authority;
my $asks = "SSLOpenSSLConfCmd VerifyMode Request\nSSLOpenSSLConfCmd VerifyCAFile " . $ca->root;
my $auth = <<'END';
    AuthType Basic
    AuthName test
    AuthUserFile "@ROOT@/users"
    Require valid-user
END
my $sections = <<"END";
ScriptAlias /faked "\@CGI@/env"
ScriptAlias /plain "\@CGI@/env"
ScriptAlias /legacy "\@CGI@/env"
ScriptAlias /verified "\@CGI@/env"
ScriptAlias /strict "\@CGI@/env"
<Location /faked>
    SSLOptions +FakeBasicAuth
    $auth
</Location>
<Location /legacy>
    SSLOptions +FakeBasicAuth +LegacyDNStringFormat +StdEnvVars
    SSLUserName SSL_CLIENT_VERIFY
    $auth
</Location>
<Location /strict>
    SSLOptions +FakeBasicAuth +StrictRequire
    SSLRequire false
    Satisfy any
    $auth
</Location>
<Location /plain>
    $auth
</Location>
<Location /verified>
    Require ssl-verify-client
</Location>
RewriteEngine on
<Location /open>
    ErrorDocument 404 /plain
</Location>
<Location /faked-open>
    SSLOptions +FakeBasicAuth
    ErrorDocument 404 /plain
    $auth
</Location>
END
my $httpd = TestHttpd->new(TestHttpd::load_also(qw(auth_basic authn_core authn_file authz_user authz_host access_compat proxy proxy_http)) . <<"END");
Protocols h2 http/1.1
LogFormat "%U %u" users
CustomLog logs/users users
SSLSessionCache shmcb
<VirtualHost *:\@PORT@>
    ServerName localhost
    SSLEngine on
    \@ECDSA@
    $asks
    $sections
</VirtualHost>
<VirtualHost *:\@PORT2@>
    ServerName localhost
    $sections
</VirtualHost>
<VirtualHost *:\@PORT4@>
    ServerName localhost
    SSLEngine on
    \@ECDSA@
    SSLVerifyClient optional_no_ca
    SSLVerifyDepth 5
    SSLCACertificateFile \@CERTS@/root.pem
    $sections
</VirtualHost>
<VirtualHost *:\@PORT3@>
    ServerName localhost
    ProxyRequests on
    <Proxy *>
        $auth
    </Proxy>
</VirtualHost>
END

# The hash of MD5 for some, that of DES, which sees eight characters, for the others.
my ($des, $md5) = ('xxj31ZMTZzkVA', '$1$OXLyS...$Owx8s2/m9/gfkcRVXzgoE/');
my %users = (
    '/C=DE/O=Acme/CN=alice'       => $des,
    '/CN=bob'                     => $md5,
    '/CN=x'                       => $des,
    '/CN=a\/OU=b'                 => $des,
    '/CN=admin'                   => $des,
    '/CN=J\xC3\xB6rg'             => $des,
    '/CN=\x00e\x00v\x00e'      => $des,
    'carol'                       => crypt('secret', 'ab'),
);
open my $file, '>', "$httpd->{root}/users" or die "users: $!";
print {$file} map { "$_:$users{$_}\n" } sort keys %users;
close $file or die "users: $!";
is $httpd->try_start, 'runs', 'the server runs' or BAIL_OUT($httpd->output . $httpd->error_log);
my ($tls, $plain) = ('https://localhost:' . $httpd->port, 'http://localhost:' . $httpd->port(2));

sub user {
    my ($url, @options) = @_;
    my $answer = Curl::get($url, @options);
    my ($user, $type) = map { $answer->{body} =~ /^$_=(.*)$/m ? $1 : '-' } 'REMOTE_USER', 'AUTH_TYPE';
    return $answer->{status} == 200 ? "200 $user $type" : $answer->{status};
}
# Options for curl: a certificate with that subject.
sub certificate { return ('--cert', $ca->issue(subject => ClientCert::name(@_)), '--key', $ca->key) }
sub header { return ('-H', 'Authorization: Basic ' . encode_base64($_[0], '')) }

my @alice    = certificate(['C', 'DE'], ['O', 'Acme'], ['CN', 'alice']);
my @bob      = certificate(['CN', 'bob']);
my @stranger = certificate(['CN', 'stranger']);
my @versions = TestHttpd::mpm() eq 'prefork' ? '--http1.1' : ('--http1.1', '--http2');
for my $version (@versions, '--tls-max=1.2') {
    my @version = split /=/, $version;
    is user("$tls/faked",  @version, @alice), '200 /C=DE/O=Acme/CN=alice Basic', "$version: a certificate of a known user";
    is user("$tls/faked",  @version, @bob),   '200 /CN=bob Basic',               "$version: another one";
    is user("$tls/faked",  @version, @stranger), 401, "$version: of a stranger";
    is user("$tls/faked",  @version), 401, "$version: no certificate";
    is user("$tls/faked",  @version, '--user', 'carol:secret'), '200 carol Basic', "$version: no certificate, but a password";
    is user("$tls/faked",  @version, @alice, '--user', 'carol:secret'), '200 /C=DE/O=Acme/CN=alice Basic', "$version: a certificate goes before a password";
    is user("$tls/plain",  @version, @alice), 401, "$version: without the option the certificate is nobody";
    is user("$tls/strict", @version, @alice), 403, "$version: StrictRequire refuses before";
}
is user("$tls/legacy", @alice), '200 /C=DE/O=Acme/CN=alice Basic', 'SSLUserName is not asked';
is user("$tls/faked", certificate(['CN', "J\xc3\xb6rg"])), '200 /CN=J\xC3\xB6rg Basic', 'what is not ASCII is written as \xHH';
like $httpd->error_log, qr{\[ssl:info\].*AH02036: Faking HTTP Basic Auth header: "Authorization: Basic \Q@{[encode_base64('/CN=bob:password', '')]}\E"}, 'AH02036';
like $httpd->access_log('users'), qr{^/faked /C=DE/O=Acme/CN=alice$}m, 'the access log has the user';

# Whoever sends the header himself is refused: with TLS or not, with the option or not.
for my $case (['TLS', "$tls/faked"], ['TLS without the option', "$tls/plain"], ['plain HTTP', "$plain/plain"], ['plain HTTP with the option', "$plain/faked"],
    ['TLS with a certificate', "$tls/faked", @alice], ['TLS with the same certificate', "$tls/faked", certificate(['CN', 'admin'])]) {
    my ($name, $url, @options) = @$case;
    my $from = length $httpd->error_log;
    is user($url, @options, header('/CN=admin:password')), 403, "$name: a spoof";
    like substr($httpd->error_log, $from), qr{\[ssl:error\].*AH02035: Encountered FakeBasicAuth spoof: /CN=admin$}m, '... is in the log';
    is user($url, header('/CN=admin:wrong')), 401, "$name: another password";
}

# What the hash of DES does not see.
for my $password ('password1', "p\xe1ssword", 'password and more', "password\0") {
    my $expected = TestHttpd::stock() && $password ne "password\0" ? '200 /CN=admin Basic' : 403;
    is user("$tls/plain",   header("/CN=admin:$password")), $expected, 'a password with the same hash: ' . ($password =~ s/([^ -~])/sprintf '\\x%02x', ord $1/ger);
    is user("$plain/plain", header("/CN=admin:$password")), $expected, '... plain HTTP';
}

# Other ways to write the header: whatever mod_auth_basic reads in it, this module has read before.
{
    my $token  = encode_base64('/CN=admin:password', '');
    my $padded = encode_base64("/CN=admin:password\0", '');
    my @header = ("Basic  $token", "Basic\t$token", "Basic \t $token", "  Basic $token", "BASIC $token", "bAsIc $token ", "Basic $token, Basic eA==", "Basic $token=", "Basic $token;x", "Basic $padded",
        "Basic $token\r\nAuthorization: Basic eA==", "Basic eA==\r\nAuthorization: Basic $token", "Basic\r\n $token", "Basic \r\n\t$token", "Basic $token\r\nauthorization: x", "Basic ${token}x", "Basic, $token", "Basic=$token", "\"Basic\" $token");
    for my $url ('/faked', '/plain') {
        for my $header (@header) {
            my $client = TlsClient->new(port => $httpd->port, sni => 'localhost')->handshake;
            $client->send("GET $url HTTP/1.1\r\nHost: localhost\r\nAuthorization: $header\r\nConnection: close\r\n\r\n");
            my $answer = $client->answer;
            ok $answer->{status} != 200 && $answer->{body} !~ /^REMOTE_USER/m, "$url, $header: $answer->{status}" =~ s/([^ -~])/sprintf '\\x%02x', ord $1/ger;
        }
    }
}

# An error page behind a password, reached from where nobody asks for one.
for my $url ("$tls/open/nothing", "$plain/open/nothing") {
    my $body = Curl::get($url, header('/CN=admin:password'))->{body};
    TestHttpd::stock() ? like($body, qr{^REMOTE_USER=/CN=admin$}m, 'a spoof is let through by a redirect') : unlike($body, qr/REMOTE_USER/, 'a redirect is no way around the check');
}
like Curl::get("$tls/faked-open/nothing", @alice)->{body}, qr{^REMOTE_USER=/C=DE/O=Acme/CN=alice$}m, 'a faked user stays in an error page';

# The header that a forward proxy reads.
my @proxy = ('--proxy', 'http://localhost:' . $httpd->port(3), '--noproxy', '');
is Curl::status("$plain/1.bin", @proxy, '--proxy-user', 'carol:secret'), 200, 'through a forward proxy with a password';
is Curl::status("$plain/1.bin", @proxy, '--proxy-user', '/CN=admin:password'), TestHttpd::stock() ? 200 : 403, '... and a spoof';

# Subjects that would be other users.
my $from = length $httpd->error_log;
is user("$tls/faked", certificate(['CN', 'x:y'])), TestHttpd::stock() ? 401 : 403, 'a colon';
like substr($httpd->error_log, $from), qr{\[ssl:error\].*AH10096: Cannot use FakeBasicAuth for username containing a colon: /CN=x:y$}m, '... and the log says so' unless TestHttpd::stock();
is user("$tls/faked", certificate(['CN', 'x:password'])), TestHttpd::stock() ? '200 /CN=x Basic' : 403, 'a password in the subject';
is user("$tls/faked", certificate(['CN', 'a/OU=b'])), '200 /CN=a\/OU=b Basic', 'a slash inside a name';
is user("$tls/faked", certificate(['CN', 'a\\'], ['OU', 'b'])), TestHttpd::stock() ? '200 /CN=a\/OU=b Basic' : 403, 'a backslash at the end of one: the same text';
is user("$tls/faked", certificate(['CN', 'J\xC3\xB6rg'])), TestHttpd::stock() ? '200 /CN=J\xC3\xB6rg Basic' : 403, 'a name that looks like an escape';
is user("$tls/faked", certificate(['CN', "\0e\0v\0e", 'bmp'])), '200 /CN=\x00e\x00v\x00e Basic', 'characters of two bytes';
is user("$tls/faked", certificate(['CN', "\0e\0v\0e"])), TestHttpd::stock() ? '200 /CN=\x00e\x00v\x00e Basic' : 403, 'bytes that look like them';
is user("$tls/faked", certificate()), 401, 'no subject at all';

# A certificate that anybody can make.
my $lenient = 'https://localhost:' . $httpd->port(4);
for my $version (@versions, '--tls-max=1.2') {
    my @version = split /=/, $version;
    is user("$lenient/faked", @version, @bob), TestHttpd::stock() ? '200 /CN=bob Basic' : 401, "$version: optional_no_ca, a certificate of an unknown authority";
    is Curl::status("$lenient/verified", @version, @bob), 403, "$version: ... which Require ssl-verify-client does not take";
}

# A resumed session knows the certificate.
for my $version ('1.2', '1.3') {
    my %option = (port => $httpd->port, sni => 'localhost', version => $version);
    my $file   = $ca->issue(subject => ClientCert::name(['CN', 'bob']));
    my $first  = TlsClient->new(%option, cert => $file, key => $ca->key)->handshake;
    like $first->get('/faked')->{body}, qr{^REMOTE_USER=/CN=bob$}m, "TLS $version: the first connection";
    my $second = TlsClient->new(%option, session => $first->session)->handshake;
    ok $second->reused, "TLS $version: the second resumes its session";
    like $second->get('/faked')->{body}, qr{^REMOTE_USER=/CN=bob$}m, '... and has the user';
    is $second->get('/verified')->{status}, 200, '... and a verified certificate';
}

# Require ssl-verify-client.
for my $version (@versions) {
    my $granted = TestHttpd::stock() && $version eq '--http2' ? 403 : 200;
    is Curl::status("$tls/verified", $version, @stranger), $granted, "$version: a verified certificate";
    is Curl::status("$tls/verified", $version), 403, "$version: none";
}
is Curl::status("$plain/verified"), 403, 'plain HTTP: none';
done_testing;
