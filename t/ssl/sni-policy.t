# SSLVHostSNIPolicy: which requests for another host than that of the handshake are answered (421 if not), by what differs.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use File::Copy qw(copy);
use TestHttpd ();
use TlsClient ();

my $certs = TestHttpd::certs();
copy("$certs/localhost-ecdsa.$_", "$certs/copy.$_") or die "copy.$_: $!" for qw(pem key);
my ($pem, $key) = map { "$certs/localhost-ecdsa.$_" } qw(pem key);
my $pair = "SSLCertificateFile $pem\nSSLCertificateKeyFile $key\n";

# What the second host has besides or, for whole pairs, instead of the first's; how much is the same: nothing that is compared
# differs, the identity does, the authentication does.
my $srp = "$certs/srp";
my @table = (
    # first      second                                                    differs in
    [$pair,      $pair,                                                    ''],
    [$pair,      "$pair SSLHonorCipherOrder on",                           ''],
    [$pair,      "$pair SSLSessionTickets off",                            ''],
    [$pair,      "$pair SSLSessionCacheTimeout 100",                       ''],
    [$pair,      "$pair SSLInsecureRenegotiation on",                      ''],
    [$pair,      "$pair SSLCompression off",                               ''],
    [$pair,      "$pair SSLOptions +StdEnvVars",                           ''],
    [$pair,      "$pair SSLStrictSNIVHostCheck off",                       ''],
    [$pair,      "$pair SSLCertificateChainFile $certs/root.pem",         ''],
    [$pair,      "$pair SSLProtocol all -SSLv3",                           ''],    # the default, spelt out
    [$pair,      "$pair SSLSessionTicketKeyFile $certs/ticket.key",        ''],
    [$pair,      "$pair SSLSRPUnknownUserSeed seed",                       ''],
    [$pair,      "$pair SSLProtocol TLSv1.2 +TLSv1.3",                     'identity'],
    [$pair,      "$pair SSLCipherSuite HIGH",                              'identity'],
    [$pair,      "$pair SSLCipherSuite TLSv1.3 TLS_AES_128_GCM_SHA256",    'identity'],
    ["$pair SSLCipherSuite HIGH", "$pair SSLCipherSuite HIGH",             ''],
    [$pair,      "SSLCertificateFile $certs/beta.pem\nSSLCertificateKeyFile $certs/beta.key", 'identity'],
    [$pair,      "$pair SSLCertificateFile $certs/localhost-rsa.pem\nSSLCertificateKeyFile $certs/localhost-rsa.key", 'identity'],
    ["SSLCertificateFile $certs/localhost-rsa.pem\nSSLCertificateKeyFile $certs/localhost-rsa.key\n$pair",
        "$pair SSLCertificateFile $certs/localhost-rsa.pem\nSSLCertificateKeyFile $certs/localhost-rsa.key", ''],    # in another order
    # A copy of a file is the same file for us; the distribution's module compares names.
    [$pair,      "SSLCertificateFile $certs/copy.pem\nSSLCertificateKeyFile $certs/copy.key", TestHttpd::stock() ? 'identity' : ''],
    [$pair,      "SSLCertificateFile $pem\nSSLCertificateKeyFile $certs/copy.key",            TestHttpd::stock() ? 'identity' : ''],
    [$pair,      "$pair SSLSRPVerifierFile $srp",                          'authentication'],
    ["$pair SSLSRPVerifierFile $srp", "$pair SSLSRPVerifierFile $srp",     ''],
    ["$pair SSLSRPVerifierFile $srp", "$pair SSLSRPVerifierFile $srp-2",   'authentication'],
    [$pair,      "$pair SSLOpenSSLConfCmd Groups P-256",                   'authentication'],
    ["$pair SSLOpenSSLConfCmd Groups P-256", "$pair SSLOpenSSLConfCmd Groups P-256", ''],
    ["$pair SSLOpenSSLConfCmd Groups P-256", "$pair SSLOpenSSLConfCmd Groups P-384", 'authentication'],
    ["$pair SSLOpenSSLConfCmd Groups P-256\nSSLOpenSSLConfCmd MinProtocol TLSv1.2",
        "$pair SSLOpenSSLConfCmd MinProtocol TLSv1.2\nSSLOpenSSLConfCmd Groups P-256", 'authentication'],
    [$pair,      "$pair SSLVerifyClient none",                             ''],    # the default, spelt out
    [$pair,      "$pair SSLVerifyDepth 1",                                 ''],
    [$pair,      "$pair SSLCARevocationCheck none",                        ''],
    [$pair,      "$pair SSLVerifyClient optional",                         'clients'],
    ["$pair SSLVerifyClient optional", "$pair SSLVerifyClient optional",   ''],
    ["$pair SSLVerifyClient optional", "$pair SSLVerifyClient optional_no_ca", 'clients'],
    [$pair,      "$pair SSLVerifyDepth 2",                                 'authentication'],
    [$pair,      "$pair SSLCACertificateFile $certs/root.pem",             'authentication'],
    ["$pair SSLCACertificateFile $certs/root.pem", "$pair SSLCACertificateFile $certs/root.pem", ''],
    [$pair,      "$pair SSLCACertificatePath $certs",                      'authentication'],
    [$pair,      "$pair SSLOCSPEnable off",                                ''],
    [$pair,      "$pair SSLOCSPEnable leaf",                               'authentication'],
    ["$pair SSLOCSPEnable leaf", "$pair SSLOCSPEnable leaf no_ocsp_for_cert_ok", 'authentication'],
    [$pair,      "$pair SSLOCSPOverrideResponder on",                      'authentication'],
    [$pair,      "$pair SSLOCSPDefaultResponder http://127.0.0.1/",        'authentication'],
    [$pair,      "$pair SSLOCSPUseRequestNonce off\nSSLOCSPNoVerify on",   ''],
    [$pair,      "$pair SSLCADNRequestFile $certs/root.pem",               'authentication'],
    [$pair,      "$pair SSLCADNRequestPath $certs",                        'authentication'],
    [$pair,      "$pair SSLCARevocationFile $certs/root.pem",              'authentication'],
    [$pair,      "$pair SSLCARevocationPath $certs",                       'authentication'],
    [$pair,      "$pair SSLCARevocationCheck leaf\nSSLCARevocationPath $certs", 'authentication'],
    ["$pair SSLCARevocationCheck leaf\nSSLCARevocationPath $certs", "$pair SSLCARevocationCheck leaf no_crl_for_cert_ok\nSSLCARevocationPath $certs", 'authentication'],
    [$pair,      "$pair SSLEngine off",                                    'everything'],
);
my %allowed = (
    strict   => {},
    secure   => {map { $_ => 1 } ''},
    authonly => {map { $_ => 1 } '', 'identity'},
    insecure => {map { $_ => 1 } '', qw(identity authentication clients everything)},
);

