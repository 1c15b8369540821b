# SSLClientHelloVars: what the ClientHello said, in variables, for the virtual host that says so.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use TestHttpd ();
use TlsClient ();

plan skip_all => 'the distribution\'s module has no such variables' if TestHttpd::stock();

my @names   = map { "SSL_CLIENTHELLO_$_" } qw(VERSION CIPHERS EXTENSIONS GROUPS EC_FORMATS SIG_ALGOS ALPN VERSIONS NOTHING);
my $headers = join '', map { "Header set $_ \"expr=[%{$_}]\"\n" } @names;
my $httpd   = TestHttpd->start(<<"END");
<VirtualHost *:\@PORT@>
    ServerName alpha.example.test
    SSLEngine on
    \@ECDSA@
    $headers
</VirtualHost>
<VirtualHost *:\@PORT@>
    ServerName beta.example.test
    SSLEngine on
    \@ECDSA@
    SSLClientHelloVars on
    SSLOptions +StdEnvVars
    $headers
</VirtualHost>
END

sub variables {
    my ($name, %option) = @_;
    my $client = TlsClient->new(port => $httpd->port, sni => $name, ca => undef, sigalgs => 'ECDSA+SHA256:RSA+SHA256', alpn => ['http/1.1', 'x'], %option)->handshake;
    my $answer = $client->get('/1k.bin', Host => $name);
    return {map { $_ => $answer->{headers}{lc $_} =~ s/\A\[(.*)\]\z/$1/r } @names}, $client;
}

my ($got, $client) = variables('beta.example.test', version => '1.2', ciphers => 'ECDHE-ECDSA-AES128-GCM-SHA256');
like delete $got->{SSL_CLIENTHELLO_EXTENSIONS}, qr/\A(?=(?:....)*0000)(?=(?:....)*0010)(?=(?:....)*000d)(?:[0-9a-f]{4})+\z/, 'TLS 1.2: server_name, ALPN and signature algorithms are among the extensions';
like delete $got->{SSL_CLIENTHELLO_GROUPS}, qr/\A001d(?:[0-9a-f]{4})+\z/, '... groups, X25519 first';
is_deeply $got, {
    SSL_CLIENTHELLO_VERSION    => '0303',
    SSL_CLIENTHELLO_CIPHERS    => 'c02b00ff',
    SSL_CLIENTHELLO_EC_FORMATS => '000102',
    SSL_CLIENTHELLO_SIG_ALGOS  => '04030401',
    SSL_CLIENTHELLO_ALPN       => unpack('H*', "\x08http/1.1\x01x"),
    SSL_CLIENTHELLO_VERSIONS   => '',
    SSL_CLIENTHELLO_NOTHING    => '',
}, '... and the rest';
unlike $client->get('/cgi/env', Host => 'beta.example.test')->{body}, qr/CLIENTHELLO/, '... nothing of it is exported';
($got) = variables('beta.example.test', version => '1.3');
is $got->{SSL_CLIENTHELLO_VERSION},  '0303', 'TLS 1.3: the version field';
is $got->{SSL_CLIENTHELLO_VERSIONS}, '0304', '... and the versions';
($got) = variables('alpha.example.test', version => '1.3');
is_deeply $got, {map { $_ => '' } @names}, 'not where it is off';
done_testing;
