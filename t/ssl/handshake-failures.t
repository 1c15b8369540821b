# Handshakes that cannot succeed: the alert the client gets, and the log.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use TestHttpd ();
use TlsClient ();

my $httpd = TestHttpd->start(<<'END');
<VirtualHost *:@PORT@>
    ServerName localhost:@PORT@
    SSLEngine on
    @ECDSA@
    SSLProtocol TLSv1.2
</VirtualHost>
<VirtualHost *:@PORT2@>
    SSLEngine on
    @ECDSA@
    SSLProtocol TLSv1.3
</VirtualHost>
<VirtualHost *:@PORT3@>
    SSLEngine on
    @ECDSA@
</VirtualHost>
END
my @table = (
    # what                     port  client                                           alert  library's error
    ['no cipher in common',    1, {version => '1.2', ciphers => 'ECDHE-RSA-AES128-SHA'}, 40, qr/no shared cipher -- Too restrictive SSLCipherSuite or using DSA server certificate\?/],
    ['a version too high',     1, {version => '1.3'},                                 70, qr/unsupported protocol/],
    ['a version too low',      2, {version => '1.2'},                                 70, qr/unsupported protocol/],
    ['a CA the client does not know', 3, {version => '1.2', ca => TestHttpd::certs() . '/beta.pem'}, undef, qr/tlsv1 alert unknown ca \(SSL alert number 48\)/],
);
for my $row (@table) {
    my ($what, $port, $option, $alert, $error) = @$row;
    my $before = length $httpd->error_log;
    my $client = TlsClient->new(port => $httpd->port($port), sni => 'localhost', %$option);
    like $client->handshake_error, qr/handshake failed/, "$what: the handshake fails";
    is(($client->alerts)[-1], $alert, "... with alert $alert") if $alert;
    $client->flush;
    $client->vanish;
    for my $line (qr/ssl:info.*\[client 127\.0\.0\.1:\d+\] AH02008: SSL library error 1 in handshake \(server localhost:\d+\)/,
        qr/ssl:info[^\n]*SSL Library Error: error:0A[0-9A-F]+:SSL routines::$error/,
        qr/ssl:info.*AH01998: Connection closed to child \d+ with abortive shutdown \(server localhost:\d+\)/) {
        $httpd->wait_for(sub { substr($httpd->error_log, $before) =~ $line }, "$line");
        pass '... and the log says so';
    }
}
is $httpd->access_log, '', 'no line in the access log';

# After the handshake: a record that does not decrypt, and text that is no record.
for my $version ('1.2', '1.3') {
    my $port = $httpd->port($version eq '1.2' ? 1 : 2);
    for my $bad (['a damaged record', sub { my $record = $_[0]->encrypt('x' x 50); substr $record, 20, 4, 'oops'; $record }, 20], ['text', sub { "GET / HTTP/1.1\r\n\r\n" }, 70]) {
        my ($what, $make, $alert) = @$bad;
        my $client = TlsClient->new(port => $port, version => $version)->handshake;
        is $client->get('/1k.bin')->{status}, 200, "TLS $version, $what: a request before it";
        $client->send_raw($make->($client));
        is $client->receive_all, '', '... ends the connection';
        is_deeply [$client->alerts], [$alert], "... with alert $alert";
    }
}
$httpd->wait_log(qr/ssl:info.*AH01992: SSL library error 1 reading data/);
is(TlsClient->new(port => $httpd->port)->handshake->get('/1k.bin')->{status}, 200, 'the server serves on');
done_testing;
