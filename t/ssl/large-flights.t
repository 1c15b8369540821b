# A server's flight that is larger than what httpd buffers, and clients that do not take it: they hold no thread.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use IO::Select ();
use ClientPki ();
use TestHttpd ();
use TlsClient ();

plan skip_all => 'handshakes hold a thread with this module' if TestHttpd::stock();
plan skip_all => 'handshakes hold a thread with this MPM'    if TestHttpd::mpm() ne 'event';

# A chain of 400 certificates, about 180 KB: nobody who knows the root needs those behind the first.
my $chain = TestHttpd::certs() . '/large-flight.pem';
my $pki   = ClientPki->new;
$pki->root('filler');
open my $out, '>', $chain or die "$chain: $!";
print $out TestHttpd::slurp($pki->file('filler')) x 400;
close $out or die "$chain: $!";

my $config = <<"END";
AcceptFilter https none
AsyncRequestWorkerFactor 50
SendBufferSize 8192
SSLHandshakeTimeout \@LIMIT\@
Timeout 600
<VirtualHost *:\@PORT\@>
    ServerName localhost
    SSLEngine on
    \@ECDSA\@
    SSLCertificateChainFile "$chain"
</VirtualHost>
<VirtualHost *:\@PORT2\@>
    ServerName localhost
    SSLEngine on
    \@ECDSA\@
</VirtualHost>
END

# OpenSSL's clients refuse flights of that size, so these only send a ClientHello and take what comes, or do not.
sub greeted {
    my ($httpd, $version) = @_;
    my $client = TlsClient->new(port => $httpd->port, sni => 'localhost', version => $version, receive_buffer => 4096);
    $client->step;
    $client->send_raw($client->outgoing);
    return $client;
}

sub served {
    my ($httpd) = @_;
    my $client = TlsClient->new(port => $httpd->port(2), sni => 'localhost')->handshake;
    return $client->get('/1k.bin')->{body} eq TestHttpd::pattern(1 << 10);
}

# What the server sends until it waits: records, counted by their headers.
sub records {
    my ($bytes) = @_;
    my ($at, $handshake) = (0, 0);
    while ($at + 5 <= length $bytes) {
        $handshake += unpack 'n', substr $bytes, $at + 3, 2;
        $at += 5 + unpack 'n', substr $bytes, $at + 3, 2;
    }
    return ($handshake, $at == length $bytes);
}

{
    my $httpd = TestHttpd->start($config =~ s/\@LIMIT@/600/r, threads => 4, log_level => 'info');
    my @deaf = map { greeted($httpd, $_ % 2 ? '1.2' : '1.3') } 1 .. 8;
    is scalar(grep { served($httpd) } 1 .. 5), 5, 'eight clients that read nothing of a large flight hold none of four threads';

    # Two of them read at last: the flight is whole.
    for my $client (@deaf[0, 1]) {
        my ($taken, $large) = ('', 120_000);
        while (length $taken < $large || !(records($taken))[1]) {
            IO::Select->new($client->socket)->can_read(30) or die length($taken) . ' bytes, and no more come';
            sysread $client->socket, $taken, 65_536, length $taken or die 'the server has ended the connection';
        }
        my ($bytes, $whole) = records($taken);
        ok $whole && $bytes > $large, "... and get all of it when they read: $bytes bytes";
    }
    is scalar(grep { served($httpd) } 1 .. 5), 5, '... and others are served';
    unlike $httpd->error_log, qr/AH02007/, '... and nobody ran out of time';
}
{
    my $httpd = TestHttpd->start($config =~ s/\@LIMIT@/3/r, threads => 4, log_level => 'info');
    my @deaf = map { greeted($httpd, $_ % 2 ? '1.2' : '1.3') } 1 .. 8;
    $httpd->wait_for(sub { (() = $httpd->error_log =~ /ssl:info.*AH02007: SSL handshake timed out after 3/g) == 8 }, 'the end of their time');
    pass 'the time of those who do not read is up, and a line says so for each';
    is scalar(grep { served($httpd) } 1 .. 5), 5, '... and others are served';
}
done_testing;
