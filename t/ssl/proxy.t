# TLS to other servers: mod_proxy's handlers, with the same server as the backend.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use Curl ();
use TestHttpd ();

my $ca = TestHttpd::ca();
my $modules = TestHttpd::load_also(qw(proxy proxy_http proxy_http2 proxy_wstunnel proxy_connect slotmem_shm lbmethod_byrequests proxy_balancer watchdog proxy_hcheck));
my $httpd = TestHttpd->start($modules . <<"END");
SSLSessionCache shmcb
<VirtualHost *:\@PORT@>
    ServerName localhost
    SSLEngine on
    \@RSA@
    \@ECDSA@
    Protocols h2 http/1.1
    CustomLog logs/backend "%{SSL_PROTOCOL}x %{SSL_TLS_SNI}x %{Host}i %H %{SSL_SESSION_RESUMED}x %{c}h:%{remote}p %s %U"
</VirtualHost>
<VirtualHost *:\@PORT2@>
    ServerName front
    SSLProxyEngine on
    SSLProxyVerify require
    SSLProxyVerifyDepth 2
    SSLProxyCACertificateFile $ca
    ProxyPass /name https://localhost:\@PORT@/
    ProxyPass /address https://127.0.0.1:\@PORT@/
    ProxyPass /h2 h2://localhost:\@PORT@/
    LogFormat "%s %{ssl-proxy-error}n %U" front
    CustomLog logs/front front
</VirtualHost>
<VirtualHost *:\@PORT3@>
    ServerName off
    ProxyPass / https://localhost:\@PORT@/
</VirtualHost>
END

my $front = 'http://127.0.0.1:' . $httpd->port(2);
for my $kind (qw(name h2)) {
    for my $file (qw(1k 1m)) {
        my $answer = Curl::get("$front/$kind/$file.bin");
        is $answer->{status}, 200, "$kind: $file";
    }
}
is Curl::status("$front/address/1k.bin"), TestHttpd::stock() ? 500 : 200, 'by address';
is Curl::status('http://127.0.0.1:' . $httpd->port(3) . '/1k.bin'), 500, 'engine off';
done_testing;
