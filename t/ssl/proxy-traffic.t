# What goes through to backends: large uploads, 100-continue, what is known of the client, addresses, forward proxies by TLS.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use Backend ();
use ClientPki ();
use Curl ();
use Digest::SHA ();
use IO::Socket::IP ();
use TestHttpd ();
use TlsClient ();

my $pki = ClientPki->new;
$pki->root($_) for qw(root clients);
$pki->issue('server', by => 'root', eku => 'serverAuth', san => 'DNS:localhost,IP:127.0.0.1,IP:::1');
my %person  = $pki->issue('person', by => 'clients');
my $server  = $pki->combined('server');
my $backend = Backend->python('--cert', $server);
my $ipv6    = IO::Socket::IP->new(LocalHost => '::1', Listen => 1) ? Backend->python('--cert', $server, '--address', '::1') : undef;
my $port    = $backend->port;
my $six     = $ipv6 ? 'ProxyPass /six https://[::1]:' . $ipv6->port . '/' : '';
my $trust   = "SSLProxyEngine on\nSSLProxyVerify require\nSSLProxyCACertificateFile " . $pki->file('root');
my $httpd   = TestHttpd->start(TestHttpd::load_also(qw(proxy proxy_http proxy_connect)) . <<"END");
<VirtualHost *:\@PORT@>
    ServerName localhost
    SSLEngine on
    \@RSA@
    Protocols h2 http/1.1
    SSLVerifyClient optional
    SSLCACertificateFile ${\ $pki->file('clients')}
    $trust
    RequestHeader set X-Version   "%{SSL_PROTOCOL}s"
    RequestHeader set X-Name      "%{SSL_TLS_SNI}s"
    RequestHeader set X-Person    "%{SSL_CLIENT_S_DN_CN}s"
    RequestHeader set X-Verified  "%{SSL_CLIENT_VERIFY}s"
    RequestHeader set X-Forwarded-Proto expr=%{REQUEST_SCHEME}
    ProxyPass /b https://localhost:$port/
    ProxyPass /four https://127.0.0.1:$port/
    $six
</VirtualHost>
<VirtualHost *:\@PORT2@>
    ServerName localhost
    SSLEngine on
    \@RSA@
    ProxyRequests on
    AllowCONNECT 1-65535
    $trust
</VirtualHost>
END
my $front = 'https://localhost:' . $httpd->port;

# --- Large uploads ----------------------------------------------------------------------------------------------------------
my $large    = TestHttpd::docs() . '/200m.bin';
my $expected = '200000000 ' . Digest::SHA->new(256)->addfile($large)->hexdigest . " -\n";
for my $case (['--http1.1'], ['--http1.1', '--header', 'Transfer-Encoding: chunked'], ['--http2']) {
    my $answer = Curl::get("$front/b/upload", @$case, '--upload-file', $large, '--max-time', 300);
    is $answer->{status}, 200, "@$case: 200 MB to a backend";
    is $answer->{body}, $expected, '... arrive whole';
}

# --- 100-continue -----------------------------------------------------------------------------------------------------------
{
    $backend->news;
    my $client = TlsClient->new(port => $httpd->port, sni => 'localhost', version => '1.3')->handshake;
    $client->send("POST /b/upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
    my $head = '';
    $head .= $client->receive until $head =~ /\r\n\r\n/;
    like $head, qr/^HTTP\/1.1 100 Continue\r\n\r\n$/, '100-continue: the client is told to go on';
    like $backend->news, qr/^request POST \/\/?upload .* expect=100-continue$/m, '... when the backend has been asked';
    $client->send('hello');
    my $answer = '';
    $answer .= $client->receive until $answer =~ /\n\z/;
    like $answer, qr/^HTTP\/1.1 200 .*\r\n\r\n5 ${\ Digest::SHA::sha256_hex('hello')} -\n$/s, '... and the body arrives';
    $client->vanish;
}

# --- What the backend learns of the client --------------------------------------------------------------------------------------
for my $version ('--http1.1', '--http2') {
    my %field = map { /^([\w-]+): (.*)$/ ? ($1, $2) : () } split /\n/, Curl::get("$front/b/fields", $version, '--cert', $person{cert}, '--key', $person{key}, '-H', 'X-Person: somebody')->{body};
    is_deeply {map { $_ => $field{"x-$_"} } qw(version name person verified forwarded-for forwarded-host forwarded-server forwarded-proto)},
        {version => 'TLSv1.3', name => 'localhost', person => 'person', verified => 'SUCCESS', 'forwarded-for' => '127.0.0.1', 'forwarded-host' => 'localhost:' . $httpd->port,
        'forwarded-server' => 'localhost', 'forwarded-proto' => 'https'}, "$version: with a certificate";
    %field = map { /^([\w-]+): (.*)$/ ? ($1, $2) : () } split /\n/, Curl::get("$front/b/fields", $version, '-H', 'X-Person: somebody')->{body};
    is $field{'x-verified'}, 'NONE', '... without';
    isnt $field{'x-person'}, 'somebody', '... and nobody says himself who he is';
}

# --- By address -------------------------------------------------------------------------------------------------------------
my $by_address = TestHttpd::stock() ? 500 : 200;
is Curl::status("$front/four/"), $by_address, "by an IPv4 address that the certificate has: $by_address";
SKIP: {
    skip 'no IPv6', 1 unless $ipv6;
    is Curl::status("$front/six/"), $by_address, "by an IPv6 address that the certificate has: $by_address";
}

# --- A forward proxy that is reached by TLS ----------------------------------------------------------------------------------------
{
    my $proxy = 'https://localhost:' . $httpd->port(2);
    my $known = $pki->bundle('both', 'root');
    open my $all, '>>', $known or die "$known: $!";
    print {$all} TestHttpd::slurp(TestHttpd::ca());
    close $all;
    my $answer = Curl::get("https://localhost:$port/tunnel", '--proxy', $proxy, '--proxy-cacert', TestHttpd::ca(), '--cacert', $known);
    like $answer->{body}, qr/^0 e3b0/, 'CONNECT within TLS: a handshake with the backend inside';
    my $large = Curl::get("https://localhost:$port/size/30000000", '--proxy', $proxy, '--proxy-cacert', TestHttpd::ca(), '--cacert', $known);
    is Digest::SHA::sha256_hex($large->{body}), Digest::SHA::sha256_hex('y' x 30_000_000), '... and a large response';
}
unlike $httpd->error_log, qr/panicked/, 'nothing panicked';
done_testing;
