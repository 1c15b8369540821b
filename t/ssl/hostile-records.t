# Clients that use records against the server: tiny ones, forged ones, and none that it expects.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use IO::Socket::INET ();
use TestHttpd ();
use TlsClient ();

my $httpd = TestHttpd->start(<<'END');
Protocols h2 h2c http/1.1
LogLevel ssl:info
<VirtualHost *:@PORT@>
    SSLEngine on
    @ECDSA@
</VirtualHost>
END

# --- A forged record behind a good one: the log says why the connection ended, and the client gets an alert -----------
{
    my $client = TlsClient->new(port => $httpd->port)->handshake;
    my $good   = $client->encrypt("POST /1k.bin HTTP/1.1\r\nHost: localhost\r\nContent-Length: 20000\r\n\r\n" . 'x' x 9_000);
    my $forged = $client->encrypt('y' x 1_000);
    substr $forged, -1, 1, chr(ord(substr $forged, -1) ^ 1);
    $client->send_raw($good . $forged);
    eval { $client->receive_all };
    ok $httpd->wait_log(qr/AH01992: SSL library error 1 reading data/), 'a forged record: the line';
    like $httpd->error_log, qr/SSL Library Error: .*bad record mac/, '... the reason';
    is_deeply [$client->alerts], [20], '... the alert';
}

# --- Plain HTTP/2 on the port is answered like all plain HTTP, not taken over -----------------------------------------
SKIP: {
    skip 'mod_http2 does not work with prefork', 1 if TestHttpd::mpm() eq 'prefork';
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $httpd->port) or die "connect: $!";
    syswrite $socket, "GET /PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" . "\0\0\0\4\0\0\0\0\0";
    my $answer = do { local $/; <$socket> };
    like $answer // '', qr{\AHTTP/1\.1 400 Bad Request\r\n}, 'the HTTP/2 preface behind a method: the 400 page';
}

# --- The server is as before --------------------------------------------------------------------------------------------
is(TlsClient->new(port => $httpd->port)->handshake->get('/1k.bin')->{status}, 200, 'others are served');
done_testing;
