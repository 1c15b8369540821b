# <Proxy> and <ProxyMatch> sections with settings of their own, for one server and for several.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use Backend ();
use ClientPki ();
use Curl ();
use TestHttpd ();

my $stock = TestHttpd::stock();
my $refused = $stock ? 500 : 502;
my $pki   = ClientPki->new;
$pki->root($_) for qw(root stranger);
$pki->issue('server', by => 'root', eku => 'serverAuth', san => 'DNS:localhost');
$pki->issue('other',  by => 'root', eku => 'serverAuth', san => 'DNS:other.test');
$pki->issue('ours', by => 'root');
my $good  = Backend->python('--cert', $pki->combined('server'), '--verify', 'optional', '--ca', $pki->file('root'));
my $other = Backend->python('--cert', $pki->combined('other'));
my ($g, $o) = map { 'https://localhost:' . $_->port } $good, $other;
my ($ca, $wrong) = map { 'SSLProxyCACertificateFile ' . $pki->file($_) } qw(root stranger);
my $machine = 'SSLProxyMachineCertificateFile ' . $pki->combined('ours');
my $pass = "ProxyPass /good $g/\nProxyPass /other $o/";

my $httpd = TestHttpd->start(TestHttpd::load_also(qw(proxy proxy_http)) . <<"END");
<Proxy "$o/">
    SSLProxyCheckPeerName off
</Proxy>
<VirtualHost *:\@PORT@>
    ServerName server
    SSLProxyEngine on
    SSLProxyVerify require
    $ca
    $pass
</VirtualHost>
<VirtualHost *:\@PORT2@>
    ServerName sections
    SSLProxyEngine on
    SSLProxyVerify require
    $wrong
    <Proxy "$g/">
        $ca
    </Proxy>
    $pass
</VirtualHost>
<VirtualHost *:\@PORT3@>
    ServerName only
    <ProxyMatch "^https://localhost:">
        SSLProxyEngine on
        SSLProxyCheckPeerName off
        $machine
    </ProxyMatch>
    <Proxy "$o/">
        ProxySet timeout=20
    </Proxy>
    $pass
</VirtualHost>
<VirtualHost *:\@PORT4@>
    ServerName off
    SSLProxyEngine on
    <Proxy "$g/">
        SSLProxyEngine off
    </Proxy>
    <Proxy "$o/">
        ProxySet timeout=20
    </Proxy>
    $pass
</VirtualHost>
<VirtualHost *:\@PORT5@>
    ServerName mixed
    SSLProxyEngine on
    SSLProxyVerify require
    $ca
    <Proxy "$g/secret*">
        $machine
    </Proxy>
    ProxyPass / $g/
</VirtualHost>
END

sub get {
    my ($port, $path) = @_;
    my $answer = Curl::get('http://127.0.0.1:' . $httpd->port($port) . $path);
    return $answer->{status} == 200 ? '200 ' . ($answer->{body} =~ /(\S+)$/)[0] : $answer->{status};
}
for (1, 2) {
    is get(1, '/good'),  '200 -', 'settings of the server';
    # The section of the main server adds to those of the virtual host.
    is get(1, '/other'), $stock ? $refused : '200 -', 'a section of the main server, for a virtual host with settings';
    is get(2, '/good'),  '200 -', 'a section has its own CAs, and the rest of the server';
    is get(2, '/other'), $refused, '... and without one the server decides';
    is get(3, '/good'),  '200 ours', 'TLS in a section alone';
    is get(3, '/other'), '200 -', '... also where another one applies';
    is get(4, '/good'),  500, 'TLS is off in a section';
    like $httpd->error_log, qr/AH10272: SSL Proxy requested for off:80 but not enabled for us\./, '... and the log says so';
}

if (TestHttpd::mpm() eq 'prefork') { done_testing; exit }    # each process has its own connections

# --- One worker, two settings -------------------------------------------------------------------------------------------
# mod_proxy keeps connections by worker. One that was made without a certificate must not carry a request that wants to show one.
is get(5, '/open'), '200 -', 'without a certificate';
my $second = get(5, '/secret');
if ($stock) {
    is $second, '200 -', 'the distribution\'s module uses the connection for a request that has a certificate to show';
}
else {
    is $second, '200 ours', 'with one: not on that connection';
    unlike $httpd->error_log, qr/was made with other SSLProxy settings/, '... which was not even tried';
    for (1 .. 3) {
        is get(5, '/secret'), '200 ours', 'afterwards each request has its own connection: with';
        is get(5, '/open'), '200 -', '... without';
    }
}
unlike $httpd->error_log, qr/panicked/, 'nothing panicked';
done_testing;
