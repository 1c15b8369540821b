# HTTP/2 by independent clients: curl, nghttp, h2load.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use Digest::SHA qw(sha256_hex);
use TestHttpd ();
use TlsClient ();

plan skip_all => 'mod_http2 does not work with prefork' if TestHttpd::mpm() eq 'prefork';

my $port = TlsClient::common_port('tls');
my $url  = "https://localhost:$port";
my $curl_options = '--silent --show-error --no-progress-meter --max-time 60 --cacert ' . TestHttpd::ca();
my $curl = "curl $curl_options";

is qx($curl --http2 -o /dev/null -w '%{http_code} %{http_version}' $url/1k.bin), '200 2', 'curl: a page over HTTP/2';
is qx($curl --http1.1 -o /dev/null -w '%{http_code} %{http_version}' $url/1k.bin), '200 1.1', 'curl: the same over HTTP/1.1';
is qx($curl --http2 --tls-max 1.2 -o /dev/null -w '%{http_code} %{http_version}' $url/1k.bin), '200 2', 'curl: HTTP/2 over TLS 1.2';

for my $name (qw(empty 1 1k 5k 16k 100k 1m 200m)) {
    my ($size) = qx($curl --http2 $url/$name.bin | sha256sum) =~ /^(\w+)/;
    is $size, Digest::SHA->new(256)->addfile(TestHttpd::docs() . "/$name.bin")->hexdigest, "curl: $name.bin arrives whole";
}
for my $length (0, 1, 16_384, 5_000_000) {
    my $file = TestHttpd::root() . "/home/h2-$length-$$";
    open my $handle, '>:raw', $file or die "$file: $!";
    print {$handle} TestHttpd::pattern($length);
    close $handle;
    my $answer = qx($curl --http2 --data-binary \@$file $url/cgi/sha256);
    is $answer, "$length " . sha256_hex(TestHttpd::pattern($length)) . "\n", "curl: an upload of $length bytes";
    unlink $file;
}

# Several streams of one connection at a time, one of them long.
my @many = map { "-o /dev/null $url/$_.bin" } qw(1m 1k 100k 1k 16k 1m);
is qx($curl --http2 --parallel -w '%{http_code} %{http_version} ' @many 2>/dev/null), '200 2 ' x @many, 'curl: streams side by side';

my $shown = qx(nghttp -nv $url/1k.bin $url/index.html 2>&1);
like $shown, qr/The negotiated protocol: h2/, 'nghttp: h2 is negotiated';
my @statuses = $shown =~ /:status: (\d+)/g;
is_deeply \@statuses, [200, 200], 'nghttp: two answers';

$shown = qx(h2load -n 2000 -c 8 -m 16 $url/1k.bin 2>&1);
like $shown, qr/2000 succeeded, 0 failed, 0 errored, 0 timeout/, 'h2load: 2000 requests, none fails';
like $shown, qr/status codes: 2000 2xx/, '... all with success';
$shown = qx(h2load --h1 -n 2000 -c 8 $url/1k.bin 2>&1);
like $shown, qr/2000 succeeded, 0 failed, 0 errored, 0 timeout/, 'h2load --h1: the same over HTTP/1.1';

# The check of SNI against the name that is asked for works on each stream by itself.
my $httpd = TestHttpd->start(<<'END');
Protocols h2
<VirtualHost *:@PORT@>
    ServerName localhost
    SSLEngine on
    @ECDSA@
</VirtualHost>
<VirtualHost *:@PORT@>
    ServerName beta.example.test
    SSLEngine on
    SSLCertificateFile    @CERTS@/beta.pem
    SSLCertificateKeyFile @CERTS@/beta.key
</VirtualHost>
END
$url = 'https://localhost:' . $httpd->port;
my $report = q(-o /dev/null -w '%{http_code} %{http_version} %{num_connects};');
is qx($curl --http2 $report -H 'Host: localhost' $url/1k.bin --next $curl_options --http2 $report -H 'Host: beta.example.test' $url/1k.bin --next $curl_options --http2 $report $url/5k.bin),
    '200 2 1;421 2 0;200 2 0;', 'streams of one connection: the second asks for a host with another certificate and gets 421';
like qx(nghttp -nv -H ':authority: beta.example.test' $url/1k.bin 2>&1), qr/:status: 200/, 'with the name in SNI as well it is answered';
done_testing;
