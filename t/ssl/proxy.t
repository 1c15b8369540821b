# TLS to other servers, by all of mod_proxy's handlers: httpd, nginx and Python as backends.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use Backend ();
use ClientPki ();
use Curl ();
use Digest::SHA ();
use IO::Socket::INET ();
use TestHttpd ();
use TlsClient ();

my $stock = TestHttpd::stock();
my $pki   = ClientPki->new;
$pki->root('root');
$pki->issue('server', by => 'root', eku => 'serverAuth', san => 'DNS:localhost,DNS:public.test');
my $server  = $pki->combined('server');
my $python  = Backend->python('--cert', $server);
my $second  = Backend->python('--cert', $server);
my $nginx   = Backend->nginx("ssl_certificate $server; ssl_certificate_key $server; location / { root " . TestHttpd::docs() . '; }');
my ($ca, $own, $p, $s, $n) = (TestHttpd::ca(), $pki->file('root'), map { $_->port } $python, $second, $nginx);
my $trust   = "SSLProxyEngine on\nSSLProxyVerify require\nSSLProxyCACertificateFile " . $pki->file('root');
my $modules = TestHttpd::load_also(qw(proxy proxy_http proxy_http2 proxy_wstunnel proxy_connect slotmem_shm lbmethod_byrequests proxy_balancer watchdog proxy_hcheck));
my $httpd   = TestHttpd->start($modules . <<"END");
SSLSessionCache shmcb
<VirtualHost *:\@PORT@>
    ServerName localhost
    SSLEngine on
    \@RSA@
    \@ECDSA@
    Protocols h2 http/1.1
    LogFormat "%{SSL_PROTOCOL}x %{SSL_TLS_SNI}x %{Host}i %H %s %U" backend
    CustomLog logs/backend backend
</VirtualHost>
<VirtualHost *:\@PORT2@>
    ServerName localhost
    SSLEngine on
    \@RSA@
    Protocols h2 http/1.1
    SSLProxyEngine on
    SSLProxyVerify require
    SSLProxyVerifyDepth 2
    SSLProxyCACertificateFile $ca
    ProxyPass /name https://localhost:\@PORT@/
    ProxyPass /address https://127.0.0.1:\@PORT@/
    ProxyPass /h2 h2://localhost:\@PORT@/
</VirtualHost>
<VirtualHost *:\@PORT3@>
    ServerName off
    ProxyPass / https://localhost:\@PORT@/
</VirtualHost>
<VirtualHost *:\@PORT4@>
    ServerName localhost
    SSLEngine on
    \@RSA@
    Protocols h2 http/1.1
    $trust
    ProxyPass /python https://localhost:$p/
    ProxyPass /nginx https://localhost:$n/
    ProxyPass /nginx2 h2://localhost:$n/
    ProxyPass /ws wss://localhost:$p/
    ProxyPass /upgrade https://localhost:$s/ upgrade=websocket
    <Proxy "balancer://both">
        BalancerMember https://localhost:$p route=1
        BalancerMember https://localhost:$s route=2
    </Proxy>
    ProxyPass /both balancer://both/
    ProxyHCExpr any {hc('body') =~ /./}
    <Proxy "balancer://checked">
        BalancerMember https://localhost:$s hcmethod=GET hcuri=/health hcinterval=2 hcpasses=1
    </Proxy>
    ProxyPass /checked balancer://checked/
</VirtualHost>
<VirtualHost *:\@PORT5@>
    ServerName forward
    ProxyRequests on
    AllowCONNECT 1-65535
    $trust
</VirtualHost>
<VirtualHost *:\@PORT6@>
    ServerName through
    $trust
    ProxyRemote https http://127.0.0.1:\@PORT5@
    ProxyPass / https://localhost:$p/
</VirtualHost>
<VirtualHost *:\@PORT7@>
    ServerName preserved
    $trust
    ProxyPreserveHost on
    ProxyPass / https://localhost:$p/
</VirtualHost>
END
my $front = 'https://localhost:' . $httpd->port(2);
my $main  = 'https://localhost:' . $httpd->port(4);

# mod_http2 does not serve with prefork.
my @own = TestHttpd::mpm() eq 'prefork' ? ('name') : qw(name h2);

sub digest_of { return Digest::SHA::sha256_hex($_[0]) }
my %digest = map { $_ => digest_of(TestHttpd::slurp(TestHttpd::docs() . "/$_.bin")) } qw(1k 16k 1m);

# --- By name and address, HTTP/1.1 and HTTP/2 on both sides ---------------------------------------------------------------
for my $version ('--http1.1', '--http2') {
    for my $file (qw(1k 16k 1m)) {
        for my $kind (@own) {
            my $answer = Curl::get("$front/$kind/$file.bin", $version);
            is $answer->{status}, 200, "$version, $kind: $file";
            is digest_of($answer->{body}), $digest{$file}, '... whole';
        }
    }
    is Curl::status("$front/address/1k.bin", $version), $stock ? 500 : 200, "$version, by the address that the certificate has";
    for my $kind (qw(nginx nginx2)) {
        my $answer = Curl::get("$main/$kind/1m.bin", $version);
        is digest_of($answer->{body}), $digest{'1m'}, "$version, $kind: 1m" or diag $answer->{status};
    }
}
# mod_proxy_http2 waits in short turns.
is Curl::get("$front/$_/cgi/late")->{body}, "late\nlater\n", "$_: a backend that takes its time" for @own;
like $httpd->access_log('backend'), qr/^TLSv1.3 localhost localhost:\d+ HTTP\/1.1 200 \/1k.bin$/m, 'the name is sent (SNI)';
like $httpd->access_log('backend'), qr/^TLSv1.3 localhost localhost:\d+ HTTP\/2.0 200 \/1k.bin$/m, '... also with HTTP/2' if @own > 1;
is Curl::status('http://127.0.0.1:' . $httpd->port(3) . '/1k.bin'), 500, 'without SSLProxyEngine: 500';
like $httpd->error_log, qr/AH00961: https: failed to enable ssl support/, '... as mod_proxy says';

