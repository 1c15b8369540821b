# Slow readers of large responses, and what ends them or does not: restarts and stops of the server, clients that go
# away, files that change, and time.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use SlowReader ();
use TestHttpd ();
use TlsClient ();

my $is_event = SlowReader::possible();

sub served {
    my ($httpd) = @_;
    return eval { TlsClient->new(port => $httpd->port, sni => 'localhost')->handshake->get('/1k.bin')->{body} eq TestHttpd::pattern(1 << 10) };
}

# Two that wait: one has read nothing, so the MPM still sends what core holds; the other one has read a part.
sub two {
    my ($httpd, %option) = @_;
    my $all = 2 + ($is_event ? SlowReader::waiting($httpd) : 0);
    my @slow = map { SlowReader->new($httpd, %option) } 1 .. 2;
    SlowReader::wait_for($httpd, $all);
    $slow[1]->sip(8_000_000);
    SlowReader::wait_for($httpd, $all);
    return @slow;
}

# A graceful restart, and a graceful stop: they get everything.
for my $how (['graceful restart', {}], ['graceful restart, Connection: close', {Connection => 'close'}]) {
    my $httpd = TestHttpd->start(SlowReader::config("Timeout 600\n"), threads => 8, log_level => 'info');
    my @slow = two($httpd, headers => $how->[1]);
    $httpd->graceful;
    ok served($httpd), "$how->[0]: others are served";
    is $_->finish, '', '... and those who have read nothing or something get everything from the old child' for @slow;
    is scalar(grep { $_->{end} =~ /[+-]/ && $_->{body} == SlowReader::SIZE } SlowReader::lines($httpd, '/20m.bin', 2)), 2, '... which the log says, too';
    SlowReader::wait_for($httpd, 0);
}
{
    my $httpd = TestHttpd->start(SlowReader::config("Timeout 600\n"), threads => 8, log_level => 'info');
    my @slow = two($httpd);
    kill WINCH => $httpd->{pid};
    is $_->finish, '', 'graceful stop: those who have read nothing or something get everything' for @slow;
    is $slow[0]->client->receive_all, '', '... and nothing more';
    ok $slow[0]->client->got_close_notify, '... but close_notify';
    undef @slow;
    $httpd->wait_for(sub { !$httpd->is_running }, 'the end of the server');
    unlike $httpd->error_log, qr/exit signal/, '... and nothing crashes';
}

# A child that has served enough connections waits for them.
{
    my $httpd = TestHttpd->start(SlowReader::config("Timeout 600\nMaxConnectionsPerChild 20\n"), threads => 8, log_level => 'info');
    my ($child) = split ' ', qx(pgrep -P $httpd->{pid} -n);
    my @slow = two($httpd);
    my $bad = grep { !served($httpd) } 1 .. 60;
    is $bad, 0, 'MaxConnectionsPerChild: others are served by other children';
    is $_->finish, '', '... and those who were slow get everything' for @slow;
    undef @slow;
    $httpd->wait_for(sub { !-e "/proc/$child" }, 'the end of the first child') if $is_event;
    unlike $httpd->error_log, qr/exit signal/, '... and nothing crashes';
}

# mod_status shows them. The MPM counts when somebody's time is up, which is made to happen.
if ($is_event) {
    my $httpd = TestHttpd->start(SlowReader::config("Timeout 600\nKeepAliveTimeout 1\n"), threads => 8, log_level => 'info');
    my @slow = two($httpd);
    my @idle;
    $httpd->wait_for(sub {
        push @idle, TlsClient->new(port => $httpd->port, sni => 'localhost')->handshake;
        $idle[-1]->get('/1k.bin');
        $idle[-1]->receive_all;
        return SlowReader::status($httpd, 'ConnsAsyncWaitIO') == 1 && SlowReader::status($httpd, 'ConnsAsyncWriting') == 1;
    }, 'mod_status to count them');
    pass 'mod_status shows who has read nothing as writing, and who has read something as waiting';
    is $_->finish, '', '... they get everything' for @slow;
}

# A stop, and the end of a child, do not wait.
{
    my $httpd = TestHttpd->start(SlowReader::config("Timeout 600\n"), threads => 8, log_level => 'info');
    my @slow = two($httpd);
    $httpd->{killed} = 1;
    kill KILL => split ' ', qx(pgrep -P $httpd->{pid});
    isnt $_->finish, '', 'the end of the child is the end of its responses' for @slow;
    ok !$_->client->got_close_notify, '... which cannot be taken for whole' for @slow;
    $httpd->wait_for(sub { served($httpd) }, 'another child');
    SlowReader::wait_for($httpd, 0);

    $httpd = TestHttpd->start(SlowReader::config("Timeout 600\n"), threads => 8, log_level => 'info');
    @slow = two($httpd);
    $httpd->stop;
    isnt $_->finish, '', 'a stop does not wait' for @slow;
    ok !$_->client->got_close_notify, '... and what is cut cannot be taken for whole' for @slow;
}

