# Answers of all kinds to clients that take them slowly: each byte is right, and so is what follows. Where responses can
# wait without a thread they do; the same checks hold where a thread waits.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use IPC::Open3 qw(open3);
use SlowReader ();
use TestHttpd ();
use TlsClient ();

my $is_event = SlowReader::possible();
my $small    = TestHttpd::pattern(1 << 10);
my $base     = "Timeout 600\nMaxRanges 200\n";

# Clients that wait on the first way (nothing was read) and the second way (a part was).
my %reads = ('nothing read' => 0, 'a part read' => 8_000_000);

sub start { return TestHttpd->start(SlowReader::config($base . ($_[0] // ''), $_[1]), threads => 8, log_level => 'info') }

for my $files ('', 'EnableSendfile on', 'EnableMMAP off', 'EnableSendfile on|EnableMMAP off', 'FlushMaxThreshold 20000', 'FlushMaxThreshold 1000000', 'SSLOpenSSLConfCmd RecordPadding 16384') {
    my $httpd = start(join '', map { "$_\n" } split /\|/, $files);
    my $what = $files || 'as it is';
    for my $version ('1.2', '1.3') {
        for my $way (sort keys %reads) {
            my $slow = SlowReader->new($httpd, version => $version);
            SlowReader::wait_for($httpd, 1);
            $slow->sip($reads{$way});
            SlowReader::wait_for($httpd, 1);
            is $slow->finish, '', "$what, TLS $version, $way: the whole answer";
            is $slow->client->get('/1k.bin')->{body}, $small, '... and the next';
            SlowReader::wait_for($httpd, 0);
        }
    }
}

# A client that wants small fragments: more bytes on the wire.
{
    my $httpd = start();
    for my $version ('tls1_2', 'tls1_3') {
        open my $said, '>', "$httpd->{root}/said" or die "said: $!";
        my $pid = open3(my $typed, my $shown, '>&' . fileno $said, 'openssl', 's_client', '-quiet', "-$version", '-maxfraglen', 512,
            '-servername', 'localhost', '-CAfile', TestHttpd::ca(), '-connect', '127.0.0.1:' . $httpd->port);
        binmode $shown;
        syswrite $typed, TlsClient::request_text('GET', '/20m.bin', Connection => 'close');
        SlowReader::wait_for($httpd, 1);
        my $answer = do { local $/; <$shown> };
        kill TERM => $pid;
        waitpid $pid, 0;
        ok $answer =~ s/\A.*?\r\n\r\n//sr eq SlowReader::body(), "fragments of 512 bytes, $version: the whole answer";
        SlowReader::wait_for($httpd, 0);
    }
}

{
    my $httpd = start();
    for my $way (sort keys %reads) {
        # Requests that come while the answer waits, in one record with the first one, and behind it.
        my $slow = SlowReader->new($httpd, ask => 0);
        my $client = $slow->client;
        $client->send(join '', map { TlsClient::request_text('GET', $_) } '/20m.bin?pipe', '/1k.bin', '/20m.bin?pipe', '/empty.bin');
        SlowReader::wait_for($httpd, 1);
        $client->send(TlsClient::request_text('GET', '/1k.bin?last'));
        $slow->sip($reads{$way});
        SlowReader::wait_for($httpd, 1);
        is $slow->finish, '', "pipelined requests, $way: the first answer";
        is $slow->answer->{body}, $small, '... the second';
        is $slow->finish, '', '... the third';
        is $slow->answer->{body}, '', '... the fourth';
        is $slow->answer->{body}, $small, '... and the last';

        # The last answer of a connection.
        for my $case (['Connection: close', 'HTTP/1.1'], ['HTTP/1.0', 'HTTP/1.0']) {
            $slow = SlowReader->new($httpd, ask => 0);
            my $head = $case->[0] =~ /^Conn/ ? "$case->[0]\r\n" : '';
            $slow->client->send("GET /20m.bin?close $case->[1]\r\nHost: localhost\r\n$head\r\n");
            SlowReader::wait_for($httpd, 1);
            $slow->sip($reads{$way});
            SlowReader::wait_for($httpd, 1);
            is $slow->finish, '', "$case->[0], $way: the whole answer";
            is $slow->client->receive_all, '', '... nothing follows';
            ok $slow->client->got_close_notify, '... but close_notify';
        }

        # The client says that it sends no more, and goes on reading.
        $slow = SlowReader->new($httpd, path => '/20m.bin?half');
        SlowReader::wait_for($httpd, 1);
        $slow->client->close_notify;
        shutdown $slow->client->socket, 1;
        $slow->sip($reads{$way});
        is $slow->finish, '', "a client that sends no more, $way: the whole answer";
    }
    my @lines = SlowReader::lines($httpd, '/20m.bin?pipe', 4);
    is join(' ', map { $_->{end} } @lines), '+ + + +', 'the log: pipelined answers';
    @lines = SlowReader::lines($httpd, '/20m.bin?close', 4);
    is join(' ', map { $_->{end} } @lines), '- - - -', '... and the last ones of a connection';
    is scalar(grep { $_->{body} == SlowReader::SIZE && $_->{sent} > SlowReader::SIZE && $_->{sent} < SlowReader::SIZE * 1.01 } @lines), 4, '... with their bytes';

    # No body.
    my $slow = SlowReader->new($httpd, method => 'HEAD');
    my $answer = $slow->answer;
    is "$answer->{status} $answer->{headers}{'content-length'}", '200 ' . SlowReader::SIZE, 'HEAD';
    my $tag = $answer->{headers}{etag};
    $slow = SlowReader->new($httpd, headers => {'If-None-Match' => $tag});
    is $slow->answer->{status}, 304, 'not modified';
    is $slow->client->get('/1k.bin')->{body}, $small, '... and the next answer';

    # Parts of it, in reverse order and one after the other.
    for my $way (sort keys %reads) {
        my @ranges = ([12_000_000, 19_999_999], [5, 9_999_999], [0, 0], map { [$_ * 1000, $_ * 1000 + 99] } 1 .. 50);
        $slow = SlowReader->new($httpd, path => '/20m.bin?ranges', headers => {Range => 'bytes=' . join ',', map { join '-', @$_ } @ranges});
        SlowReader::wait_for($httpd, 1);
        $slow->sip($reads{$way});
        SlowReader::wait_for($httpd, 1);
        $answer = $slow->answer;
        is $answer->{status}, 206, "ranges, $way";
        my ($boundary) = $answer->{headers}{'content-type'} =~ /boundary=(\S+)/;
        my @parts = split /\r\n--\Q$boundary\E(?:--)?\r\n/, $answer->{body};
        shift @parts;
        my $wrong = grep {
            my ($head, $data) = split /\r\n\r\n/, $parts[$_] // '', 2;
            my ($from, $to) = @{$ranges[$_]};
            ($data // '') ne substr(SlowReader::body(), $from, $to - $from + 1) || $head !~ m{bytes $from-$to/};
        } 0 .. $#ranges;
        is $wrong, 0, '... each part is right';
        is scalar @parts, scalar @ranges, '... and there are no others';
        is $slow->client->get('/1k.bin', Range => 'bytes=10-19')->{body}, substr($small, 10, 10), '... and the next';
    }
    SlowReader::wait_for($httpd, 0);
    is SlowReader::descriptors($httpd, qr{20m\.bin}), 0, 'all files are closed';
}
done_testing;
