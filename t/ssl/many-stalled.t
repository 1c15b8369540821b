# A thousand clients at each of the places where a handshake can stop, on few threads: others are served, and when the time
# of those who do not go on is up they are gone, and so is what they took.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use Curl ();
use IO::Select ();
use IO::Socket::INET ();
use POSIX ();
use TestHttpd ();
use TlsClient ();

plan skip_all => 'handshakes hold a thread with this module' if TestHttpd::stock();
plan skip_all => 'handshakes hold a thread with this MPM'    if TestHttpd::mpm() ne 'event';

use constant NUMBER => 1000;
use constant FILES => 4 * NUMBER;

# The server and this program need more open files than many systems give without being asked.
if (POSIX::sysconf(POSIX::_SC_OPEN_MAX()) < FILES && !$ENV{MANY_STALLED}++) {
    my $raise = 'ulimit -S -n ' . FILES . '; exec "$@"';
    exec 'sh', '-c', $raise, 'sh', $^X, (map { "-I$_" } grep { !ref } @INC), $0 or die "exec: $!";
}
my $files = POSIX::sysconf(POSIX::_SC_OPEN_MAX());
plan skip_all => "only $files open files are allowed" if $files < FILES;

my $config = <<'END';
AcceptFilter https none
AcceptFilter http none
ListenBacklog 2048
AsyncRequestWorkerFactor @FACTOR@
Timeout 600
SSLHandshakeTimeout 600
SSLSessionCache none
<VirtualHost *:@PORT3@>
    <Location /metrics>
        SetHandler ssl-metrics
    </Location>
</VirtualHost>
<VirtualHost *:@PORT@>
    ServerName localhost
    SSLEngine on
    @ECDSA@
</VirtualHost>
END

# Good clients; says how many went wrong.
sub good_clients {
    my ($httpd, $number) = @_;
    return scalar grep {
        my $client = TlsClient->new(port => $httpd->port, sni => 'localhost', version => $_ % 2 ? '1.2' : '1.3')->handshake;
        $client->get('/1k.bin')->{body} ne TestHttpd::pattern(1 << 10);
    } 1 .. $number;
}

sub waiting {
    my ($httpd) = @_;
    my ($value) = Curl::get('http://localhost:' . $httpd->port(3) . '/metrics')->{body} =~ /^mod_ssl_handshakes_waiting (\d+)$/m;
    return $value;
}

# KiB of memory of the server's children that nobody else has.
sub memory {
    my ($httpd) = @_;
    my $sum = 0;
    for my $child (split ' ', qx(pgrep -P $httpd->{pid})) {
        my $rollup = eval { TestHttpd::slurp("/proc/$child/smaps_rollup") } // '';
        $sum += $1 if $rollup =~ /^Pss_Anon:\s+(\d+)/m;
    }
    return $sum;
}

# A connection on which these bytes are sent.
sub raw {
    my ($httpd, $bytes) = @_;
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $httpd->port, Timeout => 30) or die "connect: $!";
    defined syswrite $socket, $bytes or die "write: $!";
    return $socket;
}

# The same ClientHello does for all.
sub hello {
    my ($httpd) = @_;
    my $client = TlsClient->new(port => $httpd->port, sni => 'localhost', version => '1.3');
    $client->step;
    return $client->outgoing;
}

sub has_ended {
    my ($socket) = @_;
    while (IO::Select->new($socket)->can_read(0)) {
        return 1 unless sysread $socket, my $taken, 65_536;
    }
    return 0;
}

for my $threads (4, 64) {
    my $httpd = TestHttpd->start($config =~ s/\@FACTOR@/2400 \/ $threads/er, threads => $threads, log_level => 'notice');
    my $hello = hello($httpd);
    my @places = ([nothing => ''], ['one byte' => substr $hello, 0, 1], ['half a ClientHello' => substr $hello, 0, 120], ['a ClientHello' => $hello]);
    for my $place ($threads == 4 ? @places : $places[3]) {
        my ($what, $bytes) = @$place;
        my @stalled = map { raw($httpd, $bytes) } 1 .. NUMBER;
        $httpd->wait_for(sub { waiting($httpd) >= NUMBER }, "$threads threads, all that have sent $what");
        is good_clients($httpd, 20), 0, "$threads threads, a thousand clients that have sent $what: others are served";
        is scalar(grep { has_ended($_) } @stalled), 0, '... and those are still waited for';
        @stalled = ();
        $httpd->wait_for(sub { waiting($httpd) == 0 }, 'the end of all that have gone');
    }
    is good_clients($httpd, 5), 0, '... and when all have gone others are served';
    unlike $httpd->error_log, qr/AsyncRequestWorkerFactor/, '... and there was room';
}

# Their time is up. A second thousand takes no more than what the first has given back.
{
    my $httpd = TestHttpd->start($config =~ s/\@FACTOR@/600/r =~ s/(SSLHandshakeTimeout) 600/$1 8/r, threads => 4, log_level => 'notice');
    my $hello = hello($httpd);
    my @peaks;
    for my $round (1, 2) {
        my @stalled = map { raw($httpd, $hello) } 1 .. NUMBER;
        $httpd->wait_for(sub { waiting($httpd) >= NUMBER * 0.9 }, 'most of them');
        push @peaks, memory($httpd);
        $httpd->wait_for(sub { @stalled = grep { !has_ended($_) } @stalled; !@stalled && waiting($httpd) == 0 }, 'the end of their time');
        is good_clients($httpd, 5), 0, "round $round: the time of all of them is up, and others are served";
    }
    cmp_ok $peaks[1], '<', 1.25 * $peaks[0], "... and their memory is used again: $peaks[0] KiB, then $peaks[1]";
}

# A graceful restart while they wait, a child that is killed, and a stop.
{
    my $httpd = TestHttpd->start($config =~ s/\@FACTOR@/600/r, threads => 4, log_level => 'notice');
    my $hello = hello($httpd);
    my @stalled = map { raw($httpd, $hello) } 1 .. NUMBER;
    $httpd->wait_for(sub { waiting($httpd) >= NUMBER }, 'all of them');
    $httpd->graceful;
    is good_clients($httpd, 20), 0, 'behind a graceful restart others are served';
    is scalar(grep { has_ended($_) } @stalled), 0, '... and a thousand clients are still waited for';
    kill KILL => split ' ', qx(pgrep -P $httpd->{pid});
    $httpd->wait_for(sub { @stalled = grep { !has_ended($_) } @stalled; !@stalled }, 'the end of the connections of killed children');
    $httpd->wait_for(sub { eval { good_clients($httpd, 1) == 0 } }, 'another child');
    $httpd->wait_for(sub { waiting($httpd) == 0 }, 'figures without them');
    @stalled = map { raw($httpd, $hello) } 1 .. NUMBER;
    $httpd->wait_for(sub { waiting($httpd) >= NUMBER }, 'all of them');
    $httpd->stop;
    is scalar(grep { !has_ended($_) } @stalled), 0, 'a stop does not wait for them';
}
done_testing;
