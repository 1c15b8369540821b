# Requests that are made to be misunderstood, over TLS and in clear: into what records the bytes are cut makes no difference to what the
# HTTP layer sees. The same bytes to a plain port of the same server say what is right.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use IO::Select ();
use IO::Socket::INET ();
use TestHttpd ();
use TlsClient ();

my $httpd = TestHttpd->start(<<'END');
Timeout 20
LogFormat "%{local}p \"%r\" %{Host}i %{X}i" seen
CustomLog logs/seen seen
<VirtualHost *:@PORT@>
    ServerName localhost
    SSLEngine on
    @ECDSA@
</VirtualHost>
<VirtualHost *:@PORT2@>
    ServerName localhost
</VirtualHost>
END
my $head = "Host: localhost\r\n";
my $get  = "GET /1.bin HTTP/1.1\r\n$head\r\n";

sub post {
    my ($body, @fields) = @_;
    return "POST /cgi/sha256 HTTP/1.1\r\n$head" . join('', map { "$_\r\n" } @fields) . "\r\n$body";
}
my $smuggled = "GET /5k.bin HTTP/1.1\r\n${head}X: smuggled\r\n\r\n";
my %request  = (
    'three at a time'                => $get x 3,
    'blank lines in between'         => "$get\r\n\r\n\n$get",
    'bare line feeds'                => "GET /1.bin HTTP/1.1\nHost: localhost\n\n$get",
    'a carriage return by itself'    => "GET /1.bin HTTP/1.1\rHost: localhost\r\n\r\n$get",
    'a body and a request'           => post('x' x 1_000, 'Content-Length: 1000') . $get,
    'a body that is a request'       => post($smuggled, 'Content-Length: ' . length $smuggled) . $get,
    'a body that nobody reads'       => "POST /1.bin HTTP/1.1\r\n${head}Content-Length: " . length($smuggled) . "\r\n\r\n$smuggled$get",
    'less than the body'             => post($smuggled, 'Content-Length: 10'),
    'two lengths'                    => post('x' x 10 . $smuggled, 'Content-Length: 10', 'Content-Length: 0'),
    'a length with a sign'           => post($smuggled, 'Content-Length: +0'),
    'a length with a blank'          => post($smuggled, 'Content-Length : 0'),
    'a length that is too large'     => post($smuggled, 'Content-Length: 99999999999999999999'),
    'a length and chunks'            => post("0\r\n\r\n$smuggled", 'Content-Length: 4', 'Transfer-Encoding: chunked'),
    'chunks'                         => post("5\r\nhello\r\na\r\n0123456789\r\n0\r\n\r\n", 'Transfer-Encoding: chunked') . $get,
    'chunks with extensions'         => post("5;a=\"" . 'x' x 3_000 . "\"\r\nhello\r\n0\r\nA: b\r\n\r\n", 'Transfer-Encoding: chunked') . $get,
    'a chunk size that is too large' => post("fffffffffffffffff\r\nhello\r\n$smuggled", 'Transfer-Encoding: chunked'),
    'a chunk size that is none'      => post("x\r\nhello\r\n0\r\n\r\n$smuggled", 'Transfer-Encoding: chunked'),
    'chunks with bare line feeds'    => post("5\nhello\n0\n\n", 'Transfer-Encoding: chunked') . $get,
    'chunked twice'                  => post("0\r\n\r\n$smuggled", 'Transfer-Encoding: chunked, chunked'),
    'chunked, but not last'          => post("0\r\n\r\n$smuggled", 'Transfer-Encoding: chunked, identity'),
    'a folded field'                 => "GET /1.bin HTTP/1.1\r\n${head}X: a\r\n  b\r\n\r\n$get",
    'a line of nothing'              => "GET /1.bin HTTP/1.1\r\n${head}\0\r\n\r\n$get",
    'NUL in a field'                 => "GET /1.bin HTTP/1.1\r\n${head}X: a\0b\r\n\r\n$get",
    'NUL in the request line'        => "GET /1.bin\0 HTTP/1.1\r\n$head\r\n$get",
    'HTTP/0.9'                       => "GET /1.bin\r\n$get",
    'no method'                      => "/1.bin HTTP/1.1\r\n$head\r\n$get",
    'two hosts'                      => "GET /1.bin HTTP/1.1\r\n${head}Host: other\r\n\r\n$get",
    'many fields'                    => "GET /1.bin HTTP/1.1\r\n$head" . "X: y\r\n" x 200 . "\r\n$get",
    'an expectation'                 => post('x' x 100, 'Content-Length: 100', 'Expect: 100-continue') . $get,
    'an upgrade'                     => "GET /1.bin HTTP/1.1\r\n${head}Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c, TLS/1.0\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n$get",
    'the preface of HTTP/2'          => "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n$get",
    (map { ("a request line of $_ bytes" => 'GET /' . 'a' x ($_ - 14) . " HTTP/1.1\r\n$head\r\n$get") } 8_188 .. 8_194),
    (map { ("a field of $_ bytes" => "GET /1.bin HTTP/1.1\r\n${head}X: " . 'b' x ($_ - 3) . "\r\n\r\n$get") } 8_188 .. 8_194, 16_384, 100_000),
    (map { ("a head that ends behind $_ bytes" => "GET /1.bin HTTP/1.1\r\n${head}" . "Y: " . 'c' x 4_000 . "\r\nX: " . 'b' x ($_ - 4_000 - 51) . "\r\n\r\n$get") } 8_190 .. 8_195),
);

