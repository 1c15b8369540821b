# Extensions of a client's certificate in expressions: PeerExtList.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use ClientCert ();
use TestHttpd ();
use TlsClient ();

my $ca = ClientCert->authority;
my ($oid, $text) = (\&ClientCert::oid, \&ClientCert::string);
sub constructed { return ClientCert::der(0x30, @_) }
my $certificate = $ca->issue(
    subject    => ClientCert::name(['CN', 'x']),
    extensions => [
        ClientCert::extension('2.16.840.1.113730.1.13', $text->(ia5 => 'Hello NS')),
        ClientCert::extension('2.5.29.19',              constructed()),
        ClientCert::extension('2.5.29.37',              constructed($oid->('1.3.6.1.5.5.7.3.2'), $oid->('1.3.6.1.5.5.7.3.4'))),
        ClientCert::san(
            ClientCert::dns('a'), ClientCert::dns('b'), ClientCert::email('x@y'), ClientCert::upn('alice@corp.example'), ClientCert::uri('urn:x:1'),
            ClientCert::ip("\x0a\x01\x02\x03"), ClientCert::directory(ClientCert::name(['CN', 'dir name'])),
        ),
        ClientCert::extension('1.2.3.4.1', $text->(ia5       => 'an IA5String')),
        ClientCert::extension('1.2.3.4.2', $text->(utf8      => 'Alicé')),
        ClientCert::extension('1.2.3.4.3', $text->(visible   => 'visible')),
        ClientCert::extension('1.2.3.4.4', $text->(bmp       => "\0J\0\xfc\x20\xac")),
        ClientCert::extension('1.2.3.4.5', $text->(printable => 'printable')),
        ClientCert::extension('1.2.3.4.6', ClientCert::der(0x02, "\5")),
        ClientCert::extension('1.2.3.4.7', 'no DER at all'),
        ClientCert::extension('1.2.3.4.8', ''),
        ClientCert::extension('1.2.3.4.9', $text->(ia5 => 'first')),
        ClientCert::extension('1.2.3.4.9', $text->(ia5 => 'second')),
    ],
);

# What is searched for, in which extension, whether it is found.
my @table = (
    ['Hello NS',                      'nsComment',              1],
    ['Hello NS',                      '2.16.840.1.113730.1.13', 1],
    ['Hello NS',                      'Netscape Comment',       1],
    ['Hello',                         'nsComment',              0],
    ['CA:FALSE',                      'basicConstraints',       1],
    ['TLS Web Client Authentication, E-mail Protection', 'extendedKeyUsage', 1],
    ['DNS:a, DNS:b, email:x@y, othername: UPN::alice@corp.example, URI:urn:x:1, IP Address:10.1.2.3, DirName:/CN=dir name', 'subjectAltName', 1],
    ['an IA5String',                  '1.2.3.4.1',              1],
    ['Alicé',                         '1.2.3.4.2',              1],
    ['visible',                       '1.2.3.4.3',              1],
    ['Jü€',                           '1.2.3.4.4',              1],
    ['printable',                     '1.2.3.4.5',              0],
    ['5',                             '1.2.3.4.6',              0],
    ['no DER at all',                 '1.2.3.4.7',              0],
    ['',                              '1.2.3.4.8',              0],
    ['first',                         '1.2.3.4.9',              1],
    ['second',                        '1.2.3.4.9',              1],
    ['x',                             '1.2.3.4.10',             0],
    ['x',                             'no such thing',          0],
    ['x',                             '',                       0],
);
my $headers = '';
for my $number (0 .. $#table) {
    my ($value, $name) = @{$table[$number]};
    $headers .= "Header set X$number found \"expr='$value' in PeerExtList('$name')\"\n";
}
my $httpd = TestHttpd->start(<<"END");
Protocols h2 http/1.1
<VirtualHost *:\@PORT@>
    ServerName localhost
    SSLEngine on
    \@ECDSA@
    SSLOpenSSLConfCmd VerifyMode Request
    SSLOpenSSLConfCmd VerifyCAFile ${\ $ca->root}
    $headers
    Header set Lower found "expr='Hello NS' in peerextlist('nsComment')"
</VirtualHost>
<VirtualHost *:\@PORT2@>
    ServerName localhost
    $headers
</VirtualHost>
END

sub check {
    my ($what, $headers, $with) = @_;
    for my $number (0 .. $#table) {
        my ($value, $name, $found) = @{$table[$number]};
        is $headers->{"x$number"}, $found && $with ? 'found' : undef, "$what: '$value' in $name";
    }
    is $headers->{lower}, $with ? 'found' : undef, "$what: the name of the function without case";
    return;
}

for my $version ('1.2', '1.3') {
    my @client = (port => $httpd->port, sni => 'localhost', version => $version);
    check("TLS $version", TlsClient->new(@client, cert => $certificate, key => $ca->key)->handshake->get('/1k.bin')->{headers}, 1);
    check("TLS $version, no certificate", TlsClient->new(@client)->handshake->get('/1k.bin')->{headers}, 0);
}
SKIP: {
    skip 'mod_http2 does not work with prefork', 1 if TestHttpd::mpm() eq 'prefork';
    my $text = qx(curl --silent --http2 -o /dev/null -D - --cacert ${\ TestHttpd::ca()} --cert $certificate --key ${\ $ca->key} https://localhost:${\ $httpd->port}/1k.bin);
    check('an HTTP/2 stream', {$text =~ /^([\w-]+): (.*?)\r?$/mg}, 1);
}
like $httpd->error_log, qr/AH01970: could not parse OID 'no such thing'/, 'no OID: logged';
like $httpd->error_log, qr/AH01971: Found an extension '1\.2\.3\.4\.5', but failed to create a string from it/, 'cannot be shown: logged';
like qx(curl --silent -o /dev/null -D - http://localhost:${\ $httpd->port(2)}/1k.bin), qr{\AHTTP/1.1 200}, 'without TLS nothing is found, and nothing breaks';
done_testing;
