# SNI names one host, the Host field another: answered only if both have the same TLS set-up (the policy "secure").
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use TestHttpd ();
use TlsClient ();

# What differences count is the subject of sni-policy.t.
my @table = (
    # what the second host has besides the first's       status
    ['',                                                 200],
    ['certificate',                                      421],
);
my $config = '';
for my $index (0 .. $#table) {
    my $port   = '@PORT' . ($index + 1) . '@';
    my $more   = $table[$index][0];
    my $second = $more eq 'certificate' ? "SSLCertificateFile \@CERTS@/beta.pem\nSSLCertificateKeyFile \@CERTS@/beta.key" : "\@ECDSA@\n$more";
    $config .= <<"END";
<VirtualHost *:$port>
    ServerName first.example.test
    SSLEngine on
    \@ECDSA@
</VirtualHost>
<VirtualHost *:$port>
    ServerName second.example.test
    SSLEngine on
    $second
</VirtualHost>
END
}
my $httpd = TestHttpd->start($config);

my ($first, $second) = map { "$_.example.test" } qw(first second);
for my $index (0 .. $#table) {
    my ($more, $status) = @{$table[$index]};
    my $port = $httpd->port($index + 1);
    my $what = $more || 'no difference';
    is(TlsClient->new(port => $port, sni => $first)->handshake->get('/1k.bin', Host => $second)->{status}, $status, "$what: first in SNI, second in Host");
    is(TlsClient->new(port => $port)->handshake->get('/1k.bin', Host => $second)->{status}, $status, "$what: no SNI, second in Host");
    is(TlsClient->new(port => $port, sni => $second)->handshake->get('/1k.bin', Host => $first)->{status}, $status, "$what: second in SNI, first in Host");
    is(TlsClient->new(port => $port, sni => $second)->handshake->get('/1k.bin', Host => "$second:$port")->{status}, 200, "$what: second in both");
}

# One connection, several names. A refusal is the last answer on it (httpd's core closes), in order: with close_notify.
my $client = TlsClient->new(port => $httpd->port(@table + 0), sni => $first)->handshake;
is $client->get('/1k.bin', Host => $first)->{status}, 200, 'on one connection: the right Host';
is $client->get('/1k.bin', Host => 'FIRST.example.test.')->{status}, 200, '... in other letters and with a final dot';
is $client->get('/1k.bin', Host => $second)->{status}, 421, '... another host';
is $client->receive_all, '', '... is the end';
ok $client->got_close_notify, '... with close_notify';

# SNI, but no Host: HTTP/1.0 may leave it out.
$client = TlsClient->new(port => $httpd->port, sni => $first)->handshake;
$client->send("GET /1k.bin HTTP/1.0\r\n\r\n");
is $client->answer->{status}, 400, 'a name in SNI and none in the request';

$httpd->wait_log(qr/ssl:error.*AH02032: Hostname first\.example\.test provided via SNI and hostname second\.example\.test provided via HTTP have no compatible SSL setup for policy 'secure'/);
$httpd->wait_log(qr/ssl:error.*AH02032: Hostname first\.example\.test \(default host as no SNI was provided\) and hostname second\.example\.test provided via HTTP have no compatible SSL setup for policy 'secure'/);
$httpd->wait_log(qr/ssl:error.*AH02031: Hostname first\.example\.test provided via SNI, but no hostname provided in HTTP request/);
done_testing;
