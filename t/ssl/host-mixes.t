# Whatever name a client puts into SNI and into its request: nobody gets into the virtual host that asks for certificates without one, and
# what names there are does not upset the server.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use Socket ();
use TestHttpd ();
use TlsClient ();

# The first host is open; the second asks for a certificate, and nobody has one.
my $hosts = <<'END';
Protocols h2 http/1.1
<VirtualHost *:@PORT@>
    ServerName open.example.test
    ServerAlias *.open.example.test
    SSLEngine on
    @ECDSA@
    Header always set X-Host open
</VirtualHost>
<VirtualHost *:@PORT@>
    ServerName closed.example.test
    ServerAlias *.closed.example.test 127.0.0.1 [::1] xn--bcher-kva.example.test
    SSLEngine on
    @ECDSA@
    SSLVerifyClient require
    SSLCACertificateFile @CERTS@/root.pem
    Header always set X-Host closed
</VirtualHost>
<VirtualHost *:@PORT@>
    ServerName plain.example.test
    Header always set X-Host plain
</VirtualHost>
END

my @sni = (undef, 'open.example.test', 'closed.example.test', 'CLOSED.example.TEST', 'closed.example.test.', 'a.closed.example.test', 'a.open.example.test', '.closed.example.test',
    'plain.example.test', 'nowhere.example.test', '127.0.0.1', '[::1]', '::1', 'closed.example.test:443', "b\xc3\xbccher.example.test", "\xff\xfe", "\e[31m", 'x' x 255);
my @host = (undef, '', 'open.example.test', 'closed.example.test', 'CLOSED.EXAMPLE.TEST', 'closed.example.test.', 'closed.example.test:@PORT@', 'closed.example.test:443', 'closed.example.test:',
    'closed.example.test.:8080', 'a.closed.example.test', '.closed.example.test', '127.0.0.1', '[::1]', '[::1]:443', '[0:0::1]', '::1', 'closed.example.test, open.example.test', 'open.example.test@closed.example.test',
    "closed.example.test\t", ' closed.example.test', "closed.example.test\xff", 'closed%2eexample.test', 'closed.example.test/../open.example.test', 'plain.example.test', 'x' x 300, 'nowhere');

# Lines of requests for HOST.
sub requests {
    my ($host) = @_;
    my $field = defined $host ? "Host: $host\r\n" : '';
    my $name  = $host // 'closed.example.test';
    return ("GET /1.bin HTTP/1.1\r\n$field\r\n", "GET https://$name/1.bin HTTP/1.1\r\nHost: open.example.test\r\n\r\n", "GET /1.bin HTTP/1.0\r\n$field\r\n",
        "GET /1.bin HTTP/1.1\r\nHost: open.example.test\r\nX-Forwarded-Host: $name\r\nX-Forwarded-Server: $name\r\nForwarded: host=$name\r\n\r\n");
}

for my $policy (qw(strict secure authonly insecure)) {
    my $httpd = TestHttpd->start("SSLVHostSNIPolicy $policy\n$hosts");
    my (%by, @inside);
    for my $sni (@sni) {
        for my $host (@host) {
            my $named = defined $host ? $host =~ s/\@PORT@/$httpd->port/er : undef;
            my @request = requests($named);
            splice @request, 1 if !grep { ($_ // '') eq ($sni // '') } undef, 'open.example.test', 'a.open.example.test';
            for my $request (@request) {
                my $client = TlsClient->new(port => $httpd->port, defined $sni ? (sni => $sni) : ());
                next if !eval { $client->handshake; $client->send($request); 1 };
                my $answer = eval { $client->answer('GET') } or next;
                my $by = $answer->{headers}{'x-host'} // 'nobody';
                $by{"$by $answer->{status}"}++;
                push @inside, join ' ', map { $_ // 'none' } $sni, $request if $by eq 'closed' && $answer->{status} == 200;
            }
        }
    }
    is_deeply \@inside, [], "$policy: nobody gets where a certificate is asked for";
    ok $by{'open 200'}, '... while the open host answers: ' . join ', ', map { "$_: $by{$_}" } sort keys %by;

    # HTTP/2: the name is in :authority, and each stream has its own.
    if (TestHttpd::mpm() ne 'prefork') {
        my @served;
        for my $authority (grep { defined && /\A[\x21-\x7e]+\z/ } @host) {
            my $shown = qx(nghttp --no-verify-peer -nv '-H:authority: $authority' https://127.0.0.1:${\ $httpd->port}/1.bin 2>/dev/null);
            push @served, $authority if $shown =~ /:status: 200/ && $shown =~ /x-host: closed/;
        }
        is_deeply \@served, [], '... nor over HTTP/2';
    }
    my $log = $httpd->error_log;
    unlike $log, qr/panic|exit signal/, '... no panic, and no process ended';
    unlike $log, qr/[^\n -~]/, '... the log is plain text';
}
done_testing;
