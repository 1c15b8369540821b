# Clients that disappear at every stage: the server notices, says so in the log, frees its thread and serves on.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use TestHttpd ();
use TlsClient ();

# So few threads, and so long a timeout, that a thread which waits for a client that is gone stops the server.
my $threads = 4;
my $httpd   = TestHttpd->start(<<'END', threads => $threads);
Timeout 600
MaxRequestWorkers 4
<IfModule !mpm_prefork_module>
    ServerLimit 1
</IfModule>
<VirtualHost *:@PORT@>
    SSLEngine on
    @ECDSA@
</VirtualHost>
END
my $port = $httpd->port;

sub hello {    # a client that has sent nothing yet, and its ClientHello
    my $client = TlsClient->new(port => $port, sni => 'localhost', version => $_[0]);
    $client->step;
    return ($client, $client->outgoing);
}

sub connected { return TlsClient->new(port => $port, sni => 'localhost', version => $_[0])->handshake }

# What the client does before it leaves. Log lines: those of a FIN, those of an RST.
my $stopped     = qr/ssl:info.*AH02006: SSL handshake stopped: connection was closed/;
my $interrupted = qr/ssl:debug.*AH02007: SSL handshake interrupted by system \[Hint: Stop button pressed in browser\?!\]/;
my @phases = (
    ['before the ClientHello', sub { my ($client) = hello(@_); $client }],
    ['after one byte of the ClientHello', sub { my ($client, $hello) = hello(@_); $client->send_raw(substr $hello, 0, 1); $client }, $stopped, $interrupted],
    ['inside the ClientHello', sub { my ($client, $hello) = hello(@_); $client->send_raw(substr $hello, 0, 100); $client }, $stopped, $interrupted],
    ['after the ClientHello', sub { my ($client, $hello) = hello(@_); $client->send_raw($hello); $client->receive_raw; $client }, $stopped, $interrupted],
    ['after the handshake', sub { connected(@_) }],
    ['inside the request line', sub { my $client = connected(@_); $client->send('GET /1k'); $client }],
    ['inside the header', sub { my $client = connected(@_); $client->send("GET /1k.bin HTTP/1.1\r\nHost: loc"); $client }],
    ['inside a record', sub { my $client = connected(@_); $client->send_raw(substr $client->encrypt(TlsClient::request_text('GET', '/1k.bin')), 0, 30); $client }],
    ['inside a body', sub { my $client = connected(@_); $client->send(TlsClient::request_text('POST', '/cgi/sha256', 'Content-Length' => 1000) . 'abc'); $client }],
    ['inside a chunk', sub { my $client = connected(@_); $client->send(TlsClient::request_text('POST', '/cgi/sha256', 'Transfer-Encoding' => 'chunked') . "100\r\nabc"); $client }],
    ['before the answer', sub { my $client = connected(@_); $client->send(TlsClient::request_text('GET', '/1m.bin')); $client }],
    ['inside the answer', sub { my $client = connected(@_); $client->send(TlsClient::request_text('GET', '/200m.bin')); $client->receive for 1 .. 3; $client }],
    ['inside the answer of a program', sub { my $client = connected(@_); $client->send(TlsClient::request_text('GET', '/cgi/stream?2000000')); $client->receive for 1 .. 3; $client }],
    ['between two requests', sub { my $client = connected(@_); $client->get('/1k.bin'); $client }],
);

for my $version ('1.2', '1.3') {
    for my $how ('fin', 'reset') {
        for my $phase (@phases) {
            my ($name, $act, $on_fin, $on_reset) = @$phase;
            my $before = length $httpd->error_log;
            for (1 .. $threads + 1) {
                $act->($version)->vanish($how);
            }
            my $answer = connected($version)->get('/1k.bin');
            is $answer->{status}, 200, "TLS $version, $how $name: the server serves on";
            my $line = $how eq 'fin' ? $on_fin : $on_reset;
            next unless $line;
            # What the socket says of a peer that is gone depends on what was written to it.
            $line = qr/$stopped|$interrupted/ if $how eq 'reset';
            $httpd->wait_for(sub { substr($httpd->error_log, $before) =~ $line }, "$line");
            pass "TLS $version, $how $name: the log says so";
        }
    }
}

# Half a body, then the end: the request is refused. A whole request, then the end: it is answered.
for my $version ('1.2', '1.3') {
    for my $with_close_notify (0, 1) {
        my $how    = $with_close_notify ? 'close_notify' : 'FIN alone';
        my $client = connected($version);
        $client->send(TlsClient::request_text('POST', '/cgi/sha256', 'Content-Length' => 1000) . 'abc');
        $client->close_notify if $with_close_notify;
        shutdown $client->socket, 1;
        is $client->answer->{status}, 400, "TLS $version, half a body, $how: 400";

        $client = connected($version);
        $client->send(TlsClient::request_text('GET', '/1k.bin'));
        $client->close_notify if $with_close_notify;
        shutdown $client->socket, 1;
        ok $client->answer->{body} eq TestHttpd::pattern(1 << 10), "TLS $version, a whole request, $how: the answer";
        is $client->receive_all, '', '... and no more';
        ok $client->got_close_notify, '... but close_notify';
        is $client->end, 'fin', '... and an orderly end';
    }
}
done_testing;
