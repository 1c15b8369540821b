# Server-side includes show the variables, also in a subrequest.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use TestHttpd ();
use TlsClient ();

my $httpd = TestHttpd->start(<<'END');
<VirtualHost *:@PORT@>
    ServerName localhost
    SSLEngine on
    @RSA@
    SSLOptions +StdEnvVars
    <Directory "@DOCS@">
        Options +Includes
        AddOutputFilter INCLUDES .shtml
    </Directory>
</VirtualHost>
END
my $client   = TlsClient->new(port => $httpd->port, sni => 'localhost', version => '1.3')->handshake;
my $expected = "on|TLSv1.3|TLS_AES_256_GCM_SHA384|localhost|localhost|(none)|expression\n";
is $client->get('/variables.shtml')->{body}, $expected, 'echo and if';
is $client->get('/including.shtml')->{body}, "before\n$expected\nafter\n", 'in an included page';

my $older = TlsClient->new(port => $httpd->port, version => '1.2', ciphers => 'ECDHE-RSA-AES256-GCM-SHA384')->handshake;
is $older->get('/variables.shtml')->{body}, "on|TLSv1.2|ECDHE-RSA-AES256-GCM-SHA384|localhost|(none)|(none)|\n", 'TLS 1.2 without SNI';
done_testing;