# Clients that go away.
for my $how ('reset', 'fin') {
    my $httpd = TestHttpd->start(SlowReader::config("Timeout 600\n"), threads => 8, log_level => 'info');
    my @slow = (two($httpd), two($httpd, headers => {Connection => 'close'}));
    $_->client->vanish($how) for @slow;
    my @lines = SlowReader::lines($httpd, '/20m.bin', 4);
    is join(' ', map { $_->{end} } @lines), 'X X X X', "clients that go away ($how) are logged as that";
    is scalar(grep { $_->{sent} > 0 && $_->{sent} < SlowReader::SIZE } @lines), 4, '... with what was sent';
    SlowReader::wait_for($httpd, 0);
    $httpd->wait_for(sub { SlowReader::descriptors($httpd, qr{20m\.bin}) == 0 }, 'files to be closed');
    ok served($httpd), '... and others are served';
}

# A file that becomes shorter meanwhile.
{
    my $file = "$ENV{TEST_ROOT}/run/shrinks-$$.bin";
    my $httpd = TestHttpd->start(SlowReader::config("Timeout 600\nEnableMMAP off\nAlias /shrinks.bin $file\n"), threads => 8, log_level => 'info');
    open my $out, '>:raw', $file or die "$file: $!";
    print {$out} SlowReader::body();
    close $out or die "$file: $!";
    my @slow = two($httpd, path => '/shrinks.bin');
    truncate $file, 10_000_000 or die "$file: $!";
    isnt $_->finish, '', 'a file that becomes shorter: the answer ends early' for @slow;
    ok !$_->client->got_close_notify, '... and cannot be taken for whole' for @slow;
    $httpd->wait_for(sub { (() = $httpd->error_log =~ /AH10232: SSL output filter: the data to send could not be read/g) == 2 }, 'lines in the error log')
        unless TestHttpd::stock();
    is join(' ', map { $_->{end} } SlowReader::lines($httpd, '/shrinks.bin', 2)), TestHttpd::stock() ? '+ +' : 'X X', '... which the access log says';
    SlowReader::wait_for($httpd, 0);
    ok served($httpd), '... and others are served';
    unlink $file;
}

# Timeout: that of the virtual host, from the last byte that was taken.
{
    my $limits = TestHttpd::load_also('reqtimeout') . "Timeout 600\nRequestReadTimeout header=2 body=2\n";
    my $httpd = TestHttpd->start(SlowReader::config($limits, "Timeout 5\n"), threads => 8, log_level => 'info');
    my @slow = map { SlowReader->new($httpd, headers => {Connection => $_ % 2 ? 'close' : undef}) } 1 .. 4;
    $_->sip(8_000_000) for @slow[0, 1];
    my @lines = SlowReader::lines($httpd, '/20m.bin', 4);
    is join(' ', map { $_->{end} } @lines), 'X X X X', 'clients that take nothing for too long are given up';
    is scalar(grep { $_->{time} >= 5_000_000 } @lines), 4, '... after Timeout of the virtual host';
    isnt $_->finish, '', '... and see that something is missing' for @slow;
    ok !$_->client->got_close_notify, '... without close_notify' for @slow;
    SlowReader::wait_for($httpd, 0);
    $httpd->wait_for(sub { SlowReader::descriptors($httpd, qr{20m\.bin}) == 0 }, 'files to be closed');
    is scalar(() = $httpd->error_log =~ /ssl:info.*Connection closed: the client took nothing of the response for too long/g), $is_event ? 4 : 0, '... the error log says so';
    ok served($httpd), '... and others are served';

    # One that takes something now and then is waited for.
    my $slow = SlowReader->new($httpd, path => '/20m.bin?sips');
    for (1 .. 5) {
        select undef, undef, undef, 1;
        $slow->sip(1_000_000);
    }
    is $slow->finish, '', 'a client that takes something now and then gets all of it, whatever mod_reqtimeout says of requests';
    ok $slow->client->get('/1k.bin')->{body} eq TestHttpd::pattern(1 << 10), '... and the next answer';
}
done_testing;
