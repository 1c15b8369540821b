# Clients that do not finish their handshake: SSLHandshakeTimeout, beside Timeout and mod_reqtimeout's limit.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use TestHttpd ();
use TlsClient ();

plan skip_all => 'the distribution\'s module has no such limit' if TestHttpd::stock();

my $httpd = TestHttpd->start(TestHttpd::load_also('reqtimeout') . <<'END', log_level => 'info');
AcceptFilter https none
AcceptFilter http none
Timeout 50
RequestReadTimeout handshake=0 header=0 body=0
<VirtualHost *:@PORT@>
    ServerName localhost
    SSLEngine on
    SSLHandshakeTimeout 3
    @ECDSA@
</VirtualHost>
<VirtualHost *:@PORT2@>
    SSLEngine on
    SSLHandshakeTimeout 40
    Timeout 1
    @ECDSA@
</VirtualHost>
<VirtualHost *:@PORT3@>
    SSLEngine on
    SSLHandshakeTimeout 40
    RequestReadTimeout handshake=1
    @ECDSA@
</VirtualHost>
<VirtualHost *:@PORT4@>
    SSLEngine on
    SSLHandshakeTimeout 0
    @ECDSA@
</VirtualHost>
END

# Says the whole flight of a client, and sends a part of it.
sub hello { my ($client) = @_; $client->step; return $client->outgoing }

# Sends the ClientHello and receives until the next flight of the client is there, which is not sent.
sub second_flight {
    my ($client) = @_;
    $client->send_raw(hello($client));
    my $flight = '';
    until (length $flight) {
        $client->receive_raw;
        $client->step;
        $flight = $client->outgoing;
    }
    return $flight;
}

# The server ends the connection, and says so in one line.
sub ends {
    my ($client, $before, $line, $what) = @_;
    1 while $client->receive_raw;
    ok $client->{end}, "$what: the server ends it";
    $httpd->wait_for(sub { substr($httpd->error_log, $before) =~ $line }, "$what: $line");
    my @lines = substr($httpd->error_log, $before) =~ /ssl:info.*(AH02007|AH01998|AH02006|AH02008)/g;
    is_deeply \@lines, ['AH02007'], '... and says so in one line';
    return;
}

my @places = (
    ['nothing', undef, sub { }, qr/AH02007: SSL handshake timed out after [\d.]+ s: nothing received/],
    ['one byte', undef, sub { $_[0]->send_raw(substr hello($_[0]), 0, 1) }, qr/timed out .*: 1 bytes of a ClientHello received/],
    ['half a ClientHello', undef, sub { $_[0]->send_raw(substr hello($_[0]), 0, 100) }, qr/timed out .*: 100 bytes of a ClientHello received/],
    ['nothing after ServerHello', '1.2', sub { second_flight($_[0]) }, qr/timed out .*: waiting for the client's next flight \(SSLv3\/TLS write server done, \d+ bytes received\)/],
    ['nothing after the server\'s Finished', '1.3', sub { second_flight($_[0]) }, qr/timed out .*: waiting for the client's next flight \(TLSv1.3 early data, \d+ bytes received\)/],
    ['a part of Finished', '1.3', sub { $_[0]->send_raw(substr second_flight($_[0]), 0, 20) }, qr/timed out .*: waiting for the client's next flight/],
);
for my $place (@places) {
    my ($what, $version, $do, $line) = @$place;
    my $before = length $httpd->error_log;
    my $client = TlsClient->new(port => $httpd->port, sni => 'localhost', $version ? (version => $version) : ());
    $do->($client);
    ends($client, $before, $line, $what);
}

# A byte now and then does not prolong it.
{
    my $before = length $httpd->error_log;
    my $client = TlsClient->new(port => $httpd->port);
    for my $byte (split //, hello($client)) {
        last unless $client->send_raw($byte);
        last if IO::Select->new($client->socket)->can_read(0.2);
    }
    ends($client, $before, qr/timed out .*: \d+ bytes of a ClientHello received/, 'a byte now and then');
}

# The smaller limit wins.
for my $case (['Timeout', 2], ['RequestReadTimeout handshake=', 3]) {
    my ($what, $port) = @$case;
    my $before = length $httpd->error_log;
    my $client = TlsClient->new(port => $httpd->port($port));
    $client->send_raw(substr hello($client), 0, 50);
    ends($client, $before, qr/timed out after [12]?\d\.\d s: 50 bytes/, $what);
    like substr($httpd->error_log, $before), qr/AH01382: Request handshake read timeout/, '... which mod_reqtimeout notices' if $port == 3;
}

# Without a limit a slow one is waited for, and one in time is not held against its deadline afterwards.
for my $port (1, 4) {
    my $client = TlsClient->new(port => $httpd->port($port), sni => 'localhost');
    my $hello = hello($client);
    $client->send_raw(substr $hello, 0, 100);
    select undef, undef, undef, $port == 4 ? 2.5 : 0.2;
    $client->send_raw(substr $hello, 100);
    $client->handshake;
    is $client->get('/1k.bin')->{status}, 200, "port $port: a slow handshake";
    select undef, undef, undef, 3.2;
    is $client->get('/1k.bin')->{status}, 200, '... and a request long after it';
}
done_testing;
