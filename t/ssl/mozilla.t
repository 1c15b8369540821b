# The lines of Mozilla's configuration generator for Apache, unchanged, and what is negotiated with them.
#
# Guideline 5.7 (2023) is the last with three profiles; its lines come in two forms, older and newer ones of the
# generator. Guideline 6.0 has no "old" profile. The lines are those for OpenSSL 3.0 (from 3.5 on, the generator puts
# X25519MLKEM768 in front of the curves of 6.0). Certificates of this test name no responder: what is stapled is a matter
# of stapling.t.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use TestHttpd ();
use TlsClient ();

my $stapling = <<'END';

SSLUseStapling On
SSLStaplingCache "shmcb:logs/ssl_stapling(32768)"
END

my $curves       = "SSLOpenSSLConfCmd       Curves X25519:prime256v1:secp384r1\n";
my $ecdhe_aead   = 'ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305';
my $intermediate = "$ecdhe_aead:DHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES256-GCM-SHA384:DHE-RSA-CHACHA20-POLY1305";
my $old          = "\@SECLEVEL=0:$intermediate:ECDHE-ECDSA-AES128-SHA256:ECDHE-RSA-AES128-SHA256:ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA:ECDHE-ECDSA-AES256-SHA384:ECDHE-RSA-AES256-SHA384:ECDHE-ECDSA-AES256-SHA:ECDHE-RSA-AES256-SHA:DHE-RSA-AES128-SHA256:DHE-RSA-AES256-SHA256:AES128-GCM-SHA256:AES256-GCM-SHA384:AES128-SHA256:AES256-SHA256:AES128-SHA:AES256-SHA:DES-CBC3-SHA";
my $tls13        = "SSLCipherSuite          TLSv1.3 TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256\n";

my %profile = (
    'modern 5.7' => "SSLProtocol             -all +TLSv1.3\n${curves}SSLHonorCipherOrder     off\nSSLSessionTickets       off\n",
    'modern 5.7, older form' => "SSLProtocol             all -SSLv3 -TLSv1 -TLSv1.1 -TLSv1.2\nSSLHonorCipherOrder     off\nSSLSessionTickets       off\n",
    'modern 6.0' => "SSLProtocol             -all +TLSv1.3\n${curves}${tls13}SSLHonorCipherOrder     off\nSSLSessionTickets       off\n",
    'intermediate 5.7' => "SSLProtocol             -all +TLSv1.2 +TLSv1.3\n${curves}SSLCipherSuite          $intermediate\nSSLHonorCipherOrder     off\nSSLSessionTickets       off\n",
    'intermediate 5.7, older form' => "SSLProtocol             all -SSLv3 -TLSv1 -TLSv1.1\nSSLCipherSuite          $intermediate\nSSLHonorCipherOrder     off\nSSLSessionTickets       off\n",
    'intermediate 6.0' => "SSLProtocol             -all +TLSv1.2 +TLSv1.3\n${curves}SSLCipherSuite          $ecdhe_aead\n${tls13}SSLHonorCipherOrder     off\nSSLSessionTickets       off\n",
    'old 5.7' => "SSLProtocol             -all +TLSv1 +TLSv1.1 +TLSv1.2 +TLSv1.3\n${curves}SSLCipherSuite          $old\nSSLHonorCipherOrder     on\nSSLSessionTickets       off\n",
    'old 5.7, older form' => "SSLProtocol             all -SSLv3\nSSLCipherSuite          $old\nSSLHonorCipherOrder     on\nSSLSessionTickets       off\n",
);
my %versions = (modern => ['1.3'], intermediate => ['1.2', '1.3'], old => ['1.0', '1.1', '1.2', '1.3']);

# What a client gets: version, cipher; '' when the handshake fails.
my $port;

sub negotiated {
    my (%option) = @_;
    my $client = TlsClient->new(port => $port, sni => 'localhost', %option);
    return '' if $client->handshake_error;
    my $answer = $client->get('/1k.bin');
    return $answer->{status} == 200 ? $client->cipher : "status $answer->{status}";
}

# The group of the key exchange that `openssl s_client` got, with this list of its own.
sub group {
    my ($version, $groups) = @_;
    my $said = qx(openssl s_client -connect 127.0.0.1:$port -servername localhost -$version -groups $groups </dev/null 2>&1);
    return $said =~ /^Server Temp Key: (\w+)/m ? $1 : $said =~ /^Peer Temp Key: (\w+)/m ? $1 : '';
}

