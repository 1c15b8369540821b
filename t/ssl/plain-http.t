# Plain HTTP on the HTTPS port: a page that says so, or nothing.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use TestHttpd ();
use TlsClient ();

my $httpd = TestHttpd->start(<<'END');
<VirtualHost *:@PORT@>
    ServerName localhost:@PORT@
    SSLEngine on
    @ECDSA@
</VirtualHost>
<VirtualHost *:@PORT2@>
    SSLEngine on
    @ECDSA@
    ErrorDocument 400 "use TLS here"
</VirtualHost>
<VirtualHost *:@PORT3@>
    SSLEngine on
    @ECDSA@
    ErrorDocument 400 /index.html
</VirtualHost>
<VirtualHost *:@PORT4@>
    SSLEngine on
    @ECDSA@
    ErrorDocument 400 https://www.example.test/
</VirtualHost>
<VirtualHost *:@PORT5@>
    DocumentRoot "@DOCS@"
</VirtualHost>
END

# Sends text in clear; everything that comes back.
sub plain {
    my ($port, $text) = @_;
    my $client = TlsClient->new(port => $port);
    $client->send_raw($text);
    shutdown $client->socket, 1;
    my $all = '';
    while (1) {
        IO::Select->new($client->socket)->can_read(30) or die 'the server stays silent';
        sysread $client->socket, my $bytes, 65_536 or last;
        $all .= $bytes;
    }
    return $all;
}

my $page = <<'END';
<p>Your browser sent a request that this server could not understand.<br />
Reason: You're speaking plain HTTP to an SSL-enabled server port.<br />
 Instead use the HTTPS scheme to access this URL, please.<br />
</p>
END
my $lines = 0;
for my $method (qw(GET HEAD POST PUT)) {
    for my $rest ("/ HTTP/1.1\r\nHost: localhost\r\n\r\n", "/1k.bin HTTP/1.0\r\n\r\n", "/\r\n", '/') {
        my $answer = plain($httpd->port, "$method $rest");
        my $what   = "$method " . ($rest =~ s/\r\n/\\r\\n/gr);
        like $answer, qr{\AHTTP/1\.1 400 Bad Request\r\n}, "$what: 400";
        like $answer, qr{^Connection: close\r$}m, '... and the connection ends';
        like $answer, qr{^Content-Length: 402\r$}m, '... the length';
        ok index($answer, $page) > 0, '... the reason on the page';
        $lines++;
    }
}
$httpd->wait_for(sub { my @found = $httpd->access_log =~ m{^localhost HTTP/1\.0 "GET / HTTP/1\.0" 400 -$}mg; @found == $lines }, "$lines lines in the access log");
$httpd->wait_log(qr/ssl:info.*AH01996: SSL handshake failed: HTTP spoken on HTTPS port; trying to send HTML error page/);
$httpd->wait_log(qr/ssl:info.*SSL Library Error: error:0A00009C:SSL routines::http request/);

for my $text ("OPTIONS * HTTP/1.1\r\n\r\n", "DELETE / HTTP/1.1\r\n\r\n", "CONNECT a:1 HTTP/1.1\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "get / HTTP/1.0\r\n\r\n", "\0\1\2\3\4\5\6\7", 'x' x 100) {
    is plain($httpd->port, $text), '', 'nothing for ' . substr($text, 0, 10) =~ s/[^ -~]/?/gr;
}
$httpd->wait_log(qr/ssl:info.*AH02008: SSL library error 1 in handshake \(server localhost:\d+\)/);
$httpd->wait_log(qr/ssl:info.*SSL Library Error: error:0A00010B:SSL routines::wrong version number/);
$httpd->wait_log(qr/ssl:info.*AH01998: Connection closed to child \d+ with abortive shutdown \(server localhost:\d+\)/);

my $request = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
like plain($httpd->port(2), $request), qr{\AHTTP/1\.1 400 .*\r\n\r\nuse TLS here\z}s, 'ErrorDocument with a text';
like plain($httpd->port(3), $request), qr{\AHTTP/1\.1 400 .*It works}s, 'ErrorDocument with a page of this host';
like plain($httpd->port(4), $request), qr{\AHTTP/1\.1 302 .*^Location: https://www\.example\.test/\r$}sm, 'ErrorDocument with an address elsewhere';

# TLS works on beside it, and TLS on a plain port is httpd's own matter.
is(TlsClient->new(port => $httpd->port)->handshake->get('/1k.bin')->{status}, 200, 'HTTPS on the same port');
my $client = TlsClient->new(sni => 'localhost');
$client->step;
like plain($httpd->port(5), $client->outgoing), qr{\AHTTP/1\.1 400 }, 'TLS on a plain port';
done_testing;
