# A client that sends the beginning of a line and falls silent is waited for once, not once more for what it has sent.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use TestHttpd ();
use TlsClient ();

# mod_reqtimeout has a line in the log for each read that its limit ends.
my $httpd = TestHttpd->start(TestHttpd::load_also('reqtimeout') . <<'END', log_level => 'info');
Timeout 50
RequestReadTimeout handshake=0 header=1 body=0
<VirtualHost *:@PORT@>
    ServerName localhost
    SSLEngine on
    @ECDSA@
</VirtualHost>
END
for my $version ('1.2', '1.3') {
    my $before = () = $httpd->error_log =~ /AH01382/g;
    my $client = TlsClient->new(port => $httpd->port, version => $version)->handshake;
    $client->send("GET / HTTP/1.1\r\nHo");
    is $client->answer->{status}, 408, "TLS $version: the answer";
    $client->receive_all;
    is +(() = $httpd->error_log =~ /AH01382/g) - $before, 1, '... after one wait';
}
done_testing;
