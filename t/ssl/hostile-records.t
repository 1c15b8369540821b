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
    SSLProtocol all +TLSv1 +TLSv1.1
    SSLCipherSuite ALL:@SECLEVEL=0
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

# --- Records in clear, of every kind, on a connection that is encrypted: its end, at once ---------------------------------
for my $version ('1.2', '1.3') {
    for my $type (0, 20 .. 25, 128, 255) {
        for my $payload ("\1", "\1\0", "\2\x28", "\1\x40\0x", 'GET / HTTP/1.0', 'x' x 16_384, 'x' x 20_000, '') {
            my $client = TlsClient->new(port => $httpd->port, version => $version)->handshake;
            $client->get('/1.bin') if length($payload) % 2;
            $client->send_raw(pack 'C n n/a*', $type, 0x303, $payload);
            shutdown $client->socket, 1;
            my $all = eval { $client->receive_all } // '';
            unlike $all, qr/HTTP/, "TLS $version: a record of type $type and " . length($payload) . ' bytes in clear: no answer';
        }
    }
}

# --- Records without data: before each byte of a request, as clients with TLS 1.0 send them ---------------------------------
{
    my $client = TlsClient->new(port => $httpd->port, version => '1.0', ciphers => 'ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0');
    $client->handshake;
    my $bytes   = join '', map { $client->encrypt($_) } split //, TlsClient::request_text('GET', '/1k.bin');
    my $records = () = $bytes =~ /\x17\x03\x01/g;
    cmp_ok $records, '>', 2 * length(TlsClient::request_text('GET', '/1k.bin')) - 5, 'TLS 1.0: an empty record before each byte';
    $client->send_raw($bytes);
    ok $client->answer->{body} eq TestHttpd::pattern(1 << 10), '... is answered';
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
