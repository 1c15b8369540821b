# A graceful restart under load: no request fails, long answers are finished, the new configuration is taken up.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use Digest::SHA qw(sha256_hex);
use TestHttpd ();
use TlsClient ();

my $config = <<'END';
SSLSessionCache shmcb
<VirtualHost *:@PORT@>
    ServerName localhost
    SSLEngine on
    @CERTIFICATE@
</VirtualHost>
END
my $ecdsa = $config =~ s/\@CERTIFICATE@/\@ECDSA@/r;
my $rsa   = $config =~ s/\@CERTIFICATE@/\@RSA@/r;
my $httpd = TestHttpd->start($ecdsa, threads => 25);
my $port  = $httpd->port;
my $page  = TestHttpd::pattern(1 << 10);

# Clients that connect, ask twice and leave, until a file appears; each reports how many requests went well and what did not.
my $end     = "$httpd->{root}/end";
my @workers = map {
    my $number = $_;
    my $pid    = open my $pipe, '-|' // die "fork: $!";
    if (!$pid) {
        my ($good, @bad) = (0);
        my $session;
        until (-e $end || @bad) {
            my $version = $number % 2 ? '1.3' : '1.2';
            my $client = eval { TlsClient->new(port => $port, sni => 'localhost', version => $version, $session && $good % 2 ? (session => $session) : ())->handshake };
            if (!$client) { push @bad, "handshake: $@"; last }
            my $answer = eval { $client->get('/1k.bin') };
            if (!$answer || $answer->{body} ne $page) { push @bad, 'first request: ' . ($@ || $answer->{status}); last }
            # A server that ends may say so with the first answer, or end the idle connection in order.
            $answer = ($answer->{headers}{connection} // '') eq 'close' ? undef : eval { $client->get('/1k.bin') };
            my $why = $@;
            $good++ if $answer ? $answer->{body} eq $page : $client->got_close_notify || !$why;
            push @bad, "second request: $why" if !$answer && $why && !$client->got_close_notify && ($client->end // '') ne 'fin';
            $session = $client->session;
        }
        print "$good\n", @bad;
        POSIX::_exit(0) if close STDOUT;
    }
    $pipe;
} 1 .. 4;

# A long answer that spans all restarts.
my $long = TlsClient->new(port => $port, sni => 'localhost', receive_buffer => 65_536)->handshake;
$long->send(TlsClient::request_text('GET', '/200m.bin'));
$long->_need for 1 .. 5;
my $idle = TlsClient->new(port => $port, sni => 'localhost')->handshake;
is $idle->get('/1k.bin')->{status}, 200, 'a connection that stays idle';

for my $round (1 .. 3) {
    my $type = $round % 2 ? 'rsa' : 'ecdsa';
    $httpd->configure($type eq 'rsa' ? $rsa : $ecdsa);
    $httpd->graceful;
    # The old processes go on for a while; the new ones have the new certificate.
    $httpd->wait_for(sub { TlsClient->new(port => $port, sni => 'localhost')->handshake->key_type eq $type }, "the new certificate ($type)");
    pass "restart $round: the new certificate is in use";
}
open my $file, '>', $end or die "$end: $!";
close $file;
for my $index (0 .. $#workers) {
    my ($good, @bad) = readline $workers[$index];
    chomp $good;
    is_deeply \@bad, [], "client $index: no request failed";
    cmp_ok $good, '>', 0, "... of $good rounds";
}

my $answer = eval { $long->answer } // {body => $@};
is sha256_hex($answer->{body}), sha256_hex(TestHttpd::pattern(200_000_000)), 'the long answer is finished';
ok $httpd->is_running, 'the server runs';
done_testing;
