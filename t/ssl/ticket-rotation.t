# Keys of tickets that nobody chose: good at all processes and after graceful restarts, replaced by the clock, and the same
# at all servers that have the same secret.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use Clock ();
use Curl ();
use POSIX ();
use StartUp ();
use TestHttpd ();
use Ticket ();
use TlsClient ();

plan skip_all => 'the distribution\'s module makes keys for each start and never replaces them' if TestHttpd::stock();

use constant HALF_A_DAY => 43_200;

# The middle of an epoch, so that nothing that takes a while crosses its end.
sub middle { my ($lifetime) = @_; return $lifetime / 2 - time % $lifetime }

sub config {
    my ($global, $more) = @_;
    return "$global\n<VirtualHost *:\@PORT@>\nServerName first.example.test:443\nServerAlias alias.example.test\nSSLEngine on\n\@ECDSA@\n" . ($more // '') . "\n<Location /ssl-metrics>\nSetHandler ssl-metrics\n</Location>\n</VirtualHost>\n";
}

sub connect_to {
    my ($httpd, $version, $session) = @_;
    my $client = TlsClient->new(port => $httpd->port, version => $version, sni => 'first.example.test', $session ? (session => Ticket::copy($session)) : ())->handshake;
    is $client->get('/1k.bin', Host => 'first.example.test')->{status}, 200, 'a request';
    # Without this mark OpenSSL would throw the session away with the connection.
    Net::SSLeay::set_shutdown($client->{ssl}, 3);
    return $client;
}

sub figures {
    my ($httpd) = @_;
    my $client = TlsClient->new(port => $httpd->port)->handshake;
    my $text   = $client->get('/ssl-metrics', Host => 'first.example.test')->{body};
    return { $text =~ /^\w*?(ticket_keys?\w*) (\d+)$/mg };
}

sub secret_file {
    my ($name, $bytes, $mode) = @_;
    my $path = TestHttpd::root() . "/$name";
    unlink $path;
    open my $file, '>:raw', $path or die "$path: $!";
    print {$file} $bytes;
    close $file or die "$path: $!";
    chmod $mode // 0600, $path or die "$path: $!";
    return $path;
}

# Rotation, on a machine of its own.
{
    my $clock = Clock->new;
    $clock->move(middle(HALF_A_DAY));
    my $httpd = $clock->start(config('SSLSessionCacheTimeout 86400'));
    for my $version ('1.2', '1.3') {
        $clock->move(middle(HALF_A_DAY));
        $httpd->graceful;    # the keys of the version before are from the future
        my $first = connect_to($httpd, $version)->session;
        my $at    = figures($httpd);
        is $at->{ticket_keys}, 1, 'one key';
        is $at->{ticket_key_epoch}, int($clock->now / HALF_A_DAY), 'of the epoch by the clock';
        is $at->{ticket_key_start_timestamp_seconds}, $at->{ticket_key_epoch} * HALF_A_DAY, '... since it began';

        my $same = connect_to($httpd, $version, $first);
        is $same->reused, 1, "TLS $version: resumed";
        $httpd->graceful;
        my $after = connect_to($httpd, $version, $first);
        is $after->reused, 1, '... after a graceful restart, too';
        is Ticket::name(connect_to($httpd, $version)->session), Ticket::name($first), '... by the same key';

        $clock->move(middle(HALF_A_DAY) + HALF_A_DAY);
        my $later = connect_to($httpd, $version, $first);
        is $later->reused, 1, "TLS $version: half a day later the key still opens tickets";
        isnt Ticket::name($later->session), Ticket::name($first), '... and the client gets another one by the new key';
        is_deeply [@{figures($httpd)}{qw(ticket_key_epoch ticket_keys)}], [$at->{ticket_key_epoch} + 1, 2], '... both are honoured';
        is connect_to($httpd, $version, $later->session)->reused, 1, '... and the new ticket is good';
        $httpd->graceful;
        is connect_to($httpd, $version, $first)->reused, 1, '... both, after a graceful restart';
        is connect_to($httpd, $version, $later->session)->reused, 1, '...';

        $clock->move(middle(HALF_A_DAY) + 5 * HALF_A_DAY);
        is connect_to($httpd, $version, $first)->reused, 0, "TLS $version: after its time the ticket is worth nothing, which is no failure";
        is figures($httpd)->{ticket_keys}, 1, '... and its key is forgotten';
    }
    # A clock that was wrong for a while.
    $clock->move(-30 * HALF_A_DAY);
    my $session = connect_to($httpd, '1.2')->session;
    is figures($httpd)->{ticket_key_epoch}, int($clock->now / HALF_A_DAY), 'the clock goes back: new keys';
    is connect_to($httpd, '1.2', $session)->reused, 1, '... that work';
}

# One secret, several servers.
my $secret = secret_file('secret', 'not so random, but long enough: 32 bytes');
my $other  = secret_file('other',  'another one, which is long enough, too');
my ($lifetime, $timeout) = (600, 3_600);
sub shared { my ($file) = @_; return config("SSLSessionTicketSecretFile $file\nSSLSessionTicketKeyLifetime $lifetime\nSSLSessionCacheTimeout $timeout") }
{
    my ($here, $there) = (Clock->new, Clock->new);
    $_->move(middle($lifetime)) for $here, $there;
    my $one     = $here->start(shared($secret));
    my $two     = $there->start(shared($secret));
    my $strange = $there->start(shared($other));
    for my $version ('1.2', '1.3') {
        for my $skew (0, $lifetime, -$lifetime) {
            $here->move(middle($lifetime) + 100 * $lifetime);
            $there->move(middle($lifetime) + 100 * $lifetime + $skew);
            $_->graceful for $one, $two;    # the clocks have gone back since
            my $what = "TLS $version, clocks $skew seconds apart";
            for my $pair ([$one, $two], [$two, $one]) {
                my ($from, $to) = @$pair;
                my $session = connect_to($from, $version)->session;
                my $client  = connect_to($to, $version, $session);
                is $client->reused, 1, "$what: resumed at the other server";
                is connect_to($from, $version, $client->session)->reused, 1, '... and back';
            }
            my $name = Ticket::name(connect_to($one, $version)->session) eq Ticket::name(connect_to($two, $version)->session);
            is $name, $skew == 0, $skew ? '... by another key' : '... by the same key';
        }
        my $session = connect_to($one, $version)->session;
        is connect_to($strange, $version, $session)->reused, 0, "TLS $version: not with another secret";
        like Ticket::open_with($session, 'secret', $secret, $lifetime, $here->now), qr/Protocol\s*: TLSv$version/, '... an independent program makes the same key';
        is Ticket::open_with($session, 'secret', $other, $lifetime, $here->now), '', '... but not from another secret';
        is Ticket::open_with($session, 'secret', $secret, $lifetime, $here->now - $lifetime), '', '... nor for the epoch before';

        # A server that was away has the keys of the others.
        $one->stop;
        unlink "$one->{root}/logs/error_log";
        $here->move(middle($lifetime) + 102 * $lifetime);
        $there->move(middle($lifetime) + 100 * $lifetime);
        $two->graceful;
        $session = connect_to($two, $version)->session;
        $there->move(middle($lifetime) + 102 * $lifetime);
        $one = $here->start(shared($secret));
        is connect_to($one, $version, $session)->reused, 1, "TLS $version: resumed at a server that has just been started";
        is connect_to($two, $version, $session)->reused, 1, '... and at one that has been idle since';

        # Replaced while the server runs: at the next restart.
        secret_file('secret', 'another one, which is long enough, too');
        $session = connect_to($one, $version)->session;
        is connect_to($one, $version, $session)->reused, 1, "TLS $version: the file is not read before a restart";
        $one->graceful;
        is connect_to($one, $version, $session)->reused, 0, '... after which the old secret opens nothing';
        is connect_to($strange, $version, connect_to($one, $version)->session)->reused, 1, '... and the new one is shared';
        secret_file('secret', 'not so random, but long enough: 32 bytes');
        $one->graceful;
    }
}

# Many processes, and keys that are replaced every second: nobody who comes back is unknown.
{
    my $httpd = TestHttpd->start(config("SSLSessionTicketKeyLifetime 1\nSSLSessionCacheTimeout 10"), mpm => 'prefork');
    my $start = figures($httpd)->{ticket_key_epoch};
    my $end   = "$httpd->{root}/end";
    my @pipes = map {
        my $version = $_ % 2 ? '1.2' : '1.3';
        my $pid = open my $pipe, '-|' // die "fork: $!";
        if (!$pid) {
            my ($count, $resumed, $session) = (0, 0);
            my $come = sub {
                my $client = TlsClient->new(port => $httpd->port, version => $version, $session ? (session => Ticket::copy($session)) : ())->handshake;
                $client->get('/1k.bin', Host => 'first.example.test')->{status} == 200 or die 'no answer';
                Net::SSLeay::set_shutdown($client->{ssl}, 3);
                $session = Ticket::copy($client->session);
                return $client->reused;
            };
            $come->();
            until (-e $end) {
                $count++;
                # A ticket of TLS 1.2 is renewed when its key is, but its session is not: that ends after its time.
                if   ($count % 20 == 0) { undef $session; $come->(); $resumed++ }
                else                    { $resumed += eval { $come->() } // 0 }
                select undef, undef, undef, 0.02;
            }
            print "$resumed of $count\n";
            close STDOUT;
            POSIX::_exit(0);
        }
        $pipe;
    } 1 .. 4;
    $httpd->wait_for(sub { figures($httpd)->{ticket_key_epoch} >= $start + 5 }, 'five epochs');
    open my $file, '>', $end or die "$end: $!";
    close $file;
    for my $pipe (@pipes) {
        my ($resumed, $count) = readline($pipe) =~ /^(\d+) of (\d+)$/;
        cmp_ok $count, '>', 10, 'a client has come back many times';
        is $resumed, $count, '... and was known each time';
    }
    cmp_ok figures($httpd)->{ticket_keys}, '>=', 5, 'the keys of the last ten seconds are honoured';
}

# A ticket is not told to live longer than its key does, nor than a week.
for my $row (['', 77, 77], ['SSLSessionTicketKeyLifetime 10', 1_000, 160], ["SSLSessionTicketKeyLifetime 10\nSSLSessionTicketSecretFile $secret", 1_000, 150], ['', 10_000_000, 604_800], ['', 0, 7_200]) {
    my ($global, $seconds, $hint) = @$row;
    my $httpd = TestHttpd->start(config("$global\nSSLSessionCacheTimeout $seconds"));
    for my $version ('tls1_2', 'tls1_3') {
        my $shown = qx((sleep 1; echo Q) | openssl s_client -$version -connect 127.0.0.1:${\ $httpd->port} 2>/dev/null);
        like $shown, qr/TLS session ticket lifetime hint: $hint \(seconds\)/, "SSLSessionCacheTimeout $seconds, $version: tickets live $hint seconds";
    }
}

# Secrets that cannot be used.
for my $row (
    ['short',    'x' x 31,    0600, qr/short: has to have 32 to 4096 bytes/],
    ['long',     'x' x 4_097, 0600, qr/long: has to have 32 to 4096 bytes/],
    ['readable', 'x' x 40,    0604, qr/readable: others may read it, or its group may write to it \(mode 0604\); chmod 600/],
    ['writable', 'x' x 40,    0620, qr/writable: others may read it, or its group may write to it \(mode 0620\); chmod 600/],
) {
    my ($name, $bytes, $mode, $message) = @$row;
    my $file = secret_file("secret-$name", $bytes, $mode);
    StartUp::check("SSLSessionTicketSecretFile $file", 'global', fatal => qr/ssl:emerg.*SSLSessionTicketSecretFile: \S+secret-$message.*AH02312/s);
}
done_testing;
