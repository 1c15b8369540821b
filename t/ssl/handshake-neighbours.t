# Handshakes that wait without a thread, and what stands around them: mod_remoteip's PROXY protocol, mod_reqtimeout, plain HTTP
# that comes slowly, challenges, and clients that do not read a long flight.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use ClientPki ();
use Stalled ();
use TestHttpd ();
use TlsClient ();

plan skip_all => 'handshakes hold a thread with this module' if TestHttpd::stock();
plan skip_all => 'handshakes hold a thread with this MPM'    if TestHttpd::mpm() ne 'event';

# Names of authorities that make the server's flight longer than small buffers: about 45 KB.
my $pki = ClientPki->new;
my @names = map { "n$_" } 1 .. 10;
$pki->issue($_, ca => 1, subject => "/CN=$_/" . join '/', map { "OU=$_" . 'x' x 58 } 1 .. 60) for @names;
my $file = $pki->bundle('names.pem', @names);

my $httpd = TestHttpd->start(TestHttpd::load_also('reqtimeout', 'remoteip') . <<'END' =~ s/\@NAMES@/$file/r, threads => 4, log_level => 'info');
AcceptFilter https none
AcceptFilter http none
AsyncRequestWorkerFactor 100
SendBufferSize 4096
SSLHandshakeTimeout 600
Timeout 600
RequestReadTimeout handshake=0 header=600 body=600
LogFormat "%a %r" address
CustomLog logs/address_log address
<VirtualHost *:@PORT@>
    ServerName localhost
    SSLEngine on
    @ECDSA@
    RemoteIPProxyProtocol On
</VirtualHost>
<VirtualHost *:@PORT2@>
    SSLEngine on
    @ECDSA@
    SSLVerifyClient optional_no_ca
    SSLCADNRequestFile @NAMES@
</VirtualHost>
<VirtualHost *:@PORT3@>
    SSLEngine on
    @ECDSA@
    RequestReadTimeout handshake=1 header=600 body=600
</VirtualHost>
END

# Says that all threads are free: a request is served, without TLS by another port's default host.
sub is_free {
    my ($what) = @_;
    is scalar(grep { TlsClient->new(port => $httpd->port(3), sni => 'localhost')->handshake->get('/1k.bin')->{status} == 200 } 1 .. 4), 4, "$what: threads are free";
    return;
}

# The header of a proxy comes slowly, or not at all.
my $header = "PROXY TCP4 192.0.2.7 192.0.2.8 1234 443\r\n";
my @stalled = map { my $client = TlsClient->new(port => $httpd->port); $client->send_raw(substr $header, 0, $_); $client } (0, 1, 10, 20, 41) x 2;
is_free('half a PROXY header');
for my $client (@stalled) {
    my ($sent) = (0, 1, 10, 20, 41)[(grep { $stalled[$_] == $client } 0 .. $#stalled)[0] % 5];
    $client->send_raw($_) for split //, substr $header, $sent;
    is $client->handshake->get('/1k.bin')->{status}, 200, "... the rest of it behind $sent bytes, and a request";
}
# The line is written behind the response.
$httpd->wait_for(sub { (() = $httpd->access_log('address_log') =~ /^192\.0\.2\.7 /mg) == 10 }, 'the address of the client in the log');

# Clients that do not read.
my @deaf = map { my $client = TlsClient->new(port => $httpd->port(2), receive_buffer => 2304, version => $_); $client->step; $client->flush; $client } ('1.2', '1.3') x 5;
is_free('clients that do not read a long flight');
is scalar(grep { $_->handshake->get('/1k.bin')->{status} == 200 } @deaf), 10, '... which they do in the end';

# mod_reqtimeout's limit for the handshake ends with the handshake, and holds for silent clients.
my $idle = TlsClient->new(port => $httpd->port(3))->handshake;
my $silent = TlsClient->new(port => $httpd->port(3));
$silent->receive_raw;
ok $silent->end, 'a silent client is ended by the limit of mod_reqtimeout';
$httpd->wait_log(qr/AH01382: Request handshake read timeout/);
$httpd->wait_log(qr/AH02007: SSL handshake timed out after [\d.]+ s: nothing received/);
select undef, undef, undef, 1.2;
is $idle->get('/1k.bin')->{status}, 200, 'one that has finished its handshake is not';

# Plain HTTP, a byte at a time.
my $plain = TlsClient->new(port => $httpd->port(2));
for my $byte (split //, "GET / HTTP/1.1\r\n") {
    last unless $plain->send_raw($byte);
}
my $answer = '';
while (sysread $plain->socket, my $piece, 65_536) { $answer .= $piece }
like $answer, qr/\AHTTP\/1\.[01] 400 /, 'plain HTTP in pieces is answered with 400';
done_testing;
