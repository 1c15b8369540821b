# The three ways to end a connection, as seen on the wire.
use strict;
use warnings FATAL => 'all';
use Socket qw(IPPROTO_TCP);
use Test::More;
use lib 'lib', 't/lib';
use TestHttpd ();
use TlsClient ();

use constant TCP_INFO => 11;

my $httpd = TestHttpd->start(<<'END');
MaxKeepAliveRequests 3
SetEnvIf Request_URI "^/.*" plain-variable
SetEnvIf User-Agent "^unclean"  ssl-unclean-shutdown
SetEnvIf User-Agent "^accurate" ssl-accurate-shutdown
SetEnvIf User-Agent "^other"    ssl-something
SetEnvIf User-Agent "^nokeep"   nokeepalive
<VirtualHost *:@PORT@>
    SSLEngine on
    @ECDSA@
</VirtualHost>
<VirtualHost *:@PORT2@>
    SSLEngine on
    @ECDSA@
    KeepAliveTimeout 1
</VirtualHost>
END

my @table = (
    # User-Agent   close_notify   log
    ['standard',   1, qr/ssl:debug.*AH02001: Connection closed to child \d+ with standard shutdown \(server /],
    ['unclean',    0, qr/ssl:debug.*AH01999: Connection closed to child \d+ with unclean shutdown \(server /],
    ['accurate',   1, qr/ssl:debug.*AH02000: Connection closed to child \d+ with accurate shutdown \(server /],
    ['other',      1, qr/AH02001/],
    ['nokeep',     1, qr/AH02001/],
);
# The segments with data that a client has received (tcpi_data_segs_in of Linux' TCP_INFO).
sub segments {
    my ($client) = @_;
    my $info = getsockopt $client->socket, IPPROTO_TCP, TCP_INFO or die "TCP_INFO: $!";
    return unpack 'x152 L', $info;
}

for my $version ('1.2', '1.3') {
    for my $row (@table) {
        my ($agent, $close_notify, $log) = @$row;
        my $before = length $httpd->error_log;
        my $client = TlsClient->new(port => $httpd->port, version => $version)->handshake;
        my $answer = $client->get('/1k.bin', Connection => 'close', 'User-Agent' => $agent);
        is $answer->{status}, 200, "TLS $version, $agent: the answer";
        if ($agent eq 'accurate') {
            # The server waits for the client's close_notify, at most two seconds, before it ends the stream.
            is $client->receive, '', '... then close_notify';
            $client->close_notify;
        }
        is $client->receive_all, '', '... nothing more';
        is $client->got_close_notify, $close_notify, $close_notify ? '... close_notify' : '... no close_notify';
        is $client->end, 'fin', '... an orderly end of the stream';
        is_deeply [grep { $_ } $client->alerts], [], '... no other alert';
        $httpd->wait_for(sub { substr($httpd->error_log, $before) =~ $log }, "$log");
    }

    # What ends a connection leaves in one segment: the response, close_notify and the FIN. One more held the handshake;
    # TLS 1.3 has the tickets in the last one. The distribution's module writes each on its own.
    SKIP: {
        skip 'the distribution writes piece by piece', 2 if TestHttpd::stock();
        my $client = TlsClient->new(port => $httpd->port, version => $version)->handshake;
        my $before = segments($client);
        $client->get('/1k.bin', Connection => 'close');
        $client->receive_all;
        is segments($client) - $before, 1, "TLS $version: the end in one segment";
        is $client->got_close_notify, 1, '... with close_notify in it';
    }

    # The type is that of the first request, and stays.
    my $client = TlsClient->new(port => $httpd->port, version => $version)->handshake;
    $client->get('/1k.bin', 'User-Agent' => 'unclean');
    $client->get('/1k.bin', 'User-Agent' => 'standard', Connection => 'close');
    $client->receive_all;
    is $client->got_close_notify, 0, "TLS $version: the first request decides";

    # Other reasons to end a connection: the last request allowed, and the timeout.
    $client = TlsClient->new(port => $httpd->port, version => $version)->handshake;
    is $client->get('/1k.bin')->{headers}{connection}, $_ == 4 ? 'close' : undef, "TLS $version: request $_ of one more than three" for 1 .. 4;
    is $client->receive_all, '', '... until the last request allowed';
    is $client->got_close_notify, 1, '... with close_notify';
    $client = TlsClient->new(port => $httpd->port(2), version => $version)->handshake;
    $client->get('/1k.bin');
    is $client->receive_all, '', "TLS $version: the keep-alive timeout ends it";
    is $client->got_close_notify, 1, '... with close_notify';

    # The client closes first: the server answers with close_notify and ends.
    $client = TlsClient->new(port => $httpd->port, version => $version)->handshake;
    $client->get('/1k.bin');
    $client->close_notify;
    is $client->receive_all, '', "TLS $version: the client's close_notify ends it";
    is $client->got_close_notify, 1, '... with close_notify';
    is $client->end, 'fin', '... an orderly end of the stream';
}
done_testing;
