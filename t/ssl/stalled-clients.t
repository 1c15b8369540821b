# Many clients that stop in the middle of a handshake, on few threads: others are served as if they were not there.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use ClientPki ();
use Curl ();
use Stalled ();
use TestHttpd ();
use TlsClient ();

plan skip_all => 'handshakes hold a thread with this module' if TestHttpd::stock();
plan skip_all => 'handshakes hold a thread with this MPM'    if TestHttpd::mpm() ne 'event';

my $pki = ClientPki->new;
$pki->root('one');
my @cert = $pki->issue('good', by => 'one');

my $config = TestHttpd::load_also('reqtimeout') . <<'END' . "SSLCACertificateFile " . $pki->file('one') . "\n</VirtualHost>\n";
AcceptFilter https none
AcceptFilter http none
AsyncRequestWorkerFactor 200
Protocols h2 http/1.1
SSLSessionCache shmcb
SSLHandshakeTimeout @LIMIT@
Timeout @LIMIT@
RequestReadTimeout handshake=0 header=@LIMIT@ body=@LIMIT@
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
<VirtualHost *:@PORT2@>
    ServerName localhost
    SSLEngine on
    @ECDSA@
    SSLVerifyClient require
END

sub served {
    my ($answer) = @_;
    return $answer && $answer->{status} == 200 && $answer->{body} eq TestHttpd::pattern(1 << 10);
}

# Good clients of all kinds; says how many went wrong.
sub good_clients {
    my ($httpd, $rounds) = @_;
    my ($port, $bad) = ($httpd->port, 0);
    for (1 .. $rounds) {
        for my $version ('1.2', '1.3') {
            my $client = TlsClient->new(port => $port, sni => 'localhost', version => $version)->handshake;
            $bad++ unless served($client->get('/1k.bin')) && served($client->get('/1k.bin'));
            my $again = TlsClient->new(port => $port, sni => 'localhost', version => $version, session => $client->session)->handshake;
            $bad++ unless $again->reused && served($again->get('/1k.bin'));
            my $known = TlsClient->new(port => $httpd->port(2), sni => 'localhost', version => $version, @cert)->handshake;
            $bad++ unless served($known->get('/1k.bin'));
        }
        my $answer = Curl::get("https://localhost:$port/1k.bin", '--http2');
        $bad++ unless $answer->{status} == 200 && $answer->{version} eq '2';
    }
    return $bad;
}

# A figure of the module.
sub figure {
    my ($httpd, $name) = @_;
    my ($value) = Curl::get('http://localhost:' . $httpd->port(3) . '/metrics')->{body} =~ /^mod_ssl_\Q$name\E (\d+)$/m;
    return $value;
}

# Two for each place and version in 15 rounds: 240.
sub stalled {
    my ($httpd, $rounds) = @_;
    return map { my $place = $_; map { Stalled::at($place, port => $httpd->port, version => $_) } '1.2', '1.3' } (@Stalled::PLACES) x $rounds;
}

for my $threads (4, 64) {
    my $httpd = TestHttpd->start($config =~ s/\@LIMIT@/600/gr, threads => $threads, log_level => 'info');
    my @stalled = stalled($httpd, 15);
    is good_clients($httpd, 5), 0, "$threads threads, " . @stalled . ' stalled clients: others are served';
    is Stalled::count_open(@stalled), scalar @stalled, '... and the stalled ones are still waited for';
    is figure($httpd, 'handshakes_waiting'), 15 * 2 * (@Stalled::PLACES - 1), '... without a thread, which the figures say, too';
    my $bad = grep { !eval { served(Stalled::go_on($_)->get('/1k.bin')) } } @stalled[0 .. 47];
    is $bad, 0, '... and are served when they go on';
    $_->vanish($_ % 2 ? 'reset' : 'fin') for @stalled;
    is good_clients($httpd, 1), 0, '... and when they vanish, others are';
    $httpd->wait_for(sub { figure($httpd, 'handshakes_waiting') == 0 }, 'the end of all that wait');
    unlike $httpd->error_log, qr/AH02007/, '... and nobody ran out of time';
}

# Their time is up.
{
    my $httpd = TestHttpd->start($config =~ s/\@LIMIT@/4/gr, threads => 4, log_level => 'info');
    my @stalled = stalled($httpd, 3);
    $httpd->wait_for(sub { Stalled::count_open(@stalled) == 0 }, 'the end of all of them');
    my $unfinished = 2 * 3 * (@Stalled::PLACES - 1);
    $httpd->wait_for(sub { (() = $httpd->error_log =~ /ssl:info.*AH02007: SSL handshake timed out after/g) == $unfinished }, 'a line for each of them');
    pass 'the time of all of them is up, and a line says so';
    is figure($httpd, 'handshake_failures_total{cause="timeout"}'), $unfinished, '... and the figures';
    is scalar(grep { $_->receive_all eq '' && $_->got_close_notify } grep { !exists $_->{kept} } @stalled), 6, '... those without a request are closed in order';
    is good_clients($httpd, 1), 0, '... and others are served';
}

