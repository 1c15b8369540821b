# Slow readers that speak HTTP/2. mod_http2 answers in threads of its own, and waits for windows of the client without a
# thread of the MPM. A client whose windows are wide but that takes nothing from the network holds a thread, as with any
# other module for TLS: what waits there is not ours.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use SlowReader ();
use TestHttpd ();
use TlsClient ();

plan skip_all => 'mod_http2 does not work with prefork' if TestHttpd::mpm() eq 'prefork';

use constant {DATA => 0, HEADERS => 1, SETTINGS => 4, PING => 6, WINDOW_UPDATE => 8, ACK => 1, END_STREAM => 1, WIDEST => 0x7fffffff};

sub frame {
    my ($type, $flags, $stream, $payload) = @_;
    return substr(pack('N', length $payload), 1) . pack('CCN', $type, $flags, $stream) . $payload;
}

# A client that has asked for a large file in stream 1. With `wide` the server may send all of it at once.
sub ask {
    my ($httpd, $wide) = @_;
    my $client = TlsClient->new(port => $httpd->port, sni => 'localhost', alpn => ['h2'], receive_buffer => 16_384)->handshake;
    my $text = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" . frame(SETTINGS, 0, 0, $wide ? pack 'nN', 4, WIDEST : '');
    $text .= frame(WINDOW_UPDATE, 0, 0, pack 'N', WIDEST - 65_535) if $wide;
    # GET, https, :path, :authority as indexed names with literal values (RFC 7541, 6.2.2)
    $text .= frame(HEADERS, 4 | END_STREAM, 1, "\x82\x87" . pack('C C/a C C/a', 4, '/20m.bin', 1, 'localhost'));
    $client->send($text);
    return [$client, $wide];
}

# Reads the rest; the body, or what was wrong.
sub finish {
    my ($client, $wide) = @{$_[0]};
    my $body = '';
    my $outcome = eval {
        while (1) {
            my ($high, $low, $type, $flags, $stream) = unpack 'C n C C N', $client->_take(9);
            my $payload = $client->_take($high << 16 | $low);
            if ($type == DATA) {
                $body .= $payload;
                return 1 if $flags & END_STREAM;
                my $more = pack 'N', length $payload;
                $client->send(frame(WINDOW_UPDATE, 0, 0, $more) . frame(WINDOW_UPDATE, 0, 1, $more)) unless $wide || !length $payload;
            }
            elsif ($type == SETTINGS || $type == PING) {
                $client->send(frame($type, ACK, 0, $type == PING ? $payload : '')) unless $flags & ACK;
            }
            elsif ($type == HEADERS) {
                ord $payload == 0x88 or die "status\n";
            }
            elsif ($type != WINDOW_UPDATE) {
                die "frame $type\n";
            }
        }
    };
    return $outcome ? $body : "$@ after " . length $body;
}

for my $case ([4, 12, 0, 'narrow windows, more than threads'], [8, 4, 1, 'wide windows, fewer than threads']) {
    my ($threads, $count, $wide, $what) = @$case;
    $threads = 16 if TestHttpd::mpm() eq 'worker';
    my $httpd = TestHttpd->start(SlowReader::config("Timeout 600\n"), threads => $threads, log_level => 'info');
    my @slow = map { ask($httpd, $wide) } 1 .. $count;
    my $bad = grep { TlsClient->new(port => $httpd->port, sni => 'localhost')->handshake->get('/1m.bin')->{body} ne TestHttpd::pattern((1 << 20) + 7) } 1 .. 10;
    is $bad, 0, "$what: others are served";
    is scalar(grep { finish($_) ne SlowReader::body() } @slow), 0, '... and the slow ones get every byte';
}
done_testing;