# --- Bodies -----------------------------------------------------------------------------------------------------------
my $upload = TestHttpd::root() . "/home/upload-$$";
{
    open my $file, '>:raw', $upload or die "$upload: $!";
    print {$file} TestHttpd::pattern(20_000_000);
    close $file or die "$upload: $!";
}
my $expected = '20000000 ' . digest_of(TestHttpd::pattern(20_000_000));
for my $version ('--http1.1', '--http2') {
    for my $how ([], ['--header', 'Expect: 100-continue'], ['--header', 'Transfer-Encoding: chunked']) {
        next if $version eq '--http2' && "@$how" =~ /chunked/;
        $python->news;
        my $answer = Curl::get("$main/python/upload", $version, '--data-binary', "\@$upload", @$how);
        is $answer->{status}, 200, "$version, upload @$how";
        is $answer->{body}, "$expected -\n", '... arrives whole';
    }
}
unlink $upload;
{
    my $answer = Curl::get("$main/python/size/30000000");
    is length $answer->{body}, 30_000_000, 'a large response';
    is digest_of($answer->{body}), digest_of('y' x 30_000_000), '... whole';
}

# --- Connections are used again ---------------------------------------------------------------------------------------
{
    Curl::status("$main/python/") for 1 .. 2;
    $python->news;
    Curl::status("$main/python/") for 1 .. 10;
    my $news        = $python->news;
    my $connections = () = $news =~ /^connection/mg;
    my $requests    = () = $news =~ /^request/mg;
    is $requests, 10, 'ten requests';
    cmp_ok $connections, '<', 10, "... on fewer connections ($connections)";
}

# --- Names ------------------------------------------------------------------------------------------------------------
{
    $python->news;
    is Curl::status('http://127.0.0.1:' . $httpd->port(7) . '/', '-H', 'Host: public.test'), 200, 'ProxyPreserveHost: a name that the certificate has';
    like $python->news, qr/sni=public\.test .*host=public\.test/s, '... is the one that the backend gets, in both places';
}

# --- WebSocket: TLS on both sides -----------------------------------------------------------------------------------------
for my $path ('/ws', '/upgrade') {
    my $client = TlsClient->new(port => $httpd->port(4), sni => 'localhost', version => '1.3')->handshake;
    $client->send("GET $path HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: eA==\r\nSec-WebSocket-Version: 13\r\n\r\n");
    my $head = '';
    $head .= $client->receive until $head =~ /\r\n\r\n/;
    like $head, qr/^HTTP\/1.1 101/, "WebSocket by $path: switched";
    for my $piece ('a', 'hello', 'b' x 100_000) {
        $client->send($piece);
        my $back = '';
        $back .= $client->receive while length $back < length $piece;
        is $back, uc $piece, '... ' . length($piece) . ' bytes there and back';
    }
    $client->vanish;
}

# --- Balancers --------------------------------------------------------------------------------------------------------
{
    $_->news for $python, $second;
    is Curl::status("$main/both/"), 200, 'a balancer' for 1 .. 6;
    like $_->news, qr/^request GET \/\/ /m, '... with its members' for $python, $second;
    $second->wait_for(qr/^request GET \/health /m);
    is Curl::status("$main/checked/"), 200, 'a member that is looked after';
    like $httpd->error_log, qr/\S/, 'there is a log';
    unlike $httpd->error_log, qr/AH03257|AH03258.*disabled/, '... and nothing against the member';
}

# --- Forward proxies --------------------------------------------------------------------------------------------------
{
    my $proxy = 'http://127.0.0.1:' . $httpd->port(5);
    my $body  = qx(curl --silent --max-time 30 --proxy $proxy --cacert $own https://localhost:$p/tunnel);
    like $body, qr/^0 e3b0/, 'CONNECT through a forward proxy';
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $httpd->port(5)) or die "connect: $!";
    print {$socket} "GET https://localhost:$p/absolute HTTP/1.1\r\nHost: localhost:$p\r\nConnection: close\r\n\r\n";
    my $answer = do { local $/; <$socket> };
    like $answer, qr/^HTTP\/1.1 200 .*\r\n\r\n0 e3b0/s, 'a request for an https: address';
    $python->news;
    is Curl::status('http://127.0.0.1:' . $httpd->port(6) . '/remote'), 200, 'TLS through another proxy (ProxyRemote, CONNECT)';
    like $python->news, qr/sni=localhost .*request GET \/remote/s, '... ends at the backend';
}
unlike $httpd->error_log, qr/panicked/, 'nothing panicked';
done_testing;
