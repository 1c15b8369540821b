# Slow readers of what is not simply a file, and what they send meanwhile.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use IO::Select ();
use IO::Socket::INET ();
use IPC::Open3 qw(open3);
use SlowReader ();
use Socket ();
use TestHttpd ();
use TlsClient ();

my $small = TestHttpd::pattern(1 << 10);

# A KeyUpdate, which demands one in return, while the answer waits. The openssl program can send one ("K" at the start of
# a line); a relay decides what it gets when.
{
    my $httpd = TestHttpd->start(SlowReader::config("Timeout 600\n"), threads => 8, log_level => 'info');
    my $file  = "$httpd->{root}/shown";
    my $relay = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1', LocalPort => 0) or die "listen: $!";
    open my $shown, '>', $file or die "$file: $!";
    open my $said, '>', "$file.errors" or die "$file.errors: $!";
    my $pid = open3(my $typed, '>&' . fileno $shown, '>&' . fileno $said, 'openssl', 's_client', '-connect', '127.0.0.1:' . $relay->sockport,
        '-tls1_3', '-servername', 'localhost', '-CAfile', TestHttpd::ca());
    my $client = $relay->accept;
    my $server = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $httpd->port, Sockopts => [[Socket::SO_RCVBUF(), 16_384]]) or die "connect: $!";
    # Moves bytes until a condition holds; nothing to the client with `hold`. The client gets whole records: it looks at
    # nothing else while it waits for the rest of one.
    my $begun = '';
    my $until = sub {
        my ($condition, $what, $hold) = @_;
        my $select = IO::Select->new($client, $hold ? () : $server);
        $httpd->wait_for(sub {
            for my $from ($select->can_read(0.01)) {
                my $count = sysread $from, my $bytes, 65_536 or die "the end while waiting for $what";
                if ($from == $client) {
                    syswrite $server, $bytes;
                    next;
                }
                $begun .= $bytes;
                while (length $begun >= 5 && length $begun >= 5 + unpack 'x3 n', $begun) {
                    my $record = substr $begun, 0, 5 + unpack('x3 n', $begun), '';
                    while (length $record) { substr $record, 0, syswrite($client, $record), '' }
                }
            }
            return $condition->();
        }, $what);
    };
    my $output = sub { TestHttpd::slurp($file) };
    $until->(sub { $output->() =~ /Post-Handshake New Session Ticket arrived.*Post-Handshake New Session Ticket arrived|---\n\z/s }, 'the handshake');
    syswrite $typed, TlsClient::request_text('GET', '/20m.bin');
    $until->(sub { -s $file > 5_000_000 }, 'a part of the answer');
    if (SlowReader::possible()) {
        $until->(sub { SlowReader::waiting($httpd) == 1 }, 'an answer that waits', 'hold');
    }
    for my $number (1 .. 3) {
        syswrite $typed, "K\n";
        $until->(sub { (() = TestHttpd::slurp("$file.errors") =~ /KEYUPDATE/g) == $number }, 'a KeyUpdate', 'hold');
    }
    # The CPU time that the child uses while nothing can be sent: it must not run in circles.
    my ($child) = split ' ', qx(pgrep -P $httpd->{pid} -n);
    my $spent = sub { my @stat = split ' ', TestHttpd::slurp("/proc/$child/stat") =~ s/.*\)//sr; $stat[11] + $stat[12] };
    my $before = $spent->();
    select undef, undef, undef, 1;
    cmp_ok $spent->() - $before, '<', 20, 'a KeyUpdate while the answer waits does not have a thread run in circles';
    my $whole = sub { $output->() =~ /\r\n\r\n(.*)/s && length $1 >= SlowReader::SIZE };
    $until->($whole, 'the whole answer');
    my ($body) = $output->() =~ /\r\n\r\n(.*)/s;
    ok substr($body, 0, SlowReader::SIZE) eq SlowReader::body(), '... the answer is right';
    syswrite $typed, TlsClient::request_text('GET', '/1k.bin');
    $until->(sub { index(substr($output->(), SlowReader::SIZE), $small) >= 0 }, 'the next answer');
    pass '... and so is the next';
    kill TERM => $pid;
    waitpid $pid, 0;
}

