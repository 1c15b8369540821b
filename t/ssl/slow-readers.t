# Clients that take a large response slowly, more of them than there are threads: others are served as if they were not
# there, and the slow ones get every byte.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use Curl ();
use TestHttpd ();
use TlsClient ();

plan skip_all => 'slow readers hold a thread with this module' if TestHttpd::stock();
plan skip_all => 'slow readers hold a thread with this MPM'    if TestHttpd::mpm() ne 'event';

my $config = TestHttpd::load_also('reqtimeout') . <<'END';
AsyncRequestWorkerFactor 200
Timeout 600
SSLSessionCache shmcb
<VirtualHost *:@PORT2@>
    <Location /metrics>
        SetHandler ssl-metrics
    </Location>
    <Location /status>
        SetHandler server-status
    </Location>
</VirtualHost>
<VirtualHost *:@PORT@>
    ServerName localhost
    SSLEngine on
    @ECDSA@
</VirtualHost>
END

my $size = 20_000_000;
my $body = TestHttpd::pattern($size);

sub plain {
    my ($httpd, $path) = @_;
    return Curl::get('http://localhost:' . $httpd->port(2) . $path)->{body};
}

sub waiting {
    my ($httpd) = @_;
    my ($value) = plain($httpd, '/metrics') =~ /^mod_ssl_responses_waiting (\d+)$/m;
    return $value;
}

# Clients that have asked for a large file and read nothing.
sub slow {
    my ($httpd, $count) = @_;
    my @clients;
    for my $number (1 .. $count) {
        my $client = TlsClient->new(port => $httpd->port, sni => 'localhost', version => $number % 2 ? '1.3' : '1.2', receive_buffer => 16_384)->handshake;
        $client->send(TlsClient::request_text('GET', '/20m.bin'));
        push @clients, $client;
    }
    return @clients;
}

# Says how many good clients of a few kinds were not served.
sub good_clients {
    my ($httpd, $rounds) = @_;
    my $bad = 0;
    for (1 .. $rounds) {
        for my $version ('1.2', '1.3') {
            my $client = TlsClient->new(port => $httpd->port, sni => 'localhost', version => $version)->handshake;
            for my $path ('/1k.bin', '/1m.bin', '/1k.bin') {
                my $answer = $client->get($path);
                $bad++ unless $answer->{status} == 200 && $answer->{body} eq TestHttpd::pattern($path eq '/1k.bin' ? 1 << 10 : (1 << 20) + 7);
            }
        }
    }
    return $bad;
}

for my $case ([4, 10], [64, 200]) {
    my ($threads, $count) = @$case;
    my $httpd = TestHttpd->start($config, threads => $threads, log_level => 'info');
    my @slow = slow($httpd, $count);
    $httpd->wait_for(sub { waiting($httpd) == $count }, "$count responses that wait");
    pass "$threads threads: $count slow readers wait without one";
    is good_clients($httpd, 5), 0, '... others are served';
    my $bad = 0;
    while (my $client = shift @slow) {
        my $answer = eval { $client->answer } // {body => $@};
        $bad++ unless $answer->{body} eq $body;
        my $next = eval { $client->get('/1k.bin') } // {body => $@};
        $bad++ unless $next->{body} eq TestHttpd::pattern(1 << 10);
    }
    is $bad, 0, '... they get every byte, and can go on';
    is waiting($httpd), 0, '... and nobody waits then';
    my $lines = () = $httpd->access_log =~ m{"GET /20m\.bin HTTP/1\.1" 200 \+$}mg;
    is $lines, $count, '... each has its line in the access log';
    unlike $httpd->error_log, qr/:(?:warn|error|crit|alert|emerg)\]|exit signal/, '... and the error log has no complaint';
}
done_testing;
