# The hooks of mod_ssl_openssl.h on the way to other servers, and what can be looked up there.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use Backend ();
use ClientPki ();
use Curl ();
use Mock ();
use TestHttpd ();

my $pki = ClientPki->new;
$pki->root('root');
$pki->issue('server', by => 'root', eku => 'serverAuth', san => 'DNS:localhost');
$pki->issue('ours', by => 'root');
my $backend = Backend->python('--cert', $pki->combined('server'), '--verify', 'optional', '--ca', $pki->file('root'));
my ($port, $ca, $machine) = ($backend->port, $pki->file('root'), $pki->combined('ours'));
my $proxy = "SSLProxyEngine on\nSSLProxyCACertificateFile $ca\nSSLProxyVerify require\nSSLProxyMachineCertificateFile $machine\nProxyPass / https://localhost:$port/ disablereuse=on";
my $modules = TestHttpd::load_also(qw(proxy proxy_http)) . Mock::load();

$ENV{MOCK_INIT} = 1;
{
    my $httpd = TestHttpd->start($modules . "<VirtualHost *:\@PORT@>\nServerName front\n$proxy\n</VirtualHost>\n<VirtualHost *:\@PORT2@>\nServerName section\n<Proxy \"https://localhost:$port/\">\nSSLProxyEngine on\n</Proxy>\n</VirtualHost>\n");
    is_deeply [sort map { s/, certificate.*//r } Mock::calls($httpd->error_log, qr/^init_server/)], [map { ("init_server $_, proxy 1") x 2 } qw(front section)], 'init_server: for each context, in both passes';
    for (1, 2) {
        is Curl::status('http://127.0.0.1:' . $httpd->port . '/'), 200, 'a request is served';
    }
    my $log = $httpd->error_log;
    is_deeply [Mock::calls($log, qr/^pre_handshake/)], [('pre_handshake, proxy 1, not begun' . (TestHttpd::stock() ? '' : ', connection known')) x 2], 'pre_handshake: once for each connection'
        or diag join "\n", Mock::calls($log, qr/^pre_handshake/);
    is_deeply [Mock::calls($log, qr/^proxy_post_handshake/)],
        [('proxy_post_handshake, finished HTTPS=on SSL_PROTOCOL=TLSv1.3 SSL_CLIENT_S_DN_CN=server SSL_CLIENT_VERIFY=SUCCESS SSL_SERVER_S_DN_CN=ours SSL_TLS_SNI=' . (TestHttpd::stock() ? 'localhost' : 'localhost')) x 2],
        'proxy_post_handshake: once for each, with all that is known' or diag join "\n", Mock::calls($log, qr/^proxy_post_handshake/);
}
for my $what (['init', 500], ['init', 1]) {
    my $httpd = TestHttpd->new($modules . "<VirtualHost *:\@PORT@>\nServerName front\nMock optional $what->[0] $what->[1]\n$proxy\n</VirtualHost>\n");
    is $httpd->try_start, 'exit 1', "init_server that answers $what->[1]: the server does not start";
}
delete $ENV{MOCK_INIT};
for my $what (['handshake', 500], ['backend', 500], ['backend', 1], ['backend', -5]) {
    my ($hook, $answer) = @$what;
    my $httpd = TestHttpd->start($modules . "<VirtualHost *:\@PORT@>\nServerName front\nMock optional $hook $answer\n$proxy\n</VirtualHost>\n");
    $backend->news;
    my $status = Curl::status('http://127.0.0.1:' . $httpd->port . '/');
    cmp_ok $status, '>=', 500, "$hook that answers $answer: $status";
    unlike $backend->news, qr/request/, '... and the backend gets no request';
    ok $httpd->is_running, '... and the server goes on';
}
done_testing;
