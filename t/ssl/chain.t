# Which certificates are sent along with the server's own.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use TestHttpd ();
use TlsClient ();

my $rsa   = "SSLCertificateFile \@CERTS@/localhost-rsa-leaf.pem\nSSLCertificateKeyFile \@CERTS@/localhost-rsa.key";
my $ecdsa = "SSLCertificateFile \@CERTS@/localhost-ecdsa-leaf.pem\nSSLCertificateKeyFile \@CERTS@/localhost-ecdsa.key";
my @table = (
    # directives                                                        certificates: RSA client, ECDSA client
    ["\@RSA@",                                                          2],
    [$rsa,                                                              1],
    ["$rsa\nSSLCertificateChainFile \@CERTS@/intermediate.pem",         2],
    ["\@RSA@\nSSLCertificateChainFile \@CERTS@/intermediate.pem",       2],
    ["$rsa\nSSLCertificateChainFile \@ROOT@/whole.pem",                 3],
    ["\@RSA@\nSSLCertificateChainFile \@CERTS@/localhost-rsa.pem",      2],    # the leaf in it is not sent twice
    ["$rsa\n$ecdsa\nSSLCertificateChainFile \@CERTS@/intermediate.pem", 2, 2],
    ["\@RSA@\n$ecdsa",                                                  2, 1],
    ["\@RSA@\n\@ECDSA@",                                                2, 2],
);
my $config = '';
my $number = 0;
$config .= '<VirtualHost *:@PORT' . ++$number . "@>\nSSLEngine on\n$_->[0]\n</VirtualHost>\n" for @table;
my $httpd = TestHttpd->new($config);
open my $file, '>', "$httpd->{root}/whole.pem" or die "whole.pem: $!";
print {$file} map { TestHttpd::slurp(TestHttpd::certs() . "/$_.pem") } qw(intermediate root);
close $file;
is $httpd->try_start, 'runs', 'the server runs';

$number = 0;
for my $row (@table) {
    my ($directives, @lengths) = @$row;
    my $port = $httpd->port(++$number);
    for my $type (@lengths == 2 ? ('rsa', 'ecdsa') : 'rsa') {
        my $sigalgs = $type eq 'rsa' ? 'RSA-PSS+SHA256:RSA+SHA256:ECDSA+SHA256' : 'ECDSA+SHA256';
        for my $version ('1.2', '1.3') {
            my @cipher = $version eq '1.2' ? (ciphers => "ECDHE-\U$type\E-AES128-GCM-SHA256") : ();
            # Both kinds of signature are offered where the intermediate's must be checked too; the order decides.
            my $client = TlsClient->new(port => $port, version => $version, sigalgs => $sigalgs, @cipher, ca => undef)->handshake;
            is $client->key_type, $type, ($directives =~ s/\n/; /gr) . ", TLS $version: $type";
            is $client->chain_length, $lengths[$type eq 'rsa' ? 0 : 1], '... the number of certificates';
        }
    }
}
done_testing;
