# Who fetches OCSP responses, and when: one process for all, never a handshake.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use Curl ();
use Staples ();
use TestHttpd ();

plan skip_all => 'the C module fetches in handshakes' if TestHttpd::stock();

my $pki   = Staples->new;
my $ours  = $pki->responder;
my $CACHE = "SSLStaplingCache shmcb:\@ROOT@/staples(65536)\nSSLUseStapling on\n";

# The processes that have fetched, the last one at the end.
sub fetchers { my ($httpd) = @_; return $httpd->error_log =~ /\[pid (\d+)[^\]]*\] (?:\S+: )?Fetching OCSP responses/g }

# --- One question for all --------------------------------------------------------------------------------------------

my $lines = $pki->certificate('one', path => 'good');
{
    my $many  = join '', map { Staples::vhost($lines, $_) } 'localhost', map { "host-$_.test" } 1 .. 200;
    my $httpd = TestHttpd->start("$CACHE$many");
    is Staples::wait_stapled($httpd, 'good'), 'good', '201 vhosts with one certificate';
    is Staples::stapled($httpd, name => "host-$_.test"), 'good', "... host-$_.test" for 1, 100, 200;
    is scalar(my @all = fetchers($httpd)), 1, '... one process fetches';
    is $ours->count('good'), 1, '... and asks once';

    # A reload.
    for my $round (1 .. 3) {
        $httpd->graceful;
        is Staples::stapled($httpd), 'good', "after reload $round the response is there from the first handshake";
    }
    is scalar(@all = fetchers($httpd)), 4, '... each configuration has a process of its own';
    is scalar(grep { kill 0 => $_ } @all), 1, '... and only the last one is there';
    is $ours->count('good'), 1, '... nobody has been asked again';
    my ($comm) = qx(ps -o comm= -p $all[-1]) =~ /^(\S+)/;
    is $comm, 'ssl-stapling', '... ps shows what it is';
    $httpd->stop;
    $httpd->wait_for(sub { !kill 0 => $all[-1] }, 'the process to end');
    pass 'it ends with the server';
}

# With other settings it is another response.
{
    my $before = $ours->count('good');
    my $httpd  = TestHttpd->start($CACHE . Staples::vhost($lines) . Staples::vhost("${lines}SSLStaplingResponseMaxAge 86400\n", 'b.test'));
    is Staples::wait_stapled($httpd, 'good', name => $_), 'good', "$_" for qw(localhost b.test);
    cmp_ok $ours->count('good') - $before, '<=', 2, 'two settings, two questions at most';
}

# --- Handshakes do not wait ------------------------------------------------------------------------------------------

{
    my $silent = $pki->certificate('silent', path => 'silent');
    my $httpd  = TestHttpd->start("${CACHE}SSLStaplingResponderTimeout 3600\n" . Staples::vhost($silent));
    $httpd->wait_for(sub { $ours->count('silent') == 1 }, 'the question');
    # Any wait for the answer would be longer than all patience.
    is Staples::stapled($httpd), 'none', 'a responder that is silent: the handshake goes on' for 1 .. 3;
    is $ours->count('silent'), 1, '... it is asked once';
    my ($helper) = fetchers($httpd);
    $httpd->graceful;
    $httpd->wait_for(sub { !kill 0 => $helper }, 'the process to end');
    pass 'a reload does not wait for the answer';
    $httpd->wait_for(sub { $ours->count('silent') == 2 }, 'the next question');
    ($helper) = reverse fetchers($httpd);
    my $pid = $httpd->{pid};
    kill WINCH => $pid;
    $httpd->wait_for(sub { !$httpd->is_running }, 'the end of the server');
    $httpd->wait_for(sub { !kill 0 => $helper }, 'the end of the process');
    pass 'nor does a graceful stop';
}

# Whatever a responder does: it is over when its time is over, and nothing is stapled.
for my $how (qw(silent huge endless dribble)) {
    my $bad   = $pki->certificate("bad-$how", path => $how);
    my $httpd = TestHttpd->start("${CACHE}SSLStaplingResponderTimeout 1\nSSLStaplingReturnResponderErrors off\n" . Staples::vhost($bad));
    $httpd->wait_log(qr/ssl:error.*AH01941: /);
    is Staples::stapled($httpd), 'none', "$how: nothing is stapled";
    my $good = $pki->certificate("beside-$how", path => 'good', name => 'beside.test');
    $httpd->configure("${CACHE}SSLStaplingResponderTimeout 3600\n" . Staples::vhost($bad) . Staples::vhost($good, 'beside.test'));
    $httpd->graceful;
    is Staples::wait_stapled($httpd, 'good', name => 'beside.test'), 'good', '... other certificates are not held up';
}

# --- Renewal ---------------------------------------------------------------------------------------------------------

