# A session cache that takes connections and never answers: clients make full handshakes after a moment, the log says so once, the server
# restarts and ends as usual, and it all goes on when the cache does.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use Cache ();
use IO::Socket::INET ();
use Staples ();
use TestHttpd ();
use Time::HiRes qw(time);
use TlsClient ();

plan skip_all => 'not there: ' . Cache::missing() if Cache::missing();
plan skip_all => 'the distribution\'s module waits as long as the clients of such caches do' if TestHttpd::stock();

# The clients of caches wait for 30 seconds and more, if anything ends them at all. Ours take a second; the machine may be slow.
use constant STALL => 15;

my $modules = TestHttpd::load_also(qw(socache_memcache socache_redis));

sub config {
    my ($cache, $more) = @_;
    return "${modules}RedisTimeout 1\nSSLSessionCache $cache\nCustomLog logs/processes \"%P\"\n<Location /status>\nSetHandler server-status\n</Location>\n<VirtualHost *:\@PORT@>\nSSLEngine on\nSSLSessionTickets off\n\@ECDSA@\n" . ($more // '') . "\n</VirtualHost>\n";
}

sub connect_to {
    my ($httpd, $session, $version, $page) = @_;
    my $client = TlsClient->new(port => $httpd->port, version => $version // '1.2', sni => 'localhost', $session ? (session => $session) : ())->handshake;
    $client->{status} = $client->get($page // '/1.bin')->{status};
    $client->{status} == 200 or die 'no answer';
    # Without this mark OpenSSL would throw the session away with the connection.
    Net::SSLeay::set_shutdown($client->{ssl}, 3);
    return $client;
}

sub complaints { my ($httpd) = @_; my @lines = $httpd->error_log =~ /^(.*ssl:warn.*SSL session cache.*)$/mg; return @lines }

# Clients one after another and all at once get in, none of them known, before anybody loses patience.
sub get_in {
    my ($httpd, $what, $session) = @_;
    my $began   = time;
    my @clients = map { connect_to($httpd, $session, $_) } ('1.2', '1.3') x 2;
    # Several that wait at the same time.
    my @begun = map { my $client = TlsClient->new(port => $httpd->port, sni => 'localhost'); $client->step; $client->flush; $client } 1 .. 4;
    $_->handshake for @begun;
    my $took = time - $began;
    is scalar(grep { $_->reused } @clients), 0, "$what: full handshakes";
    cmp_ok $took, '<', STALL, sprintf '... without a stall (%.1f s)', $took;
    return;
}

sub gone { my ($pid) = @_; return !kill 0 => $pid }

# All of them together: a silent cache is left alone for ten seconds.
my @cases;
for my $mpm ('event', 'worker', 'prefork') {
    for my $provider ('redis', 'memcache') {
        my $cache   = Cache->start($provider);
        my $httpd   = TestHttpd->start(config($cache->argument), mpm => $mpm, threads => 4);
        my $session = connect_to($httpd)->session;
        is connect_to($httpd, $session)->reused, 1, "$mpm, $provider: resumed";
        push @cases, {what => "$mpm, $provider", cache => $cache, httpd => $httpd, session => $session};
    }
}

for my $case (@cases) {
    my ($what, $httpd) = @$case{qw(what httpd)};
    $case->{cache}->pause;
    get_in($httpd, "$what is silent", $case->{session});
    is scalar(my @lines = complaints($httpd)), 1, '... one line says so';
    like $lines[0], qr/is slow, not asked for a while \(1 since/, '... this one';
    # Processes that have calls under way.
    my %children = map { $_ => 1 } $httpd->access_log('processes') =~ /^(\d+)$/mg;
    $httpd->graceful;
    $httpd->wait_for(sub { !grep { !gone($_) } keys %children }, 'the end of the old processes');
    get_in($httpd, "$what is still silent after a graceful restart", $case->{session});
}
$_->{cache}->resume for @cases;
for my $case (@cases) {
    my ($what, $httpd) = @$case{qw(what httpd)};
    $httpd->wait_for(sub { connect_to($httpd, $case->{session})->reused }, 'the cache');
    is connect_to($httpd, connect_to($httpd, undef, $_)->session, $_)->reused, 1, "$what has come back, TLS $_" for '1.2', '1.3';
    $case->{cache}->pause;
    get_in($httpd, "$what is silent again", $case->{session});
    my $began = time;
    $httpd->stop;
    cmp_ok time - $began, '<', STALL, '... and the server ends';
    # With event children crash at times when they are told to end, in the MPM, with any module.
    unlike $httpd->error_log, $what =~ /event/ ? qr/SIGKILL/ : qr/exit signal|SIGKILL/, '... in order';
    is scalar(my @lines = complaints($httpd)), 1, '... and has complained once';
}

# Nobody has ever heard of it, and it listens. All threads of a process may have to do with it at once.
my $listener = IO::Socket::INET->new(Listen => 100, LocalAddr => '127.0.0.1') or die "listen: $!";
for my $provider ('redis', 'memcache') {
    my $httpd = TestHttpd->start(config("$provider:127.0.0.1:" . $listener->sockport));
    get_in($httpd, "$provider never answers");
    # mod_status asks the provider for its figures.
    my $began = time;
    is connect_to($httpd, undef, undef, '/status')->{status}, 200, '... mod_status has a page';
    cmp_ok time - $began, '<', STALL, '... without a stall';
    $httpd->stop;
    unlike $httpd->error_log, qr/exit signal|SIGKILL/, '... and the server ends in order';
}

# The caches of OCSP: what responders say about clients and about the server comes from them then.
{
    my $staples   = Staples->new;
    my $responder = $staples->responder;
    my $silent    = 'redis:127.0.0.1:' . $listener->sockport;
    my $httpd     = TestHttpd->start("${modules}SSLOCSPCache $silent\nSSLStaplingCache $silent\n"
        . $responder->vhost('asks', $responder->url('good'))
        . "<VirtualHost *:\@PORT2@>\nSSLEngine on\nSSLUseStapling on\n" . $staples->certificate('a', path => 'good') . '</VirtualHost>');
    my $began = time;
    my ($client, $outcome) = $responder->client($httpd, 'asks');
    is $outcome, 200, 'silent caches of OCSP: a client gets in';
    cmp_ok time - $began, '<', STALL, '... without a stall';
    $httpd->wait_log(qr/ssl:warn.*SSLOCSPCache is slow, not asked for a while \(1 since/);
    my $shown = '';
    $httpd->wait_for(sub { $shown = qx(openssl s_client -connect 127.0.0.1:${\ $httpd->port(2)} -status </dev/null 2>&1); $shown =~ /Cert Status: good/ }, 'a stapled response');
    $httpd->wait_log(qr/ssl:warn.*OCSP stapling cache is slow, not asked for a while \(1 since/);
    $began = time;
    $httpd->stop;
    cmp_ok time - $began, '<', STALL, '... and the server ends';
}
done_testing;
