# Certificates of clients that OCSP responders are asked about.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use POSIX ();
use Responder ();
use TestHttpd ();
use TlsClient ();

my $responder = Responder->start;
my $folder    = $responder->folder;
my $ours      = !TestHttpd::stock();

# A virtual host that asks there about every certificate.
sub asks {
    my ($name, $lines, $path) = @_;
    return vhost($name, "SSLOCSPEnable on\nSSLOCSPOverrideResponder on\nSSLOCSPDefaultResponder ${\ $responder->url($path // $name) }\n" . ($lines // ''));
}

sub vhost {
    my ($name, $lines) = @_;
    return <<"END";
<VirtualHost *:\@PORT@>
    ServerName $name.test
    SSLEngine on
    \@ECDSA@
    SSLVerifyClient require
    SSLCACertificateFile $folder/ca.pem
    $lines
</VirtualHost>
END
}

sub client {
    my ($httpd, $name, $version, %option) = @_;
    my $certificate = $option{certificate} // 'client';
    my $client = TlsClient->new(port => $httpd->port, sni => "$name.test", version => $version, ca => undef, ($option{session} ? (session => $option{session}) : ()));
    Net::SSLeay::use_certificate_file($client->{ssl}, "$folder/$certificate.pem", Net::SSLeay::FILETYPE_PEM());
    Net::SSLeay::use_PrivateKey_file($client->{ssl}, "$folder/$certificate.key", Net::SSLeay::FILETYPE_PEM());
    return $client;
}

# The status of a request, or the alert in its place; 0 without one.
sub outcome {
    my ($httpd, $name, $version, %option) = @_;
    my $client = client($httpd, $name, $version, %option);
    my $answer = eval {
        $client->handshake;
        $client->send(TlsClient::request_text('GET', '/1k.bin', Host => "$name.test"));
        $client->answer;
    };
    return $answer->{status} if $answer;
    return 'alert ' . (($client->alerts)[-1] // 0);
}

my ($revoked, $unclear) = ('alert 44', 'alert 40');
my $bad = sub { my ($text) = @_; return qr/AH01980: bad response from OCSP server: \Q$text\E/ };

# The vhost, its further lines, what comes of it, what is logged, the certificate, where it is asked about.
my @rows = (
    ['good',     '', 200,      qr/ssl:info.*AH03239: OCSP validation completed, certificate status: good \(0, -1\)/],
    ['revoked',  '', $revoked, qr/ssl:error.*AH03239: OCSP validation completed, certificate status: revoked \(1, 1\)/],
    ['unknown',  '', $unclear, qr/ssl:error.*AH03239: OCSP validation completed, certificate status: unknown \(2, -1\)/],
    ['delegate', '', 200,      qr/certificate status: good/],
    ['usurper',  '', $unclear, qr/AH01925: failed to verify the OCSP response/],
    ['stranger', '', $unclear, qr/AH01925: failed to verify the OCSP response/],
    ['trusted',  "SSLOCSPResponderCertificateFile $folder/stranger.pem", 200, qr/certificate status: good/, 'client', 'stranger'],
    ['believed', 'SSLOCSPNoVerify on',         200,      qr/certificate status: good/,                                     'client', 'stranger'],
    ['wrong',    '',                           $unclear, qr/AH01924: Bad OCSP responder answer \(bad nonce\)/],
    ['nononce',  '',                           $unclear, qr/AH01924: Bad OCSP responder answer \(bad nonce\)/,             'client', 'old'],
    ['unasked',  'SSLOCSPUseRequestNonce off', 200,      qr/certificate status: good/,                                     'client', 'old'],
    ['old',      "SSLOCSPUseRequestNonce off\nSSLOCSPResponseTimeSkew 0\nSSLOCSPResponseMaxAge 1", $unclear, qr/AH02273: OCSP response outside validity period/],
    ['other',    'SSLOCSPUseRequestNonce off', $unclear, qr/AH02272: failed to retrieve OCSP response status/],
    ['issuer',   'SSLOCSPUseRequestNonce off', $unclear, qr/AH02272: failed to retrieve OCSP response status|AH01925: failed to verify/],
    ['future',   '',                           $unclear, qr/AH02273: OCSP response outside validity period/],
    ['stale',    '',                           $unclear, qr/AH02273: OCSP response outside validity period/],
    ['ever',     '',                           200,      qr/certificate status: good/, 'client', 'endless2'],
    ['later',    '',                           $unclear, qr/AH01922: OCSP response not successful: 3/],
    ['garbage',  '',                           $unclear, qr/AH01988: failed to decode OCSP response data/],
    ['empty',    '',                           $unclear, qr/AH02321: empty response from OCSP server|AH01988/],
    ['closed',   '',                           $unclear, $bad->('(none)')],
    ['refused',  '',                           $unclear, $bad->('500 Out of order')],
    ['moved',    '',                           $unclear, $bad->('302 Found')],
    ['silent',   'SSLOCSPResponderTimeout 1',  $unclear, $bad->('(none)')],
    ['huge',     '',                           $unclear, qr/AH01986: OCSP response size exceeds \d+ byte limit/],
    ['endless',  '',                           $unclear, qr/AH01982: could not read response headers from OCSP server, exceeded maximum count \(256\)/],
    ['proxied',  "SSLOCSPProxyURL ${\ $responder->url('') }", 200, qr/AH01973: connecting to proxy/, 'client', 'delegate'],
    ($ours ? (
        ['open',    '', 200, qr/certificate status: good/],
        ['chunked', '', 200, qr/certificate status: good/],
        ['bare',    '', 200, qr/certificate status: good/],
        ['short',   '', $unclear, qr/AH01985: error reading response from OCSP server: it ended too early/],
        ['dribble', 'SSLOCSPResponderTimeout 1', $unclear, qr/AH01985: error reading response from OCSP server: it took too long/],
    ) : ()),
);
# These go by what the certificate says: name, lines, outcome, log, certificate.
my @own = (
    ['named',    'SSLOCSPEnable leaf',                       200,      qr/certificate status: good/,                                                      'client'],
    ['default',  "SSLOCSPEnable on\nSSLOCSPDefaultResponder ${\ $responder->url('revoked') }", 200, qr/certificate status: good/,                        'client'],
    ['fallback', "SSLOCSPEnable on\nSSLOCSPDefaultResponder ${\ $responder->url('revoked') }", $revoked, qr/certificate status: revoked/,                 'plain'],
    ['nobody',   'SSLOCSPEnable on',                         $unclear, qr/AH01918: no OCSP responder specified in certificate and no default configured/, 'plain'],
    ['lenient',  'SSLOCSPEnable on no_ocsp_for_cert_ok',     200,      undef,                                                                             'plain'],
    ['https',    'SSLOCSPEnable on',                         $unclear, qr{AH01920: cannot handle OCSP responder URI 'https://127.0.0.1:1/'},              'strange'],
    ['badurl',   'SSLOCSPEnable on',                         $unclear, qr{AH01919: failed to parse OCSP responder URI 'http://127.0.0.1:x/'},             'broken'],
    ['lenient2', 'SSLOCSPEnable on no_ocsp_for_cert_ok',     200,      qr{AH01920: cannot handle OCSP responder URI},                                     'strange'],
    ['dead',     "SSLOCSPEnable on\nSSLOCSPOverrideResponder on\nSSLOCSPDefaultResponder http://127.0.0.1:\@PORT3\@/", $unclear, qr/AH01974: could not connect to OCSP responder/, 'client'],
    ['byname',   "SSLOCSPEnable on\nSSLOCSPOverrideResponder on\nSSLOCSPDefaultResponder http://localhost:${\ $responder->port }/good", 200, qr/certificate status: good/, 'client'],
    ['off',      'SSLOCSPEnable off',                        200,      undef,                                                                             'client'],
    ['generous', "SSLOCSPEnable on\nSSLVerifyClient optional_no_ca", $unclear, qr/AH02038: cannot perform OCSP validation for cert if issuer has not been verified/, 'stranger'],
);
# Somebody has that port, but does not listen.
my $config = join '', map({ asks($_->[0], $_->[1], $_->[5]) } @rows), map({ vhost(@$_) } @own);
$config =~ s/\@PORT3\@/TestHttpd::free_port()/ge;
my $httpd = TestHttpd->start($config);
# What is older than a second then is too old.
$httpd->wait_for(sub { time > $responder->made + 2 }, 'an old response');

for my $row (@rows, @own) {
    my ($name, undef, $expected, $log, $certificate) = @$row;
    for my $version ('1.2', '1.3') {
        my $before = length $httpd->error_log;
        is outcome($httpd, $name, $version, certificate => $certificate // 'client'), $expected, "$name, TLS $version";
        # An answer that is kept is not asked for again.
        next unless $log && $version eq '1.2';
        ok $httpd->wait_for(sub { substr($httpd->error_log, $before) =~ $log }, "$log"), '... what is logged';
    }
}
like TestHttpd::slurp("$folder/head-delegate"), qr{^POST http://127\.0\.0\.1:\d+/delegate HTTP/1\.0\r\nHost: 127\.0\.0\.1:\d+\r\nContent-Type: application/ocsp-request\r\nConnection: close\r\nContent-Length: \d+$},
    'a request by way of a proxy';
like $httpd->error_log, qr/AH02276: Certificate Verification: Error \(23\): certificate revoked/, 'the verification says why';
like $httpd->error_log, qr/AH02276: Certificate Verification: Error \(50\): application verification failure/, '... or that nothing is known';

is $responder->count('endless2'), 2, 'one that does not say how long it holds is not kept';
is $responder->count('unknown'), 1, 'an answer is kept, whatever it says' if $ours;
undef $httpd;

# Handshakes at the same time wait for one answer, and get it.
SKIP: {
    skip 'a question for each connection', 7 unless $ours;
    skip 'two processes can ask at the same time', 7 if TestHttpd::mpm() eq 'prefork';
    $httpd = TestHttpd->start(asks('gate'));
    my @pipes = map {
        defined(my $pid = open my $pipe, '-|') or die "fork: $!";
        if (!$pid) {
            syswrite STDOUT, outcome($httpd, 'gate', '1.2');
            POSIX::_exit(0);
        }
        $pipe;
    } 1 .. 6;
    $httpd->wait_for(sub { $responder->count('gate') }, 'the question');
    $httpd->wait_for(sub { 6 == (() = $httpd->error_log =~ /AH01964: Connection to child/g) }, 'all connections');
    $responder->write_file('gate-open', '');
    is scalar <$_>, 200, 'one of several handshakes' for @pipes;
    is $responder->count('gate'), 1, 'one question';
}
done_testing;
