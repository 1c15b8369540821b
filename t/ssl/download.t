# Response bodies of all sizes arrive unchanged, whole and in ranges.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use Digest::SHA ();
use TestHttpd ();
use TlsClient ();

my $port = TlsClient::common_port('tls');
my $curl = 'curl --silent --show-error --http1.1 --max-time 120 --cacert ' . TestHttpd::ca();
my $url  = "https://localhost:$port";

sub digest { my ($text) = qx($_[0] | sha256sum) =~ /^(\w+)/; return $text }

my %digest = map { $_ => Digest::SHA->new(256)->addfile(TestHttpd::docs() . "/$_.bin")->hexdigest } qw(empty 1 1k 5k 16k 100k 1m 200m);
for my $version ('1.2', '1.3') {
    for my $name (sort keys %digest) {
        is digest("$curl --tlsv$version --tls-max $version $url/$name.bin"), $digest{$name}, "TLS $version: $name.bin";
    }
    # Every suite has a record layer of its own.
    next if $version eq '1.3';
    for my $cipher (qw(ECDHE-RSA-AES128-GCM-SHA256 ECDHE-RSA-CHACHA20-POLY1305 ECDHE-RSA-AES256-SHA AES128-SHA256)) {
        is digest("$curl --tlsv1.2 --tls-max 1.2 --ciphers $cipher $url/1m.bin"), $digest{'1m'}, "TLS 1.2: 1m.bin with $cipher";
    }
}
for my $suite (qw(TLS_AES_128_GCM_SHA256 TLS_AES_256_GCM_SHA384 TLS_CHACHA20_POLY1305_SHA256)) {
    is digest("$curl --tlsv1.3 --tls13-ciphers $suite $url/1m.bin"), $digest{'1m'}, "TLS 1.3: 1m.bin with $suite";
}

my $whole = TestHttpd::pattern(200_000_000);
my @ranges = (
    # file, range, first, length
    ['1k',   '0-0',                 0,           1],
    ['1k',   '1000-',               1_000,       24],
    ['1k',   '-10',                 1_014,       10],
    ['100k', '8191-8192',           8_191,       2],
    ['100k', '1-99998',             1,           99_998],
    ['1m',   '16383-500000',        16_383,      483_618],
    ['200m', '100000001-100070000', 100_000_001, 70_000],
    ['200m', '-3000000',            197_000_000, 3_000_000],
    ['200m', '199999999-',          199_999_999, 1],
);
my %size = ('1k' => 1 << 10, '100k' => 100_000, '1m' => (1 << 20) + 7, '200m' => 200_000_000);
for my $row (@ranges) {
    my ($name, $range, $first, $length) = @$row;
    my $client = TlsClient->new(port => $port, sni => 'localhost')->handshake;
    my $answer = $client->get("/$name.bin", Range => "bytes=$range");
    is $answer->{status}, 206, "$name.bin, bytes=$range: partial content";
    is $answer->{headers}{'content-range'}, sprintf('bytes %d-%d/%d', $first, $first + $length - 1, $size{$name}), '... the range';
    my $source = $name eq '200m' ? \$whole : \TestHttpd::pattern($size{$name});
    ok $answer->{body} eq substr($$source, $first, $length), '... its bytes';
    is $client->get('/1k.bin')->{status}, 200, '... and the connection goes on';
}
undef $whole;

# Several ranges: file pieces between generated text.
my $client = TlsClient->new(port => $port, sni => 'localhost')->handshake;
my $answer = $client->get('/1m.bin', Range => 'bytes=0-9,500000-540000,1000000-1000009');
is $answer->{status}, 206, 'three ranges';
my $text = TestHttpd::pattern((1 << 20) + 7);
my @parts = $answer->{body} =~ /Content-range: bytes (\d+-\d+)/gi;
is_deeply \@parts, ['0-9', '500000-540000', '1000000-1000009'], '... in three parts';
ok index($answer->{body}, substr $text, 500_000, 40_001) > 0, '... with their bytes';

# HEAD says how long it is, and sends nothing of it.
$client->send(TlsClient::request_text('HEAD', '/200m.bin'));
$answer = $client->answer('HEAD');
is $answer->{headers}{'content-length'}, 200_000_000, 'HEAD of a large file';
is $client->get('/1k.bin')->{status}, 200, '... and the connection goes on';

# A program's output has no known length, and comes as it is written.
$answer = $client->get('/cgi/stream?20000');
is $answer->{headers}{'transfer-encoding'}, 'chunked', "a program's output comes in chunks";
ok $answer->{body} eq join('', map { "line $_\n" } 1 .. 20_000), '... whole';
is $client->get('/1k.bin')->{status}, 200, '... and the connection goes on';
done_testing;
