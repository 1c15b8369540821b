# The access log of requests that the HTTP layer refuses: they came over TLS, and the log says so.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use TestHttpd ();
use TlsClient ();

my $httpd = TestHttpd->start(<<'END');
LogFormat "%>s %{SSL_PROTOCOL}x %{HTTPS}x %{version}c %p" refused
CustomLog logs/refused refused
<VirtualHost *:@PORT@>
    ServerName localhost
    SSLEngine on
    @ECDSA@
</VirtualHost>
END
my %request = (
    'no Host'          => "GET / HTTP/1.1\r\n\r\n",
    'a bad line'       => "GET\x01 / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    'a bad length'     => "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\n\r\nbody",
    'a line too long'  => 'GET /' . 'x' x 9_000 . " HTTP/1.1\r\nHost: localhost\r\n\r\n",
);
for my $what (sort keys %request) {
    my $before = () = $httpd->access_log('refused') =~ /\n/g;
    my $client = TlsClient->new(port => $httpd->port, version => '1.3')->handshake;
    $client->send($request{$what});
    $client->receive_all;
    $httpd->wait_for(sub { (() = $httpd->access_log('refused') =~ /\n/g) > $before }, 'a line in the log');
    my ($line) = $httpd->access_log('refused') =~ /(.*)\n\z/;
    like $line, qr/\A4\d\d TLSv1\.3 on TLSv1\.3 443\z/, $what;
}
done_testing;
