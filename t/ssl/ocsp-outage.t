# OCSP responders that do not answer: clients are refused without a wait for each of them, and the server comes back by itself.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use Responder ();
use TestHttpd ();

my $responder = Responder->start;
my $ours      = !TestHttpd::stock();

sub outcome { return ($responder->client(@_))[1] }

# Handshakes of clients in turn, until one is refused without a question; how many came before.
sub until_left_alone {
    my ($httpd, $name, @certificates) = @_;
    my $tried = 0;
    $httpd->wait_for(
        sub {
            my $before = length $httpd->error_log;
            is outcome($httpd, $name, $certificates[$tried++ % @certificates]), 'alert 40', "$name: $certificates[($tried - 1) % @certificates] is refused";
            return substr($httpd->error_log, $before) =~ /ssl:debug.*OCSP responder 127\.0\.0\.1:\d+ did not answer, and is left alone/;
        },
        'a handshake without a question'
    );
    return $tried - 1;
}

# With a process for each connection and nothing in common, each finds out for itself: one handshake in it says nothing.
my $alone = $ours && TestHttpd::mpm() ne 'prefork';
for my $shared ('', $alone ? "SSLOCSPCache none\n" : ()) {
    my $what = $shared ? 'each process for itself' : 'all processes together';
    my $port = TestHttpd::free_port();
    my $httpd = TestHttpd->start($shared . $responder->vhost('dead', "http://127.0.0.1:$port/good") . $responder->vhost('hung', $responder->url('switch'), 'SSLOCSPResponderTimeout 1'));
    $responder->turn('silent');

    # Nobody listens there.
    is outcome($httpd, 'dead', 'client'), 'alert 40', "$what: nobody listens";
    $httpd->wait_log(qr/ssl:error.*AH01974: could not connect to OCSP responder '127\.0\.0\.1:$port'/);
    if ($ours) {
        until_left_alone($httpd, 'dead', qw(client plain));
        my @errors = $httpd->error_log =~ /ssl:error.*(AH01974: .*)/g;
        my $processes = TestHttpd::mpm() eq 'prefork' ? 20 : 1;
        cmp_ok scalar @errors, '<=', $processes, '... which each process says once in a minute';
    }

    # It listens, and says nothing. One certificate alone does not make an outage.
    my $before = $responder->count('switch');
    is outcome($httpd, 'hung', 'client'), 'alert 40', 'it listens, and says nothing';
    is $responder->count('switch') - $before, 1, '... it was asked';
    if ($ours) {
        until_left_alone($httpd, 'hung', qw(plain client strange broken));
    }

    # Both come back.
    $responder->turn('good');
    $responder->also_at($port);
    for my $name (qw(dead hung)) {
        $httpd->wait_for(sub { outcome($httpd, $name, 'client') eq 200 }, "$name: an answer");
        pass "$name: it is back, and clients get in";
        # Another process may find it out a little later.
        $httpd->wait_for(sub { outcome($httpd, $name, 'plain') eq 200 }, "$name: an answer about another certificate") if $ours;
    }
}

# A responder that stumbles over one certificate is no outage for the others.
if ($ours) {
    my $httpd = TestHttpd->start($responder->vhost('picky', $responder->url('picky'), 'SSLOCSPResponderTimeout 1'));
    for my $round (1, 2, 3) {
        is outcome($httpd, 'picky', 'strange'), 'alert 40', "round $round: the one that nobody answers about";
        is outcome($httpd, 'picky', $_), 200, "... $_" for qw(client plain);
    }
}
done_testing;
