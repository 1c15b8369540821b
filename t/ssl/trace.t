# What the log shows of transfers and of the handshake, at the levels for that.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use TestHttpd ();
use TlsClient ();

sub log_of {
    my ($level) = @_;
    my $httpd = TestHttpd->start("LogLevel ssl:$level\n" . <<'END');
<VirtualHost *:@PORT@>
    SSLEngine on
    @ECDSA@
</VirtualHost>
END
    my $client = TlsClient->new(port => $httpd->port)->handshake;
    is $client->get('/1k.bin')->{status}, 200, "a request at $level";
    $client->close_notify;
    $client->receive_all;
    return $httpd->error_log;
}

my $log = log_of('trace7');
like $log, qr{\[ssl:trace3\].*\[client [^\]]+\] .*OpenSSL: Handshake: start}, 'trace3: the handshake';
like $log, qr{OpenSSL: write (\d+)/\1 bytes to BIO#[0-9a-f]+ \[mem: [0-9a-f]+\] \(BIO dump follows\)}, 'trace4: a transfer';
like $log, qr{\| 0000: 16 03 0}, 'trace7: its bytes';
SKIP: {
    skip 'the distribution calls every transfer a write', 1 if TestHttpd::stock();
    like $log, qr{OpenSSL: read \d+/\d+ bytes from BIO#}, 'trace4: the other direction';
}
unlike log_of('trace3'), qr/OpenSSL: write/, 'below trace4 there are no transfers';
done_testing;
