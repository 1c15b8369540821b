# Handshakes over a network that hands out bytes one by one, has nothing now and then, or fails at any of its reads: what
# comes of it is the same with and without a thread.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use TestHttpd ();
use TlsClient ();

plan skip_all => 'the distribution\'s module has no SSLAsyncHandshake' if TestHttpd::stock();

my @ways = TestHttpd::mpm() eq 'event' ? ('on', 'off') : ('off');
my @soft = ('short', 'again', 'empty');
my @hard = map { my $kind = $_; map { "$kind $_" } 1, 2, 3, 6, 40, 200, 600 } qw(reset timeup eof error);
my %port;
my $config = 'LoadModule faulty_module ' . TestHttpd::root() . "/modules/faulty.so\nSSLHandshakeTimeout 600\nTimeout 600\n";
for my $way (@ways) {
    for my $what (@soft, @hard) {
        $port{$way}{$what} = 1 + map { values %$_ } values %port;
        $config .= "<VirtualHost *:\@PORT$port{$way}{$what}@>\nSSLEngine on\n\@ECDSA@\nSSLAsyncHandshake $way\nFaulty $what\n</VirtualHost>\n";
    }
}
my $httpd = TestHttpd->start($config, log_level => 'info');

for my $way (@ways) {
    for my $what (@soft) {
        for my $version ('1.2', '1.3') {
            my $before = length $httpd->error_log;
            my $client = TlsClient->new(port => $httpd->port($port{$way}{$what}), version => $version)->handshake;
            is $client->get('/1k.bin')->{status}, 200, "$way, $what, TLS $version: a request";
            is $client->get('/1k.bin')->{status}, 200, '... and another';
            like substr($httpd->error_log, $before), qr/FAULTY does not wait/, '... without a thread' if $way eq 'on';
        }
    }
}

# What the client sees, and what the log says, without what differs from run to run.
sub outcome {
    my ($way, $what) = @_;
    my $before = length $httpd->error_log;
    my $client = TlsClient->new(port => $httpd->port($port{$way}{$what}), version => '1.2');
    my $seen   = $client->handshake_error;
    $seen ||= eval { $client->get('/1k.bin')->{status} } // $@;
    $client->vanish;
    my ($peer) = substr($httpd->error_log, $before) =~ /\[client (127\.0\.0\.1:\d+)\] AH01964/ or return "$seen: no line";
    $httpd->wait_for(sub { substr($httpd->error_log, $before) =~ /\Q$peer\E\] AH0(1998|2007)/ }, 'the end') if $seen =~ /handshake failed/;
    my @lines = map { s/after [\d.]+ s/after N s/r =~ s/child \d+/child N/r =~ s/localhost:\d+/localhost/r =~ s/ at [^\n]* line.*//r }
        substr($httpd->error_log, $before) =~ /\Q$peer\E\] (AH0(?:19|20)\d\d.*)/g;
    return join "\n", $seen =~ s/\(fin\)|\(reset\)/(end)/r, @lines;
}

my %seen;
for my $what (@hard) {
    my %outcome = map { $_ => outcome($_, $what) } @ways;
    is $outcome{on}, $outcome{off}, "$what: the same with and without a thread" if @ways == 2;
    $seen{$outcome{off} =~ /handshake failed/ ? 'failed' : 'served'}++;
}
ok $seen{failed} && $seen{served}, 'some handshakes failed, some did not';
done_testing;
