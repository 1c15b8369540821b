# Every MPM serves: whichever one the rest of the tests runs with, this looks at all three.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use Digest::SHA qw(sha256_hex);
use TestHttpd ();
use TlsClient ();

my $text = TestHttpd::pattern(300_000);
for my $mpm (qw(event worker prefork)) {
    my $httpd = TestHttpd->start(<<'END', mpm => $mpm);
SSLSessionCache shmcb
Protocols h2 http/1.1
<VirtualHost *:@PORT@>
    ServerName localhost
    SSLEngine on
    @RSA@
    @ECDSA@
</VirtualHost>
END
    for my $version ('1.2', '1.3') {
        my $client = TlsClient->new(port => $httpd->port, version => $version, sni => 'localhost')->handshake;
        ok $client->get('/1k.bin')->{body} eq TestHttpd::pattern(1 << 10), "$mpm, TLS $version: a small page" for 1 .. 3;
        ok $client->get('/1m.bin')->{body} eq TestHttpd::pattern((1 << 20) + 7), "$mpm, TLS $version: a large page";
        $client->send(TlsClient::request_text('POST', '/cgi/sha256', 'Content-Length' => length $text) . $text);
        is $client->answer->{body}, length($text) . ' ' . sha256_hex($text) . "\n", "$mpm, TLS $version: an upload";
        my $again = TlsClient->new(port => $httpd->port, version => $version, sni => 'localhost', session => $client->session)->handshake;
        is $again->reused, 1, "$mpm, TLS $version: a resumption";
        is $again->get('/1k.bin', Connection => 'close')->{status}, 200, '... with a request';
        is $again->receive_all, '', '... and its end';
        ok $again->got_close_notify, '... in order';
    }
    # Clients side by side.
    my @clients = map { TlsClient->new(port => $httpd->port, sni => 'localhost')->handshake } 1 .. 8;
    $_->send(TlsClient::request_text('GET', '/100k.bin')) for @clients;
    my @whole = grep { $_->answer->{body} eq TestHttpd::pattern(100_000) } @clients;
    is scalar @whole, 8, "$mpm: eight clients at a time";
    undef @clients;

    $httpd->graceful;
    is(TlsClient->new(port => $httpd->port)->handshake->get('/1k.bin')->{status}, 200, "$mpm: after a graceful restart");
    my $version = $mpm eq 'prefork' ? '1.1' : '2';
    is qx(curl --silent --http2 --cacert ${\ TestHttpd::ca()} -o /dev/null -w '%{http_code} %{http_version}' https://localhost:${\ $httpd->port}/1k.bin), "200 $version", "$mpm: curl";
}
done_testing;
