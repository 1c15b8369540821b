# Where a session may be resumed: at the host it came from and, with TLS 1.3, at others that are the same to clients, in any process, until it
# expires.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use TestHttpd ();
use TlsClient ();

sub host { my ($port, $name, $more) = @_; return "<VirtualHost *:$port>\nServerName $name.example.test\nSSLEngine on\n\@ECDSA@\n$more\n</VirtualHost>\n" }

for my $tickets ('on', 'off') {
    my $more  = "SSLSessionTickets $tickets";
    my $httpd = TestHttpd->start(join '', "SSLSessionCache shmcb\n",
        host('@PORT@', 'first',  $more),
        host('@PORT@', 'second', $more),
        host('@PORT@', 'third',  "$more\nSSLCipherSuite ECDHE-ECDSA-AES256-GCM-SHA384"),
        host('@PORT2@', 'elsewhere', "$more\nSSLSessionCacheTimeout 1"));
    my @table = (
        # from       to          resumed
        ['first',    'first',    1],
        ['second',   'second',   1],
        ['third',    'third',    1],
        [undef,      undef,      1],
        [undef,      'first',    1],    # the first host is the default
        ['first',    undef,      1],
        ['unknown',  'first',    1],
        ['first',    'second',   'kin'],    # their settings are the same
        ['second',   'first',    'kin'],
        ['second',   undef,      'kin'],
        [undef,      'second',   'kin'],
        ['first',    'third',    0],
    );
    for my $version ('1.2', '1.3') {
        for my $row (@table) {
            my ($from, $to, $resumed) = @$row;
            $resumed = $version eq '1.3' && !TestHttpd::stock() ? 1 : 0 if $resumed eq 'kin';
            my ($from_name, $to_name) = map { defined $_ ? "$_.example.test" : undef } $from, $to;
            my $first = TlsClient->new(port => $httpd->port, version => $version, sni => $from_name)->handshake;
            is $first->get('/1k.bin', Host => $from_name // 'first.example.test')->{status}, 200, 'a session' unless ($from // '') eq 'unknown';
            $first->get('/1k.bin', Host => 'first.example.test') if ($from // '') eq 'unknown';
            my $second = TlsClient->new(port => $httpd->port, version => $version, sni => $to_name, session => $first->session)->handshake;
            my $what = "tickets $tickets, TLS $version: from " . ($from // 'no name') . ' to ' . ($to // 'no name');
            is $second->reused, $resumed, $resumed ? "$what: resumed" : "$what: a full handshake, no failure";
            is $second->get('/1k.bin', Host => $to_name // 'first.example.test')->{status}, 200, '... and a request';
        }

        # After its time a session is worth nothing. The wait is longer than the one second that it lives.
        my $first = TlsClient->new(port => $httpd->port(2), version => $version)->handshake;
        $first->get('/1k.bin', Host => 'elsewhere.example.test');
        sleep 3;
        my $second = TlsClient->new(port => $httpd->port(2), version => $version, session => $first->session)->handshake;
        is $second->reused, 0, "tickets $tickets, TLS $version: an expired session is not resumed";
    }
}

# The shared cache, across processes: prefork answers from many.
my $httpd = TestHttpd->start(<<'END', mpm => 'prefork');
SSLSessionCache shmcb
<VirtualHost *:@PORT@>
    ServerName localhost
    SSLEngine on
    SSLSessionTickets off
    @ECDSA@
</VirtualHost>
END
for my $version ('1.2', '1.3') {
    # Connections held open keep their processes busy, so that the following ones reach others.
    my @open = TlsClient->new(port => $httpd->port, version => $version)->handshake;
    $open[0]->get('/1k.bin');
    for my $number (1 .. 4) {
        push @open, TlsClient->new(port => $httpd->port, version => $version, session => $open[-1]->session)->handshake;
        is $open[-1]->reused, 1, "TLS $version: resumed in another process ($number)";
        $open[-1]->get('/1k.bin');
    }
}

# The hint that clients get with a ticket.
$httpd = TestHttpd->start(<<'END');
<VirtualHost *:@PORT@>
    SSLEngine on
    @ECDSA@
    SSLSessionCacheTimeout 77
</VirtualHost>
<VirtualHost *:@PORT2@>
    SSLEngine on
    @ECDSA@
</VirtualHost>
END
for my $row ([1, 77], [2, 300]) {
    my ($port, $seconds) = @$row;
    my $shown = qx(openssl s_client -tls1_2 -connect 127.0.0.1:${\ $httpd->port($port)} </dev/null 2>/dev/null);
    like $shown, qr/TLS session ticket lifetime hint: $seconds \(seconds\)/, "tickets live $seconds seconds";
}
done_testing;
