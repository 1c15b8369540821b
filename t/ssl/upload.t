# Request bodies of all sizes reach the handler unchanged: with a length, in chunks, after 100 Continue.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use Digest::SHA qw(sha256_hex);
use TestHttpd ();
use TlsClient ();

my $port = TlsClient::common_port('tls');
my $curl = 'curl --silent --show-error --http1.1 --max-time 120 --cacert ' . TestHttpd::ca();
my $file = TestHttpd::root() . "/home/upload-$$";

for my $length (0, 1, 1_000, 8_191, 8_192, 16_384, 16_385, 100_000, 1_000_000, 50_000_000) {
    open my $handle, '>:raw', $file or die "$file: $!";
    print {$handle} TestHttpd::pattern($length);
    close $handle or die "$file: $!";
    my $expected = "$length " . sha256_hex(TestHttpd::pattern($length)) . "\n";
    for my $version ('1.2', '1.3') {
        my %way = (
            'with a length'      => q(-H 'Expect:'),
            'in chunks'          => q(-H 'Expect:' -H 'Transfer-Encoding: chunked'),
            'after 100 Continue' => q(-H 'Expect: 100-continue'),
        );
        for my $way (sort keys %way) {
            my $answer = qx($curl --tlsv$version --tls-max $version $way{$way} --data-binary \@$file https://localhost:$port/cgi/sha256);
            is $answer, $expected, "TLS $version: $length bytes $way";
        }
    }
}
unlink $file;

for my $version ('1.2', '1.3') {
    my $client = TlsClient->new(port => $port, sni => 'localhost', version => $version)->handshake;

    # The interim answer comes before the body is sent, and the connection stays in step afterwards.
    my $body = TestHttpd::pattern(20_000);
    $client->send(TlsClient::request_text('POST', '/cgi/sha256', 'Content-Length' => length $body, Expect => '100-continue'));
    is $client->answer->{status}, 100, "TLS $version: 100 Continue before the body";
    $client->send($body);
    is $client->answer->{body}, length($body) . ' ' . sha256_hex($body) . "\n", '... and the answer after it';

    # A slow writer: many small records, with the chunk borders elsewhere than the record borders.
    my $chunked = '';
    for (my $at = 0; $at < length $body; $at += 777) {
        my $piece = substr $body, $at, 777;
        $chunked .= sprintf "%x\r\n%s\r\n", length $piece, $piece;
    }
    $client->send(TlsClient::request_text('POST', '/cgi/sha256', 'Transfer-Encoding' => 'chunked'));
    $client->send($_) for unpack('(a100)*', $chunked), "0\r\n\r\n";
    is $client->answer->{body}, length($body) . ' ' . sha256_hex($body) . "\n", "TLS $version: chunks in records of 100 bytes";

    # A body with the next request behind it, in the same record.
    $client->send(TlsClient::request_text('POST', '/cgi/sha256', 'Content-Length' => 3) . 'abc' . TlsClient::request_text('GET', '/1k.bin'));
    is $client->answer->{body}, '3 ' . sha256_hex('abc') . "\n", "TLS $version: a body and the next request in one record";
    ok $client->answer->{body} eq TestHttpd::pattern(1 << 10), '... the next request is answered';

    # A body that nobody reads.
    $client->send(TlsClient::request_text('POST', '/missing', 'Content-Length' => length $body) . $body);
    is $client->answer->{status}, 404, "TLS $version: an unread body";
    is $client->get('/1k.bin')->{status}, 200, '... does not disturb the next request';
}
done_testing;
