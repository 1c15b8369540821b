# Where scripts, pages and other modules find the variables of a client's certificate: SSI, included pages, error documents, headers for
# programs, rewrite conditions, expressions, mod_lua, mod_perl.
use strict;
use warnings FATAL => 'all';
use File::Path qw(make_path);
use Test::More;
use lib 'lib', 't/lib';
use ClientCert ();
use TestHttpd ();
use TlsClient ();

my $ca      = ClientCert->authority;
my $modules = TestHttpd::apxs('LIBEXECDIR');
my %there   = map { $_ => -e "$modules/mod_$_.so" } qw(lua perl);
my @names   = qw(SSL_CLIENT_S_DN SSL_CLIENT_S_DN_CN SSL_CLIENT_I_DN_OU_1 SSL_CLIENT_M_SERIAL SSL_CLIENT_SAN_DNS_0 SSL_CLIENT_VERIFY SSL_PROTOCOL SSL_CLIENT_NOTHING);
my %value   = (
    SSL_CLIENT_S_DN      => 'CN=Alicé,O=Acme\\, Inc.',
    SSL_CLIENT_S_DN_CN   => 'Alicé',
    SSL_CLIENT_I_DN_OU_1 => 'B',
    SSL_CLIENT_M_SERIAL  => '0123',
    SSL_CLIENT_SAN_DNS_0 => 'alice.example.test',
    SSL_CLIENT_VERIFY    => 'SUCCESS',
    SSL_PROTOCOL         => 'TLSv1.3',
    SSL_CLIENT_NOTHING   => '',
);
my $certificate = $ca->issue(
    serial     => '0123',
    subject    => ClientCert::name(['O', 'Acme, Inc.'], ['CN', 'Alicé']),
    extensions => [ClientCert::san(ClientCert::dns('alice.example.test'))],
);

my $httpd = TestHttpd->new(<<"END");
Protocols h2 http/1.1
@{[ map { $there{$_} ? "LoadModule ${_}_module $modules/mod_$_.so\n" : () } sort keys %there ]}
@{[ TestHttpd::load_also(qw(proxy proxy_http)) ]}
<VirtualHost *:\@PORT@>
    ServerName localhost
    SSLEngine on
    \@ECDSA@
    SSLOpenSSLConfCmd VerifyMode Request
    SSLOpenSSLConfCmd VerifyCAFile ${\ $ca->root}
    SSLOptions +StdEnvVars
    DocumentRoot "\@ROOT@/pages"
    <Directory "\@ROOT@/pages">
        Options +Includes
        AddOutputFilter INCLUDES .shtml
        <IfModule mod_lua.c>
            AddHandler lua-script .lua
        </IfModule>
    </Directory>
    ErrorDocument 404 /variables.shtml
    <Location /cgi/env/headers>
        RequestHeader set X-Direct "%{SSL_CLIENT_S_DN_CN}s"
        RequestHeader set X-Expression "expr=%{SSL_CLIENT_S_DN}"
        SetEnvIfExpr "%{SSL_CLIENT_S_DN_CN} =~ /^(Ali.*)/" FROM_EXPRESSION=\$1
    </Location>
    <Location /proxied>
        ProxyPass "http://127.0.0.1:\@PORT2@/cgi/env"
        RequestHeader set X-Client "%{SSL_CLIENT_S_DN}s"
        RequestHeader set X-Cert "%{SSL_CLIENT_CERT}s"
        RequestHeader set X-Https "%{HTTPS}s"
        RequestHeader set X-From-Environment "%{SSL_CLIENT_S_DN_CN}e"
        RequestHeader set X-None "%{SSL_CLIENT_NOTHING}s"
    </Location>
    <Location /function>
        Require expr ssl("SSL_CLIENT_M_SERIAL") == '0123' && ssl('SSL_CLIENT_S_DN_CN') in { 'Bob', 'Alicé' }
    </Location>
    RewriteEngine on
    RewriteCond %{SSL:SSL_CLIENT_SAN_DNS_0} ^(alice)\\.example\\.test\$
    RewriteRule ^/rewritten\$ /variables.shtml?%1 [PT]
    <Location /denied>
        Require expr %{SSL_CLIENT_M_SERIAL} == '0123' && %{QUERY_STRING} == 'let'
    </Location>
    <IfModule mod_perl.c>
        <Location /perl>
            SetHandler modperl
            PerlResponseHandler "sub { use Apache2::RequestRec (); use Apache2::RequestIO (); use APR::Table (); my \$r = shift; \$r->content_type('text/plain'); \$r->print(join '|', map { \$r->subprocess_env->get(\$_) // '' } split /,/, \$r->args); return 0 }"
        </Location>
    </IfModule>
</VirtualHost>
<VirtualHost *:\@PORT2@>
    ServerName localhost
    DocumentRoot "\@ROOT@/pages"
    <IfModule mod_lua.c>
        AddHandler lua-script .lua
    </IfModule>
</VirtualHost>
END
my $pages = "$httpd->{root}/pages";
make_path($pages);

