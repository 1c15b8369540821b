# Slow clients: they get everything, and cost the server little memory.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use Digest::SHA qw(sha256_hex);
use Time::HiRes qw(sleep);
use TestHttpd ();
use TlsClient ();

my $httpd = TestHttpd->start(<<'END', threads => 20);
Protocols h2 http/1.1
Timeout 300
<VirtualHost *:@PORT@>
    SSLEngine on
    @ECDSA@
</VirtualHost>
END

# The server's children: the memory that is theirs alone, in bytes, and the bytes they have written so far.
sub children {
    my ($memory, $written) = (0, 0);
    for my $status (glob '/proc/[0-9]*/status') {
        my $text = TestHttpd::slurp($status);
        next unless $text =~ /^PPid:\s*$httpd->{pid}$/m;
        $memory += 1024 * $1 if TestHttpd::slurp($status =~ s/status$/smaps_rollup/r) =~ /^Private_Dirty:\s*(\d+)/m;
        $written += $1 if TestHttpd::slurp($status =~ s/status$/io/r) =~ /^wchar: (\d+)/m;
    }
    return ($memory, $written);
}

# Eight clients, with one request each, so that nothing is counted that processes and first requests cost.
my @clients = map { TlsClient->new(port => $httpd->port, receive_buffer => 16_384)->handshake } 1 .. 8;
is $_->get('/1m.bin')->{status}, 200, 'a client' for @clients;
my ($before) = children();

# They ask for 200 MB each and read nothing.
$_->send(TlsClient::request_text('GET', '/200m.bin')) for @clients;

# Wait until the server writes no more: now it holds all that it ever will.
my ($same, $last) = (0, -1);
$httpd->wait_for(sub {
    my (undef, $written) = children();
    $same = $written == $last ? $same + 1 : 0;
    $last = $written;
    sleep 0.03;
    return $same >= 10;
}, 'the server to stop writing');
my ($after) = children();
cmp_ok $after - $before, '<', 24 << 20, 'eight slow readers of 200 MB cost less than 24 MB';
note sprintf 'memory grew by %.1f MB', ($after - $before) / (1 << 20);

is(TlsClient->new(port => $httpd->port)->handshake->get('/1k.bin')->{status}, 200, 'others are served meanwhile');

# One of them goes on, and everything is there.
my $answer = $clients[0]->answer;
is sha256_hex($answer->{body}), Digest::SHA->new(256)->addfile(TestHttpd::docs() . '/200m.bin')->hexdigest, 'a slow reader gets all of it';
undef $answer;
is $clients[0]->get('/1k.bin')->{status}, 200, '... and can go on';

# The others leave in the middle of the answer, by FIN or RST.
$clients[$_]->vanish($_ % 2 ? 'reset' : 'fin') for 1 .. 7;
$httpd->wait_for(sub { my $lines = () = $httpd->access_log =~ m{GET /200m\.bin.* X$}mg; $lines == 7 }, 'seven aborted answers in the log');
is(TlsClient->new(port => $httpd->port)->handshake->get('/1k.bin')->{status}, 200, 'and the server goes on');

# A reader that takes the answer in small sips.
my $client = TlsClient->new(port => $httpd->port, receive_buffer => 4_096)->handshake;
$client->send(TlsClient::request_text('GET', '/1m.bin'));
my $body = $client->answer->{body};
ok $body eq TestHttpd::pattern((1 << 20) + 7), 'a client with a small receive buffer';

# A slow writer: the request comes byte by byte, then a body in small records.
$client = TlsClient->new(port => $httpd->port)->handshake;
my $text = TestHttpd::pattern(30_000);
$client->send($_) for split //, TlsClient::request_text('POST', '/cgi/sha256', 'Content-Length' => length $text);
$client->send($_) for unpack '(a50)*', $text;
is $client->answer->{body}, length($text) . ' ' . sha256_hex($text) . "\n", 'a slow writer';
done_testing;
