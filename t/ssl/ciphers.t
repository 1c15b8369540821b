# SSLCipherSuite and SSLHonorCipherOrder: which suite is chosen.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use TestHttpd ();
use TlsClient ();

my ($a, $b, $c) = qw(ECDHE-RSA-AES128-GCM-SHA256 ECDHE-RSA-AES256-GCM-SHA384 ECDHE-RSA-CHACHA20-POLY1305);
my @table = (
    # directives                                                 client's list   TLS 1.2; undef: none
    ["SSLCipherSuite $a:$b",                                     "$b:$a",        $b],
    ["SSLCipherSuite $a:$b\nSSLHonorCipherOrder on",             "$b:$a",        $a],
    ["SSLCipherSuite $a:$b\nSSLHonorCipherOrder off",            "$b:$a",        $b],
    ["SSLCipherSuite SSL $c",                                    "$b:$a:$c",     $c],
    ["SSLCipherSuite $a",                                        $b,             undef],
    ["SSLCipherSuite $a\nSSLCipherSuite $b",                     "$a:$b",        $b],
    ["SSLCipherSuite ALL",                                       'aNULL@SECLEVEL=0', undef],    # never without authentication
    ["SSLOpenSSLConfCmd CipherString $c\nSSLCipherSuite $a",     "$a:$b:$c",     $c],
);
my @table13 = (
    # directives                                                                   suite
    ['SSLCipherSuite TLSv1.3 TLS_CHACHA20_POLY1305_SHA256',                        'TLS_CHACHA20_POLY1305_SHA256'],
    ['SSLCipherSuite TLSv1.3 TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256', 'TLS_CHACHA20_POLY1305_SHA256'],    # the client's order
    ["SSLHonorCipherOrder on\nSSLCipherSuite TLSv1.3 TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256", 'TLS_AES_128_GCM_SHA256'],
    ["SSLCipherSuite $a",                                                          'TLS_AES_256_GCM_SHA384'],
);
my $config = "SSLCipherSuite TLSv1.3 TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256\n";
my $number = 0;
$config .= '<VirtualHost *:@PORT' . ++$number . "@>\nSSLEngine on\n\@RSA@\n$_->[0]\n</VirtualHost>\n" for @table, @table13;
my $httpd = TestHttpd->start($config);

$number = 0;
for my $row (@table) {
    my ($directives, $list, $expected) = @$row;
    my $what   = ($directives =~ s/\n/; /gr) . ", client $list";
    my $client = TlsClient->new(port => $httpd->port(++$number), version => '1.2', ciphers => $list);
    my $error  = $client->handshake_error;
    if (!$expected) {
        like $error, qr/alert 40/, "$what: nothing in common";
        next;
    }
    is $error, '', "$what: handshake";
    is $client->cipher, $expected, '... the suite';
}
# OpenSSL's client prefers AES-256, then ChaCha20, then AES-128.
for my $row (@table13) {
    my ($directives, $expected) = @$row;
    my $client = TlsClient->new(port => $httpd->port(++$number), version => '1.3')->handshake;
    is $client->cipher, $expected, ($directives =~ s/\n/; /gr) . ", TLS 1.3: $expected";
}

# SSLOpenSSLConfCmd: commands of the main server, then the host's own, the last one counting.
$httpd = TestHttpd->start(<<'END');
SSLOpenSSLConfCmd Groups P-384
<VirtualHost *:@PORT@>
    SSLEngine on
    @RSA@
</VirtualHost>
<VirtualHost *:@PORT2@>
    SSLEngine on
    @RSA@
    SSLOpenSSLConfCmd Groups P-521
    SSLOpenSSLConfCmd MinProtocol TLSv1.3
</VirtualHost>
END
for my $row ([1, 'P-384', '384'], [2, 'P-521', '521']) {
    my ($port, $group, $bits) = @$row;
    my $shown = qx(openssl s_client -connect 127.0.0.1:${\ $httpd->port($port)} </dev/null 2>/dev/null);
    like $shown, qr/Server Temp Key: ECDH, \S+, $bits bits/, "the group $group";
}
like(TlsClient->new(port => $httpd->port(2), version => '1.2')->handshake_error, qr/alert 70/, 'MinProtocol of the host');
is(TlsClient->new(port => $httpd->port(1), version => '1.2')->handshake_error, '', '... and only there');
done_testing;