open my $file, '>:raw', "$certs/ticket.key" or die "ticket.key: $!";
print {$file} TestHttpd::pattern(48);
close $file;
for my $name ($srp, "$srp-2") {
    unlink $name;
    open my $database, '>', $name or die "$name: $!";
    close $database;
    system("openssl srp -add -srpvfile $name -gn 2048 -passout pass:secret user >/dev/null 2>&1") == 0 or die 'openssl srp';
}

for my $policy (qw(strict secure authonly insecure)) {
    my $config = "SSLVHostSNIPolicy $policy\n";
    for my $index (0 .. $#table) {
        my $port = '@PORT' . ($index + 1) . '@';
        my ($first, $second) = map { "SSLEngine on\n$_" } @{$table[$index]}[0, 1];
        $config .= "<VirtualHost *:$port>\nServerName first.example.test\n$first\n</VirtualHost>\n"
            . "<VirtualHost *:$port>\nServerName second.example.test\n$second\n</VirtualHost>\n";
    }
    my $httpd = TestHttpd->start($config);
    for my $index (0 .. $#table) {
        my ($first, $second, $differs) = @{$table[$index]};
        # There clients are asked for a certificate when the request comes, which these can do up to TLS 1.2.
        my @version = $policy eq 'insecure' && $differs eq 'clients' ? (version => '1.2') : ();
        my $status = $allowed{$policy}{$differs} ? 200 : 421;
        my $port   = $httpd->port($index + 1);
        my $what   = join '; ', map { my $text = $_; $text =~ s/\Q$pair\E/the pair,/; $text =~ s/\Q$certs\E\///g; $text =~ s/\n/ /g; $text } $first, $second;
        my ($one, $two) = map { "$_.example.test" } qw(first second);
        subtest "$policy: $what - $status" => sub {
            is(TlsClient->new(@version, ca => undef, port => $port, sni => $one)->handshake->get('/1k.bin', Host => $two)->{status}, $status, 'the first in SNI, the second in Host');
            is(TlsClient->new(@version, ca => undef, port => $port)->handshake->get('/1k.bin', Host => $two)->{status}, $status, 'no SNI, the second in Host');
            is(TlsClient->new(@version, ca => undef, port => $port, sni => $two)->handshake->get('/1k.bin', Host => $one)->{status}, $status, 'the second in SNI, the first in Host');
            is(TlsClient->new(@version, ca => undef, port => $port, sni => $two)->handshake->get('/1k.bin', Host => $two)->{status}, 200, 'the second in both');
            return unless @version && $first !~ /SSLVerifyClient/;
            is(TlsClient->new(version => '1.3', ca => undef, port => $port, sni => $one)->handshake->get('/1k.bin', Host => $two)->{status}, 403, 'TLS 1.3 without post-handshake authentication');
        };
    }
    $httpd->wait_log(qr/ssl:error.*AH02032: Hostname first\.example\.test provided via SNI and hostname second\.example\.test provided via HTTP have no compatible SSL setup for policy '$policy'/)
        unless $policy eq 'insecure';
    unlike $httpd->error_log, qr/AH02032/, 'nothing is refused' if $policy eq 'insecure';
}
done_testing;
