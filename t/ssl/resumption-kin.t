# Sessions at other virtual hosts: with TLS 1.3 those of equal terms and equal certificates resume each other's, and nobody else does.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use Cache ();
use ClientPki ();
use TestHttpd ();
use Ticket ();
use TlsClient ();

plan skip_all => 'not there: ' . Cache::missing() if Cache::missing();

my $ours = !TestHttpd::stock();
my $pki  = ClientPki->new;
$pki->issue('alice', by => $pki->root('root') && 'root');
my %client = (cert => $pki->file('alice'), key => $pki->key('alice'));

# Two hosts of each kind, and what they say of themselves.
my $asks  = 'SSLVerifyClient optional' . "\nSSLCACertificateFile " . $pki->root('root');
my %kinds = (
    plain    => '@ECDSA@',
    cipher   => "\@ECDSA\@\nSSLCipherSuite ECDHE-ECDSA-AES256-GCM-SHA384",
    suite    => "\@ECDSA\@\nSSLCipherSuite TLSv1.3 TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256",
    version  => "\@ECDSA\@\nSSLProtocol -all +TLSv1.2 +TLSv1.3",
    command  => "\@ECDSA\@\nSSLOpenSSLConfCmd Options ServerPreference",
    another  => '@RSA@',
    both     => "\@ECDSA\@\n\@RSA\@",
    asks     => "\@ECDSA\@\n$asks",
    commands => "\@ECDSA\@\n$asks\nSSLOpenSSLConfCmd VerifyMode Request",
);
# Ours know each other's sessions where the hosts are of these kinds.
my %kin = map { $_ => 1 } qw(plain cipher suite version command another both);

sub config {
    my ($tickets, $cache) = @_;
    my $hosts = join '', map {
        my $kind = $_;
        map { "<VirtualHost *:\@PORT@>\nServerName $kind$_.example.test:443\nServerAlias $kind$_-alias.example.test\nSSLEngine on\nSSLSessionTickets $tickets\n$kinds{$kind}\n</VirtualHost>\n" } 1, 2;
    } sort keys %kinds;
    return TestHttpd::load_also('socache_redis') . "SSLSessionCache $cache\n" . <<'END' . $hosts;
SSLVHostSNIPolicy strict
Header always set X-SNI "%{SSL_TLS_SNI}s"
Header always set X-Resumed "%{SSL_SESSION_RESUMED}s"
Header always set X-Client "%{SSL_CLIENT_S_DN_CN}s"
END
}

sub connect_to {
    my ($httpd, $version, $name, $session, %more) = @_;
    my $client = TlsClient->new(port => $httpd->port, version => $version, sni => "$name.example.test", $session ? (session => Ticket::copy($session)) : (), %more)->handshake;
    my $answer = $client->get('/1k.bin', Host => "$name.example.test");
    $answer->{status} == 200 or die "status $answer->{status}";
    $answer->{headers}{'x-resumed'} eq ($client->reused ? 'Resumed' : 'Initial') or die 'the two sides do not agree';
    $client->{answer} = $answer;
    # Without this mark OpenSSL would throw the session away with the connection.
    Net::SSLeay::set_shutdown($client->{ssl}, 3);
    return $client;
}

# The answer to another request on a connection that has had one.
sub again {
    my ($client, $host) = @_;
    Net::SSLeay::set_shutdown($client->{ssl}, 0);
    return $client->get('/1k.bin', Host => $host)->{status};
}

for my $tickets ('on', 'off') {
    my $httpd = TestHttpd->start(config($tickets, 'shmcb:@ROOT@/cache(4000000)'));
    for my $version ('1.2', '1.3') {
        my $what = "TLS $version, SSLSessionTickets $tickets";
        for my $from (sort keys %kinds) {
            my $session = connect_to($httpd, $version, "${from}1")->session;
            is connect_to($httpd, $version, "${from}1", $session)->reused, 1, "$what: from ${from}1 to itself";
            my @known = grep { connect_to($httpd, $version, "${_}2", $session)->reused } sort keys %kinds;
            my @wanted = $ours && $version eq '1.3' && $kin{$from} ? $from : ();
            is "@known", "@wanted", '... to the second of ' . (@wanted ? 'these' : 'none');
        }
    }
    next unless $ours;

    # What comes of it belongs to where it was made: there, and by all ways from there.
    my $session = connect_to($httpd, '1.3', 'plain1')->session;
    my $second  = connect_to($httpd, '1.3', 'plain2-alias', $session);
    is $second->reused, 1, "SSLSessionTickets $tickets: resumed at another host";
    is $second->{answer}{headers}{'x-sni'}, 'plain2-alias.example.test', '... whose name is the one of this handshake';
    is again($second, 'plain2.example.test'), 200, '... and which serves its requests';
    my $misdirected = connect_to($httpd, '1.3', 'plain2', $session);
    is again($misdirected, 'cipher1.example.test'), 421, '... not those of hosts with other terms';
    is connect_to($httpd, '1.3', 'plain1', $second->session)->reused, 1, '... and from there back';
    is connect_to($httpd, '1.3', 'cipher1', $second->session)->reused, 0, '... but not on to others';

    # Who has shown a certificate has shown it to one host.
    $session = connect_to($httpd, '1.3', 'asks1', undef, %client)->session;
    is connect_to($httpd, '1.3', 'asks1', $session)->{answer}{headers}{'x-client'}, 'alice', 'a certificate is known again where it was shown';
    for my $name ('asks2', 'plain1', 'plain2') {
        my $other = connect_to($httpd, '1.3', $name, $session);
        is $other->reused, 0, "... not at $name";
        unlike $other->{answer}{headers}{'x-client'}, qr/alice/, '... where nobody is let in by it';
    }
}

# Sessions that the distribution's module has left in a shared cache say nothing of the terms that they were made under.
if ($ours) {
    my $cache = Cache->start('redis');
    my $stock = TestHttpd->start(config('off', $cache->argument), modules => TestHttpd::load_modules(undef, TestHttpd::apxs('LIBEXECDIR') . '/mod_ssl.so'));
    my $httpd = TestHttpd->start(config('off', $cache->argument));
    my $session = connect_to($stock, '1.3', 'plain1')->session;
    is connect_to($httpd, '1.3', 'plain1', $session)->reused, 1, 'a session of the distribution\'s module';
    is connect_to($httpd, '1.3', 'plain2', $session)->reused, 0, '... is for its host';
    $session = connect_to($httpd, '1.3', 'plain1')->session;
    is connect_to($stock, '1.3', 'plain1', $session)->reused, 1, 'one of ours there';
    is connect_to($stock, '1.3', 'plain2', $session)->reused, 0, '... too';
}
done_testing;
