# What ALPN selects.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use TestHttpd ();
use TlsClient ();

my @ports  = ('Protocols h2 http/1.1', '', "Protocols h2 http/1.1\nProtocolsHonorOrder off", 'Protocols http/1.1 h2');
my $config = '';
for my $index (0 .. $#ports) {
    my $port = '@PORT' . ($index + 1) . '@';
    $config .= "<VirtualHost *:$port>\nServerName localhost\nSSLEngine on\n\@ECDSA@\n$ports[$index]\n</VirtualHost>\n";
}
# HTTP/2 for one name only.
$config .= <<'END';
<VirtualHost *:@PORT5@>
    ServerName one.example.test
    SSLEngine on
    @ECDSA@
</VirtualHost>
<VirtualHost *:@PORT5@>
    ServerName two.example.test
    SSLEngine on
    @ECDSA@
    Protocols h2 http/1.1
</VirtualHost>
END
my $httpd = TestHttpd->start($config);
my $h2    = TestHttpd::mpm() eq 'prefork' ? 'http/1.1' : 'h2';    # mod_http2 does not work with prefork

my @table = (
    # port  name         offered                     selected; undef: no ALPN in the answer
    [1, 'localhost',        ['h2', 'http/1.1'],      $h2],
    [1, 'localhost',        ['http/1.1', 'h2'],      $h2],
    [1, 'localhost',        ['http/1.1'],            'http/1.1'],
    [1, 'localhost',        ['foo', 'http/1.1'],     'http/1.1'],
    [1, 'localhost',        [],                      undef],
    [2, 'localhost',        ['h2', 'http/1.1'],      'http/1.1'],
    [2, 'localhost',        ['http/1.1'],            'http/1.1'],
    [3, 'localhost',        ['h2', 'http/1.1'],      $h2],
    [3, 'localhost',        ['http/1.1', 'h2'],      'http/1.1'],
    [4, 'localhost',        ['h2', 'http/1.1'],      'http/1.1'],
    [5, 'one.example.test', ['h2', 'http/1.1'],      'http/1.1'],
    [5, 'two.example.test', ['h2', 'http/1.1'],      $h2],
    # No overlap: the C module answers "http/1.1" all the same, and a strict client (OpenSSL is one) ends the
    # handshake. Ours answers without ALPN, which means HTTP/1.1 to everybody.
    [1, 'localhost',        ['foo'],                 'none'],
    [1, 'localhost',        ['acme-tls/1'],          'none'],
    [1, 'localhost',        ['http/1.0'],            'none'],
    [2, 'localhost',        ['h2'],                  'none'],
    [2, 'localhost',        ['foo', 'bar'],          'none'],
);
push @table, [1, 'localhost', ['foo', 'h2'], $h2] unless TestHttpd::mpm() eq 'prefork';

for my $version ('1.2', '1.3') {
    for my $row (@table) {
        my ($port, $name, $offer, $selected) = @$row;
        my $what   = "TLS $version, port $port, $name, offered [@$offer]";
        my $client = TlsClient->new(port => $httpd->port($port), sni => $name, version => $version, @$offer ? (alpn => $offer) : ());
        my $error  = $client->handshake_error;
        if (($selected // '') eq 'none') {
            if (TestHttpd::stock()) {
                like $error, qr/handshake failed/, "$what: the answer is refused";
                next;
            }
            undef $selected;
        }
        is $error, '', "$what: handshake";
        is $client->alpn, $selected, "$what: selects " . ($selected // 'nothing');
        next if ($selected // '') eq 'h2';
        is $client->get('/1k.bin', Host => $name)->{status}, 200, "$what: HTTP/1.1 is spoken";
    }
}
done_testing;