{
    my $now   = $pki->certificate('now', path => 'switch');
    my $fast  = "SSLStaplingStandardCacheTimeout 1\nSSLStaplingErrorCacheTimeout 1\n";
    my $pages = "<Location /metrics>\nSetHandler ssl-metrics\n</Location>\n<Location /status>\nSetHandler server-status\n</Location>\n<VirtualHost *:\@PORT2\@>\n</VirtualHost>\n";
    my $httpd = TestHttpd->new("$CACHE$fast$pages" . Staples::vhost($now));
    my $page  = sub { my ($path) = @_; return Curl::get('http://localhost:' . $httpd->port(2) . $path)->{body} };
    $ours->turn('refused');
    is $httpd->try_start, 'runs', 'a responder that fails at first';
    is Staples::wait_stapled($httpd, 'error trylater'), 'error trylater', '... "try later"';
    like $page->('/metrics'), qr/^mod_ssl_staples\{response="error"\} 1$/m, '... in the figures';
    $ours->turn('good');
    is Staples::wait_stapled($httpd, 'good'), 'good', '... and is asked again: good';
    my $count = $ours->count('switch');
    $httpd->wait_for(sub { $ours->count('switch') > $count + 1 }, 'renewals');
    is Staples::stapled($httpd), 'good', 'it is renewed while it is good';
    my $figures = $page->('/metrics');
    like $figures, qr/^mod_ssl_staples\{response="$_"\} ${\ ($_ eq 'good' ? 1 : 0) }$/m, "... figures: $_" for qw(good revoked unknown error none);
    like $figures, qr/^mod_ssl_staples_failing 0$/m, '... nobody fails';
    my ($end) = $figures =~ /^mod_ssl_first_staple_end_timestamp_seconds (\d+)$/m;
    # Responses of the test hold for a day.
    ok $end && $end > time + 80_000 && $end <= time + 86_400, '... and when it ends' or diag $figures;
    like $page->('/status?auto'), qr/^TLSModuleStaplesGood: 1$/m, '... on the page of mod_status, too';
    for my $failure (qw(refused closed garbage later other usurper unknown)) {
        $ours->turn($failure);
        $count = $ours->count('switch');
        $httpd->wait_for(sub { $ours->count('switch') > $count + 2 }, "questions after $failure");
        is Staples::stapled($httpd), 'good', "$failure: the last good response is stapled";
    }
    $httpd->wait_log(qr/AH01941: .*; the last response is stapled until it ends/);
    like $page->('/metrics'), qr/^mod_ssl_staples_failing 1$/m, 'the figures say that somebody fails';
    $ours->turn('revoked');
    is Staples::wait_stapled($httpd, 'revoked'), 'revoked', 'revoked comes before a good one';
    $pki->response('now', 'before.der', 'good', 'ca', ahead => -3600);
    $ours->turn('before');
    $count = $ours->count('switch');
    $httpd->wait_for(sub { $ours->count('switch') > $count + 2 }, 'older responses');
    is Staples::stapled($httpd), 'revoked', '... and a good one from before that does not count any more';
    $ours->turn('good');
    is Staples::wait_stapled($httpd, 'good'), 'good', '... and good before that';

    # Whoever kills the process.
    my ($helper) = reverse fetchers($httpd);
    $httpd->{killed} = 1;
    kill KILL => $helper;
    is Staples::stapled($httpd), 'good', 'without the process the response is there';
    $httpd->wait_for(sub { (fetchers($httpd))[-1] != $helper }, 'another process');
    like $httpd->error_log, qr/ssl:notice.*Starting the process that fetches OCSP responses again/, 'another one is started';
    $count = $ours->count('switch');
    $httpd->wait_for(sub { $ours->count('switch') > $count + 1 }, 'renewals');
    is Staples::stapled($httpd), 'good', '... which goes on';
}

# --- Without the parent ----------------------------------------------------------------------------------------------

{
    my $httpd = TestHttpd->start($CACHE . Staples::vhost($lines));
    is Staples::wait_stapled($httpd, 'good'), 'good', 'a server whose parent is killed';
    my ($helper) = reverse fetchers($httpd);
    kill KILL => $httpd->{pid};
    $httpd->wait_for(sub { !$httpd->is_running }, 'the end of the parent');
    $httpd->wait_for(sub { !kill 0 => $helper }, 'the end of the process');
    pass 'the process ends as well';
    # The children do not notice.
    my ($group) = $httpd->error_log =~ /\[pid (\d+)/;
    kill KILL => -$group;
}

# --- Over a stop and a start -----------------------------------------------------------------------------------------

SKIP: {
    my $dbm = TestHttpd::load_also('socache_dbm') or skip 'no mod_socache_dbm', 2;
    my $stored = $pki->certificate('stored', path => 'switch');
    my $config = "${dbm}SSLStaplingCache dbm:\@ROOT\@/staples\nSSLUseStapling on\nSSLStaplingReturnResponderErrors off\n" . Staples::vhost($stored);
    $ours->turn('good');
    my $httpd = TestHttpd->start($config);
    is Staples::wait_stapled($httpd, 'good'), 'good', 'with a cache in a file';
    $httpd->wait_log(qr/AH03040: /);
    $httpd->stop;
    $ours->turn('closed');
    my $count = $ours->count('switch');
    is $httpd->try_start, 'runs', 'after a stop and a start';
    is Staples::wait_stapled($httpd, 'good'), 'good', '... the response comes from there';
    is $ours->count('switch'), $count, '... and nobody has been asked';
}

done_testing;