# What was answered: the status of each, and what the program has read, or how much else. Dates and the like do not count.
sub answers {
    my ($text) = @_;
    return [
        map {
            my ($status) = /\A(HTTP\S+ \d+)/;
            my ($read)   = /^(\d+ [0-9a-f]{64})$/m;
            my ($length) = /^Content-Length: (\d+)/mi;
            join ' ', $status // 'text', $read // $length // '-';
        } grep { length } split m{(?=HTTP/1\.[01] \d\d\d )}, $text
    ];
}

sub in_clear {
    my ($text) = @_;
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $httpd->port(2)) or die "connect: $!";
    local $SIG{PIPE} = 'IGNORE';
    syswrite $socket, $text;
    shutdown $socket, 1;
    my $all = '';
    while (IO::Select->new($socket)->can_read(TlsClient::PATIENCE())) { sysread $socket, $all, 65_536, length $all or return $all }
    die 'the server stays silent';
}

sub over_tls {
    my ($text, $size) = @_;
    my $client = TlsClient->new(port => $httpd->port, sni => 'localhost')->handshake;
    my $bytes  = join '', map { $client->encrypt($_) } unpack "(a$size)*", $text;
    Net::SSLeay::shutdown($client->{ssl});
    $client->send_raw($bytes . $client->outgoing);
    shutdown $client->socket, 1;
    return $client->receive_all;
}

for my $what (sort keys %request) {
    my $text     = $request{$what};
    my $expected = answers(in_clear($text));
    for my $size (length $text > 30_000 ? () : 1, 7, 8_191, 8_192, 8_193, 16_384) {
        next if TestHttpd::stock() && $what eq 'blank lines in between' && $size < 8;    # there the second one gets a 400
        is_deeply answers(over_tls($text, $size)), $expected, "$what, records of $size bytes: " . join(', ', @$expected) =~ s/([0-9a-f]{8})[0-9a-f]{56}/$1/gr;
    }
}

# Two requests, cut in two records at every byte.
my $text     = post('hello', 'Content-Length: 5') . $get;
my $expected = join '; ', @{answers(in_clear($text))};
my %got;
for my $at (1 .. length($text) - 1) {
    my $client = TlsClient->new(port => $httpd->port, sni => 'localhost')->handshake;
    my $bytes  = $client->encrypt(substr $text, 0, $at) . $client->encrypt(substr $text, $at);
    Net::SSLeay::shutdown($client->{ssl});
    $client->send_raw($bytes . $client->outgoing);
    push @{$got{join '; ', @{answers($client->receive_all)}}}, $at;
}
is_deeply [keys %got], [$expected], "two requests, cut at every byte: $expected";

# What the server took for a request is the same on both ports.
my %seen;
$httpd->wait_for(sub { $httpd->access_log('seen') =~ /\n\z/ }, 'the log');
for my $line (split /\n/, $httpd->access_log('seen')) {
    my ($port, $rest) = split / /, $line, 2;
    $seen{$port}{$rest}++;
}
is_deeply [sort keys %{$seen{$httpd->port}}], [sort keys %{$seen{$httpd->port(2)}}], 'the same requests in the log';
done_testing;
