# Client certificates asked for by OpenSSL's own commands: the vhost that SNI names decides, whatever the first vhost says.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use TestHttpd ();
use TlsClient ();

my $httpd = TestHttpd->start(<<'END');
SSLSessionCache shmcb
<VirtualHost *:@PORT@>
    ServerName localhost
    SSLEngine on
    @ECDSA@
</VirtualHost>
<VirtualHost *:@PORT@>
    ServerName one.example.test
    SSLEngine on
    @ECDSA@
    SSLOpenSSLConfCmd VerifyMode Require
    SSLOpenSSLConfCmd VerifyCAFile @CERTS@/root.pem
</VirtualHost>
<VirtualHost *:@PORT2@>
    ServerName one.example.test
    SSLEngine on
    @ECDSA@
    SSLOpenSSLConfCmd VerifyMode Require
    SSLOpenSSLConfCmd VerifyCAFile @CERTS@/root.pem
</VirtualHost>
<VirtualHost *:@PORT2@>
    ServerName localhost
    SSLEngine on
    @ECDSA@
</VirtualHost>
END

# True when a request for the name is served on the port to a client without a certificate.
sub is_served {
    my ($port, $name, $version, $session) = @_;
    my $answer = eval {
        my $client = TlsClient->new(port => $port, sni => $name, version => $version, ca => undef, ($session ? (session => $session) : ()))->handshake;
        $client->send(TlsClient::request_text('GET', '/1k.bin', Host => $name));
        $client->answer;
    };
    return $answer && $answer->{status} == 200 ? 1 : 0;
}

for my $version ('1.2', '1.3') {
    is is_served($httpd->port,    'localhost',        $version), 1, "TLS $version: the first vhost asks for nothing";
    is is_served($httpd->port,    'one.example.test', $version), 0, "TLS $version: the one behind it does";
    is is_served($httpd->port(2), 'one.example.test', $version), 0, "TLS $version: a first vhost that asks";
    is is_served($httpd->port(2), 'localhost',        $version), 1, "TLS $version: the one behind it does not";
}

# A session of the open vhost is no way into the other.
for my $version ('1.2', '1.3') {
    my $open = TlsClient->new(port => $httpd->port, sni => 'localhost', version => $version, ca => undef)->handshake;
    $open->get('/1k.bin');
    is is_served($httpd->port, 'one.example.test', $version, $open->session), 0, "TLS $version: a session of another vhost";
}
done_testing;
