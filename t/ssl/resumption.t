# Who comes back is known again: at every child of every MPM, after graceful restarts, by ids and by tickets. Everybody, each time.
# A thousand of them are in resumption-rates.t.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use TestHttpd ();
use Ticket ();
use TlsClient ();

use constant CLIENTS => 12;

my $ours = !TestHttpd::stock();

sub host { my ($name, $more) = @_; return "<VirtualHost *:\@PORT@>\nServerName $name.example.test:443\nServerAlias $name-alias.example.test\nSSLEngine on\n\@ECDSA@\n" . ($more // '') . "\n</VirtualHost>\n" }

# The processes that answer are in the access log.
sub processes { my ($httpd) = @_; my %seen = map { $_ => 1 } $httpd->access_log('processes') =~ /^(\d+)$/mg; return scalar keys %seen }

sub connect_to {
    my ($httpd, $version, $name, $session) = @_;
    my $client = TlsClient->new(port => $httpd->port, version => $version, sni => "$name.example.test", $session ? (session => Ticket::copy($session)) : ())->handshake;
    $client->get('/1k.bin', Host => "$name.example.test")->{status} == 200 or die 'no answer';
    # Without this mark OpenSSL would throw the session away with the connection.
    Net::SSLeay::set_shutdown($client->{ssl}, 3);
    return $client;
}

# How many of the clients are resumed; they hold their connections, so that others go to other processes.
sub resumed {
    my ($httpd, $version, $name, @sessions) = @_;
    my @clients = map { connect_to($httpd, $version, $name, $_) } @sessions;
    return (scalar(grep { $_->reused } @clients), map { $_->session } @clients);
}

for my $mpm ('event', 'worker', 'prefork') {
    for my $tickets ('on', 'off') {
        my $config = join '', "SSLSessionCache shmcb\nCustomLog logs/processes \"%P\"\n",
            host('first', "SSLSessionTickets $tickets"), host('second', "SSLSessionTickets $tickets"),
            host('third', "SSLSessionTickets $tickets\nSSLCipherSuite ECDHE-ECDSA-AES256-GCM-SHA384");
        my $httpd = TestHttpd->start($config, mpm => $mpm, threads => 8);
        for my $version ('1.2', '1.3') {
            my $what = "$mpm, TLS $version, " . ($tickets eq 'on' ? 'tickets' : $version eq '1.2' ? 'ids' : 'tickets that are ids');
            my ($none, @sessions) = resumed($httpd, $version, 'first', (undef) x CLIENTS);
            is $none, 0, "$what: clients come";
            my ($count, @newer) = resumed($httpd, $version, 'first', @sessions);
            is $count, CLIENTS, '... come back';
            ($count, @newer) = resumed($httpd, $version, 'first', @newer);
            is $count, CLIENTS, '... and again';
            is((resumed($httpd, $version, 'first-alias', @newer))[0], CLIENTS, '... by another name of the host');
            my $there = $ours && $version eq '1.3' ? CLIENTS : 0;
            is((resumed($httpd, $version, 'second', @newer))[0], $there, $there ? '... at another host of equal terms' : '... not at another host, as with the C module');
            is((resumed($httpd, $version, 'third',  @newer))[0], 0, '... nor where other terms are in force');
            if ($ours && $tickets eq 'on') {
                # The cache ends with its configuration; the keys of tickets do not.
                $httpd->graceful;
                ($count, @newer) = resumed($httpd, $version, 'first', @newer);
                is $count, CLIENTS, '... after a graceful restart';
                # Other terms.
                $httpd->configure($config =~ s/(first-alias.*)/$1\nSSLHonorCipherOrder on/r);
                $httpd->graceful;
                is((resumed($httpd, $version, 'first', @newer))[0], CLIENTS, '... after a change of something else');
                $httpd->configure($config =~ s/(first-alias.*)/$1\nSSLCipherSuite ECDHE-ECDSA-AES256-GCM-SHA384/r);
                $httpd->graceful;
                $httpd->wait_for(sub { connect_to($httpd, '1.2', 'first')->cipher eq 'ECDHE-ECDSA-AES256-GCM-SHA384' }, 'the new configuration');
                is((resumed($httpd, $version, 'first', @newer))[0], 0, '... not after a change of terms');
                $httpd->configure($config);
                $httpd->graceful;
            }
        }
        cmp_ok processes($httpd), '>', 1, "$mpm: several processes have answered" if $mpm eq 'prefork';
    }
}
done_testing;
