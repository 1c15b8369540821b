# Slow readers of answers that are made of something else than files of their requests, and hostile ones: what waits for
# them is there until they have it, and costs little.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use SlowReader ();
use TestHttpd ();
use TlsClient ();

my $body  = SlowReader::body();
my $small = TestHttpd::pattern(1 << 10);
my $lines = 'LoadModule answers_module ' . TestHttpd::root() . "/modules/answers.so\n" . TestHttpd::load_also('reqtimeout') . "Timeout 600\nMaxRanges unlimited\n";
my $hosts = <<'END';
Alias /odd/ "@DOCS@/"
<Location /odd/>
    SetHandler answers
</Location>
ErrorDocument 400 /20m.bin?error
END

sub start { return TestHttpd->start(SlowReader::config($lines . ($_[0] // ''), $hosts), threads => 8, log_level => 'info') }

# Buckets of other kinds.
for my $case (
    [odd     => "$body\[bytes that cannot be set aside]$body", 0],
    [mapped  => $body, 0],
    [block   => $body, 0],
    [subpool => $body, 1],
) {
    my ($what, $expected, $waits) = @$case;
    my $httpd = start();
    for my $sip (0, 8_000_000, 25_000_000) {
        next if $sip > length $expected;
        my $slow = SlowReader->new($httpd, path => "/odd/20m.bin?$what");
        SlowReader::wait_for($httpd, 1) if $waits;
        eval { $slow->sip($sip) };
        my $answer = $slow->answer;
        ok $answer->{body} eq $expected, "$what, $sip bytes read: every byte" or diag $answer->{error} // length $answer->{body};
        ok +(eval { $slow->client->get("/1k.bin")->{body} } // "") eq $small, '... and the next answer';
    }
    is SlowReader::descriptors($httpd, '20m.bin'), 0, '... and files are closed';
    unlike $httpd->error_log, qr/exit signal/, '... without a crash';
}

# Parts of a file are parts of one file.
{
    my $httpd = start();
    my @ranges = map { [$_ * 100_000, $_ * 100_000 + 90_000] } 0 .. 119;
    my @slow = map { SlowReader->new($httpd, path => '/20m.bin?ranges', headers => {Range => 'bytes=' . join ',', map { join '-', @$_ } @ranges}) } 1 .. 3;
    SlowReader::wait_for($httpd, 3);
    cmp_ok SlowReader::descriptors($httpd, '20m.bin'), '<=', 15, 'many parts of a file that wait need few descriptors' if SlowReader::possible();
    for my $slow (@slow) {
        my $answer = $slow->answer;
        my ($boundary) = ($answer->{headers}{'content-type'} // '') =~ /boundary=(\S+)/;
        $boundary //= '';
        my @parts = split /\r\n--\Q$boundary\E(?:--)?\r\n/, $answer->{body};
        shift @parts;
        is join(' ', grep { ((split /\r\n\r\n/, $parts[$_] // '', 2)[1] // '') ne substr $body, $ranges[$_][0], 90_001 } 0 .. $#ranges), '', '... each part is right';
    }
}

# The answer to what is no request can be large, too.
{
    my $httpd = start();
    my $slow = SlowReader->new($httpd, ask => 0);
    $slow->client->send("GET / HTTP/1.1\r\nHost: localhost\r\nno field\r\n\r\n");
    $slow->sip(1_000_000);
    my $answer = $slow->answer;
    is $answer->{status}, 400, 'a large answer to a bad request';
    ok $answer->{body} eq $body, '... is whole' or diag $answer->{error} // length $answer->{body};
    $slow = SlowReader->new($httpd, ask => 0);
    $slow->client->send("GET / HTTP/1.1\r\nHost: localhost\r\nLong: " . 'x' x 9000 . "\r\n\r\n");
    $slow->sip(1_000_000);
    $answer = $slow->answer;
    is $answer->{status}, 400, 'a large answer to a request that is too long';
    ok $answer->{body} eq $body, '... is whole' or diag $answer->{error} // length $answer->{body};
}

# An answer that begins before its request has ended.
{
    my $httpd = start();
    my $slow = SlowReader->new($httpd, ask => 0);
    my $client = $slow->client;
    $client->send("POST /odd/20m.bin?early HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n01234");
    # All but what core keeps back until it is more.
    $slow->sip(SlowReader::SIZE - 200_000);
    pass 'an answer that begins before its request has ended does not wait for it';
    $client->send('56789');
    my $answer = $slow->answer;
    ok $answer->{body} eq "$body\[10 bytes]", '... and is whole' or diag $answer->{error} // length $answer->{body};
    is $client->get('/1k.bin')->{body}, $small, '... and the next answer';
}

# Connections that have a thread of their own by the will of another module.
{
    my $httpd = start("Clogging on\nRequestReadTimeout header=0 body=0\n");
    for my $header ({}, {Connection => 'close'}) {
        my $slow = SlowReader->new($httpd, headers => $header);
        my $what = join ': ', %$header;
        eval { $slow->sip(8_000_000) };
        is $slow->finish, '', "a connection with a thread of its own, '$what': the whole answer";
        if (%$header) {
            is $slow->client->receive_all, '', '... nothing follows';
            ok $slow->client->got_close_notify, '... but close_notify';
        }
        else {
            is $slow->client->get('/1k.bin')->{body}, $small, '... and the next answer';
        }
    }
}
done_testing;