for my $name (sort keys %profile) {
    my ($level, $guideline) = $name =~ /^(\w+) ([\d.]+)/;
    my $httpd = TestHttpd->start(<<"END");
Protocols h2 http/1.1
<VirtualHost *:\@PORT@>
    ServerName localhost
    SSLEngine on
    \@ECDSA@
    \@RSA@
</VirtualHost>

# $level configuration
$profile{$name}$stapling
END
    $port = $httpd->port;
    subtest $name => sub {
        is_deeply [grep { negotiated(version => $_) } '1.0', '1.1', '1.2', '1.3'], $versions{$level}, "versions: @{$versions{$level}}";
        # TLS 1.3: any of the three suites, the client's choice unless the server's order counts.
        for my $suite (qw(TLS_AES_128_GCM_SHA256 TLS_AES_256_GCM_SHA384 TLS_CHACHA20_POLY1305_SHA256)) {
            my $said = qx(openssl s_client -connect 127.0.0.1:$port -servername localhost -tls1_3 -ciphersuites $suite </dev/null 2>&1);
            like $said, qr/^New, TLSv1\.3, Cipher is \Q$suite\E$/m, $suite;
        }
        if ($name !~ /older form/) {
            is group('tls1_3', 'X25519:P-256'), 'X25519', 'X25519';
            isnt group('tls1_3', 'P-384'), '', 'P-384';
            is group('tls1_3', 'P-521'), '', 'not P-521';
        }
        my $client = TlsClient->new(port => $port, sni => 'localhost', version => '1.3')->handshake;
        $client->get('/1k.bin');
        # Where there is a cache, a ticket is a reference to it; here there is none.
        is scalar($client->sessions), TestHttpd::stock() ? 2 : 0, 'no tickets that can be resumed';
        if ($level ne 'modern') {
            is negotiated(version => '1.2', ciphers => $_), $_, $_ for split /:/, $ecdhe_aead;
            # Finite-field groups come from the library.
            for my $suite (qw(DHE-RSA-AES128-GCM-SHA256 DHE-RSA-CHACHA20-POLY1305)) {
                is negotiated(version => '1.2', ciphers => $suite), $guideline eq '6.0' ? '' : $suite, $guideline eq '6.0' ? "not $suite" : $suite;
            }
            my $weak = 'AES128-SHA:AES128-GCM-SHA256:ECDHE-RSA-AES128-SHA';
            is negotiated(version => '1.2', ciphers => $weak), $level eq 'old' ? 'ECDHE-RSA-AES128-SHA' : '', 'CBC, and key exchange by RSA';
            my ($first, $second) = qw(ECDHE-ECDSA-CHACHA20-POLY1305 ECDHE-ECDSA-AES128-GCM-SHA256);
            is negotiated(version => '1.2', ciphers => "$first:$second"), $level eq 'old' ? $second : $first, $level eq 'old' ? 'the order of the server' : 'the order of the client';
            my $said = qx(openssl s_client -connect 127.0.0.1:$port -servername localhost -tls1_2 </dev/null 2>&1);
            like $said, qr/^New, TLSv1\.2, /m, 'TLS 1.2 by another client';
            unlike $said, qr/TLS session ticket:/, '... gets no ticket';
        }
        if ($level eq 'old') {
            is negotiated(version => '1.0', ciphers => 'AES256-SHA:@SECLEVEL=0'), 'AES256-SHA', 'TLS 1.0 with AES256-SHA';
            is negotiated(version => '1.1', ciphers => 'ECDHE-RSA-AES128-SHA:@SECLEVEL=0'), 'ECDHE-RSA-AES128-SHA', 'TLS 1.1 with ECDHE-RSA-AES128-SHA';
        }
        is(TlsClient->new(port => $port, sni => 'localhost', alpn => ['h2', 'http/1.1'])->handshake->alpn, 'h2', 'HTTP/2') unless TestHttpd::mpm() eq 'prefork';
    };
    $httpd->stop;
}
# The lines that guideline 6.0 has for OpenSSL 3.5 and newer: a curve that the library does not know stops the start.
my $library = qx(openssl list -kem-algorithms 2>/dev/null);
SKIP: {
    skip 'this library knows the curve', 2 if $library =~ /X25519MLKEM768/i;
    my $httpd = TestHttpd->new(<<'END');
<VirtualHost *:@PORT@>
    SSLEngine on
    @ECDSA@
</VirtualHost>
SSLOpenSSLConfCmd       Curves X25519MLKEM768:X25519:prime256v1:secp384r1
END
    is $httpd->try_start, 'exit 1', 'a curve that the library does not know';
    like $httpd->output . $httpd->error_log, qr/AH02407|AH02408|SSLOpenSSLConfCmd/, '... and one is told';
}
done_testing;