# What programs and modules make. Small buffers of the kernel, so that little is enough.
{
    my $lines = TestHttpd::load_also('deflate', 'ratelimit', 'filter', 'proxy', 'proxy_http') . "Timeout 600\nSendBufferSize 8192\n";
    my $httpd = TestHttpd->start(SlowReader::config($lines, <<'END'), threads => 16, log_level => 'info');
<Location /limited/>
    SetOutputFilter RATE_LIMIT
    SetEnv rate-limit 10000
</Location>
Alias /limited/ "@DOCS@/"
<Location /packed/>
    SetOutputFilter DEFLATE
</Location>
Alias /packed/ "@DOCS@/"
ProxyPass /passed/ http://127.0.0.1:@PORT2@/
AddType application/octet-stream .bin
END
    for my $case (['mod_ratelimit', '/limited/20m.bin'], ['mod_proxy', '/passed/20m.bin']) {
        my ($what, $path) = @$case;
        my $slow = SlowReader->new($httpd, path => $path);
        is(TlsClient->new(port => $httpd->port, sni => 'localhost')->handshake->get('/1k.bin')->{body}, $small, "$what: others are served");
        $slow->sip(1_000_000);
        is $slow->finish, '', '... and a slow reader gets every byte';
        is $slow->client->get('/1k.bin')->{body}, $small, '... and the next answer';
    }
    # Compressed by mod_deflate: memory. The pattern does not shrink.
    my $slow = SlowReader->new($httpd, path => '/packed/1m.bin', headers => {'Accept-Encoding' => 'gzip'});
    $slow->sip(300_000);
    my $packed = $slow->answer->{body};
    open my $unpack, '|-', "gunzip -c > $httpd->{root}/unpacked" or die "gunzip: $!";
    binmode $unpack;
    print {$unpack} $packed;
    close $unpack or die 'gunzip failed';
    ok TestHttpd::slurp("$httpd->{root}/unpacked") eq TestHttpd::pattern((1 << 20) + 7), 'mod_deflate: a slow reader gets every byte';
    is $slow->client->get('/1k.bin')->{body}, $small, '... and the next answer';

    # Little memory waits without a thread, much of it has one wait.
    for my $case (['100k', 100_000], ['16k', 16_384]) {
        my ($name, $size) = @$case;
        my @slow = map { SlowReader->new($httpd, path => "/packed/$name.bin", headers => {'Accept-Encoding' => 'gzip'}) } 1 .. 4;
        SlowReader::wait_for($httpd, 4) if $name eq '100k';
        my @bodies = map { $_->answer->{body} } @slow;
        is scalar(grep { $_ ne $bodies[0] } @bodies), 0, "mod_deflate, $name: all get the same";
        cmp_ok length $bodies[0], '>', $size * 0.9, '... as much as there is';
        is $_->client->get('/1k.bin')->{body}, $small, '... and the next answer' for @slow;
        SlowReader::wait_for($httpd, 0);
    }
}

# Without: a thread waits for each.
{
    my $off = TestHttpd::stock() ? '' : "SSLAsyncOutput off\n";
    my $httpd = TestHttpd->start(SlowReader::config("Timeout 600\n", $off), threads => 16, log_level => 'info');
    my @slow = map { SlowReader->new($httpd) } 1 .. 3;
    $httpd->wait_for(sub { SlowReader::descriptors($httpd, qr{20m\.bin}) == 3 }, 'three answers that are sent');
    $httpd->wait_for(sub { SlowReader::status($httpd, 'BusyWorkers') == 4 }, 'a thread for each, and the one that counts');
    pass 'SSLAsyncOutput off: a thread for each';
    is SlowReader::waiting($httpd), 0, '... and no figure' unless TestHttpd::stock();
    is $_->finish, '', '... they get every byte' for @slow;
}
done_testing;