# The Timeout of the virtual host counts, not that of the main server.
{
    my $httpd = TestHttpd->start($config =~ s/\@LIMIT@/600/gr =~ s/(SSLEngine on)/$1\nTimeout 2/gr, threads => 4, log_level => 'info');
    my @stalled = stalled($httpd, 1);
    $httpd->wait_for(sub { Stalled::count_open(@stalled) == 0 }, 'the end of all of them');
    my $unfinished = 2 * (@Stalled::PLACES - 1);
    $httpd->wait_for(sub { (() = $httpd->error_log =~ /ssl:info.*AH02007: SSL handshake timed out after/g) == $unfinished }, 'a line for each of them');
    is scalar(grep { $_->receive_all eq '' && $_->got_close_notify } grep { !exists $_->{kept} } @stalled), 2, 'Timeout of the virtual host: those without a request are closed in order';
    is scalar(() = $httpd->error_log =~ /ssl:info.*Connection closed: no request within [\d.]+ s after the handshake/g), 2, '... which the log says, too';
}

# A child that has no room for others says so, once. There are two at most.
{
    my $httpd = TestHttpd->start($config =~ s/\@LIMIT@/600/gr =~ s/(AsyncRequestWorkerFactor) 200/$1 1/r, threads => 4, log_level => 'info');
    my @stalled = map { Stalled::at($_, port => $httpd->port) } @Stalled::PLACES[2, 4, 7];
    is good_clients($httpd, 1), 0, 'three connections that wait, where there is room for eight: others are served';
    unlike $httpd->error_log, qr/AsyncRequestWorkerFactor/, '... and no line says that there is none';
    my $says = qr/ssl:warn.* 7 connections wait in their handshake or for their first request: this process accepts no others, since it has room for 8 \(AsyncRequestWorkerFactor\)/;
    $httpd->wait_for(sub { push @stalled, Stalled::at('half a ClientHello', port => $httpd->port); $httpd->error_log =~ $says }, 'a warning');
    $_->vanish('fin') for @stalled;
    $httpd->wait_for(sub { eval { good_clients($httpd, 1) == 0 } }, 'room for others');
    cmp_ok scalar(() = $httpd->error_log =~ /AsyncRequestWorkerFactor/g), '<=', 2, '... and when they vanish others are served, and no line was written again';
}

# A graceful restart, a graceful stop, and the end of a child.
{
    my $httpd = TestHttpd->start($config =~ s/\@LIMIT@/600/gr, threads => 4, log_level => 'info');
    my @stalled = stalled($httpd, 2);
    $httpd->graceful;
    is good_clients($httpd, 1), 0, 'behind a graceful restart others are served';
    my $bad = grep { !eval { served(Stalled::go_on($_)->get('/1k.bin')) } } @stalled;
    is $bad, 0, '... and the stalled ones by the old child, when they go on';

    @stalled = stalled($httpd, 1);
    kill KILL => split ' ', qx(pgrep -P $httpd->{pid});
    $httpd->wait_for(sub { Stalled::count_open(@stalled) == 0 }, 'the end of the connections of a killed child');
    $httpd->wait_for(sub { eval { good_clients($httpd, 1) == 0 } }, 'another child');
    pass 'another child serves';
    is figure($httpd, 'handshakes_waiting'), 0, 'what waited in a killed child waits no longer';

    @stalled = stalled($httpd, 1);
    $httpd->wait_for(sub { figure($httpd, 'handshakes_waiting') }, 'those that wait');
    my $starts = () = $httpd->error_log =~ /resuming normal operations/g;
    kill HUP => $httpd->{pid};
    $httpd->wait_for(sub { (() = $httpd->error_log =~ /resuming normal operations/g) > $starts }, 'a restart');
    $httpd->wait_for(sub { eval { good_clients($httpd, 1) == 0 } }, 'the children behind a restart');
    is figure($httpd, 'handshakes_waiting'), 0, '... nor what waited before a restart';

    @stalled = stalled($httpd, 1);
    kill WINCH => $httpd->{pid};
    $bad = grep { !eval { served(Stalled::go_on($_)->get('/1k.bin')) } } @stalled;
    is $bad, 0, 'a graceful stop waits for them';
    undef @stalled;
    $httpd->wait_for(sub { !$httpd->is_running }, 'the end of the server');
}
{
    my $httpd = TestHttpd->start($config =~ s/\@LIMIT@/3/gr, threads => 4, log_level => 'info');
    my @stalled = stalled($httpd, 1);
    kill WINCH => $httpd->{pid};
    $httpd->wait_for(sub { !$httpd->is_running }, 'the end of the server');
    is Stalled::count_open(@stalled), 0, 'a graceful stop waits no longer than their time';

    $httpd = TestHttpd->start($config =~ s/\@LIMIT@/600/gr, threads => 4, log_level => 'info');
    @stalled = stalled($httpd, 1);
    $httpd->stop;
    is Stalled::count_open(@stalled), 0, 'a stop does not wait';
}

# Where they cannot be waited for without a thread, the limit holds as well; the same with the directive.
for my $case (['SSLAsyncHandshake off', 'SSLAsyncHandshake off'], ['a filter that nobody knows', TestHttpd::load_also('dumpio') . 'DumpIOInput on']) {
    my ($what, $lines) = @$case;
    my $httpd = TestHttpd->start("$lines\n" . $config =~ s/\@LIMIT@/3/gr, threads => 4, log_level => 'info');
    my @stalled = map { Stalled::at($_, port => $httpd->port) } @Stalled::PLACES[1 .. 3];
    $httpd->wait_for(sub { Stalled::count_open(@stalled) == 0 }, 'their end');
    is scalar(() = $httpd->error_log =~ /AH02007: SSL handshake timed out after/g), 3, "$what: the limit holds";
    is good_clients($httpd, 1), 0, '... and others are served';
}
done_testing;
