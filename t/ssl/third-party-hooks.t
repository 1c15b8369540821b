# The hooks of mod_ssl_openssl.h for contexts and connections.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use Mock ();
use TestHttpd ();
use TlsClient ();

my @versions = ('1.2', '1.3');

sub vhost {
    my ($lines, $name) = @_;
    return "<VirtualHost *:\@PORT@>\nServerName ${\($name // 'localhost')}\nSSLEngine on\n\@RSA@\n$lines\n</VirtualHost>\n";
}

$ENV{MOCK_INIT} = 1;

# --- init_server --------------------------------------------------------------------------------------------------------
{
    my $httpd = TestHttpd->start(Mock::load() . vhost('') . vhost('Mock optional init 0', 'second.example.test')
        . "<VirtualHost *:\@PORT2@>\nServerName plain.example.test\nMock optional init 500\n</VirtualHost>\n");
    my @calls = Mock::calls($httpd->error_log, qr/^init_server/);
    is_deeply [sort @calls], [map { ("init_server $_, proxy 0, certificate there") x 2 } qw(localhost second.example.test)], 'init_server: for each server with TLS, in both passes';
    my $client = TlsClient->new(port => $httpd->port, sni => 'localhost')->handshake;
    is $client->get('/1k.bin')->{status}, 200, '... and a request is served';
}
for my $answer (500, 1, -5) {
    my $httpd = TestHttpd->new(Mock::load() . vhost("Mock optional init $answer"));
    is $httpd->try_start, 'exit 1', "init_server that answers $answer: the server does not start";
    like $httpd->error_log, qr/AH00016: Configuration Failed/, '... as httpd says';
    next if TestHttpd::stock();    # which says no more
    like $httpd->error_log, qr/ssl:emerg.*Init: \(localhost:\d+\) another module refuses the server \(init_server: $answer\)/, '... and so does the module';
}

# --- pre_handshake ------------------------------------------------------------------------------------------------------
{
    my $httpd = TestHttpd->start(Mock::load() . vhost('') . "<VirtualHost *:\@PORT2@>\nServerName plain.example.test\n</VirtualHost>\n");
    for my $version (@versions) {
        my $before = () = Mock::calls($httpd->error_log, qr/^pre_handshake/);
        my $client = TlsClient->new(port => $httpd->port, sni => 'localhost', version => $version)->handshake;
        is $client->get('/1k.bin')->{status}, 200, "TLS $version: a request is served" for 1, 2;
        my @calls = Mock::calls($httpd->error_log, qr/^pre_handshake/);
        is @calls - $before, 1, '... pre_handshake: once for the connection';
        is $calls[-1], 'pre_handshake, proxy 0, not begun' . (TestHttpd::stock() ? '' : ', connection known'), '... before the handshake';
    }
    my $before = () = Mock::calls($httpd->error_log, qr/^pre_handshake/);
    is qx(curl --silent --output /dev/null --write-out '%{http_code}' http://127.0.0.1:${\ $httpd->port(2)}/1k.bin), 200, 'plain HTTP';
    is scalar(() = Mock::calls($httpd->error_log, qr/^pre_handshake/)), $before, '... without the hook';
}
for my $answer (500, 1) {
    my $httpd = TestHttpd->start(Mock::load() . vhost("Mock optional handshake $answer"));
    for my $version (@versions) {
        my $client = TlsClient->new(port => $httpd->port, sni => 'localhost', version => $version);
        like $client->handshake_error, qr/server closed/, "pre_handshake that answers $answer, TLS $version: the connection is closed";
        is_deeply [$client->alerts], [], '... without a word';
    }
    $httpd->wait_log(qr/ssl:info.*Connection refused by another module \(pre_handshake: $answer\)/) unless TestHttpd::stock();
    ok $httpd->is_running, '... and the server goes on';
    $httpd->stop;
}
done_testing;
