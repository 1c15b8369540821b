# SSLMaxHandshakes: connections beyond the limit are closed in order, before their handshake.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use Stalled ();
use TestHttpd ();
use TlsClient ();

plan skip_all => 'the distribution\'s module has no SSLMaxHandshakes' if TestHttpd::stock();
plan skip_all => 'the limit is one for each process'                  if TestHttpd::mpm() eq 'prefork';

my $httpd = TestHttpd->start(<<'END', threads => 16, log_level => 'info');
AcceptFilter https none
AcceptFilter http none
ServerLimit 1
MaxRequestWorkers 16
SSLMaxHandshakes 6
SSLHandshakeTimeout 600
<VirtualHost *:@PORT@>
    ServerName localhost
    SSLEngine on
    @ECDSA@
</VirtualHost>
END
my $port    = $httpd->port;
my @stalled = map { Stalled::at($_, port => $port) } @Stalled::PLACES[0 .. 5];
$httpd->wait_for(sub { (() = $httpd->error_log =~ /AH01964/g) >= 6 }, 'the connections');
for my $round (1 .. 3) {
    my $client = TlsClient->new(port => $port);
    like $client->handshake_error, qr/server closed \(fin\)/, 'one more is closed in order';
}
my $idle = TlsClient->new(port => $port);
is $idle->receive_raw, 0, '... also one that sends nothing';
is scalar(() = $httpd->error_log =~ /ssl:info.*Connection refused: 6 handshakes are under way already \(SSLMaxHandshakes\)/g), 4, '... and a line says so for each';
is scalar(() = $httpd->error_log =~ /ssl:warn.*SSLMaxHandshakes: this process refuses connections/g), 1, '... and a warning now and then';
is Stalled::count_open(@stalled), 6, 'those who were there first are waited for';
Stalled::go_on($stalled[1]);
is $stalled[1]->get('/1k.bin')->{status}, 200, '... and served';
my $next = TlsClient->new(port => $port)->handshake;
is $next->get('/1k.bin')->{status}, 200, 'and make room for another';
$_->vanish for @stalled[0, 2 .. 5];
$httpd->wait_for(sub { (() = $httpd->error_log =~ /AH02006|AH02007/g) >= 5 }, 'the end of the others');
is scalar(grep { TlsClient->new(port => $port)->handshake->get('/1k.bin')->{status} == 200 } 1 .. 20), 20, 'nobody is refused afterwards';
$httpd->wait_for(sub { (() = $httpd->access_log =~ / 200 /g) == 22 }, 'the lines of all requests');
done_testing;