sub page {
    my ($name, $text) = @_;
    open my $file, '>', "$pages/$name" or die "$name: $!";
    print {$file} $text;
    close $file or die "$name: $!";
    return;
}
page('variables.shtml', join('|', map { qq(<!--#echo encoding="none" var="$_" -->) } @names) . "\n");
page('including.shtml', qq(<!--#include virtual="/variables.shtml" -->after\n));
page('function.shtml',  qq(<!--#if expr="v('SSL_CLIENT_S_DN_CN') =~ /^Ali/ && %{SSL_CLIENT_M_SERIAL} == '0123'" -->yes<!--#else -->no<!--#endif -->));
page('lookup.lua', <<'END');
function handle(r)
    r.content_type = "text/plain"
    for name in string.gmatch(r.args, "[^,]+") do
        local value = r:ssl_var_lookup(name)
        r:puts(type(value), ":", value, "|")
    end
    r:puts(tostring(r.is_https))
    return apache2.OK
end
END
is $httpd->try_start, 'runs', 'the server runs' or diag $httpd->output . $httpd->error_log;

my $client = TlsClient->new(port => $httpd->port, sni => 'localhost', version => '1.3', cert => $certificate, key => $ca->key)->handshake;
sub body { return $client->get(@_)->{body} }

my $echoed = join('|', map { length $value{$_} ? $value{$_} : '(none)' } @names) . "\n";
my $plain  = join '|', map { $value{$_} } @names;
my $list   = join ',', @names;
is body('/variables.shtml'), $echoed,         'SSI: echo';
is body('/including.shtml'), "${echoed}after\n", '... in an included page';
is body('/function.shtml'),  'yes',           '... in an expression';
my $answer = $client->get('/nothing/here');
is $answer->{status}, 404,     'an error document';
is $answer->{body},   $echoed, '... shows the variables';
is body('/rewritten'), $echoed, 'a rewrite condition';
is $client->get('/denied')->{status}, 403, 'an expression that does not hold';
is $client->get('/denied?let')->{status}, 404, '... and one that does';
my $environment = body('/cgi/env/headers');
like $environment, qr/^HTTP_X_DIRECT=Alicé$/m,                       'RequestHeader with %{..}s';
like $environment, qr/^HTTP_X_EXPRESSION=CN=Alicé,O=Acme\\, Inc\.$/m, 'RequestHeader with an expression';
like $environment, qr/^SSL_CLIENT_S_DN_CN=Alicé$/m,                  'and the environment';

is $client->get('/function')->{status}, 404, 'ssl() in an expression';
# A program behind a proxy: what RequestHeader hands on, over HTTP/1.1 and from a stream of HTTP/2.
my $pem    = (TestHttpd::slurp($certificate) =~ /(-----BEGIN.*?END CERTIFICATE-----\n)/s)[0] =~ s/\n/ /gr;
my @handed = ("HTTP_X_CLIENT=$value{SSL_CLIENT_S_DN}", "HTTP_X_CERT=" . $pem =~ s/ +\z//r, 'HTTP_X_HTTPS=on', 'HTTP_X_FROM_ENVIRONMENT=Alicé', 'HTTP_X_NONE=(null)');
my @bodies = (body('/proxied'));
push @bodies, scalar qx(curl --silent --http2 --cacert ${\ TestHttpd::ca()} --cert $certificate --key ${\ $ca->key} "https://localhost:${\ $httpd->port}/proxied") if TestHttpd::mpm() ne 'prefork';
for my $body (@bodies) {
    my %line = map { s/ +\z//r => 1 } split /\n/, $body;
    ok $line{$_}, "proxy: $_" or diag $body for @handed;
    unlike $body, qr/^(?:SSL_|HTTPS=)/m, '... and nothing else';
}

SKIP: {
    skip 'there is no mod_lua', 3 if !$there{lua};
    is body("/lookup.lua?$list,HTTPS,REQUEST_URI,TIME_YEAR,NOTHING"),
        join('|', map { "string:$_" } (map { $value{$_} } @names), 'on', '/lookup.lua', (localtime)[5] + 1900, '') . '|true', 'mod_lua';
    is qx(curl --silent "http://localhost:${\ $httpd->port(2)}/lookup.lua?SSL_CLIENT_S_DN,HTTPS"), 'string:|string:off|false', '... without TLS';
    skip 'mod_http2 does not work with prefork', 1 if TestHttpd::mpm() eq 'prefork';
    is qx(curl --silent --http2 --cacert ${\ TestHttpd::ca()} --cert $certificate --key ${\ $ca->key} "https://localhost:${\ $httpd->port}/lookup.lua?SSL_CLIENT_S_DN"),
        "string:$value{SSL_CLIENT_S_DN}|true", '... in an HTTP/2 stream';
}
SKIP: {
    skip 'there is no mod_perl', 1 if !$there{perl};
    is body("/perl?$list"), $plain, 'mod_perl';
}
done_testing;
