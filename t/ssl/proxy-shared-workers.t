# Workers that virtual hosts inherit, and with them the connections: one that was made by the settings of a virtual host must
# not carry the requests of another.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use Backend ();
use ClientPki ();
use Curl ();
use TestHttpd ();

plan skip_all => 'each process has its own connections'                          if TestHttpd::mpm() eq 'prefork';
plan skip_all => 'the distribution\'s module uses such connections all the same' if TestHttpd::stock();

my $pki = ClientPki->new;
$pki->root($_) for qw(root stranger);
$pki->issue('server', by => 'root', eku => 'serverAuth', san => 'DNS:localhost');
$pki->issue($_, by => 'root') for qw(ours theirs);
my $backend = Backend->python('--cert', $pki->combined('server'), '--verify', 'optional', '--ca', $pki->file('root'));
my $url     = 'https://localhost:' . $backend->port;
my ($ca, $wrong)    = map { 'SSLProxyCACertificateFile ' . $pki->file($_) } qw(root stranger);
my ($ours, $theirs) = map { 'SSLProxyMachineCertificateFile ' . $pki->combined($_) } qw(ours theirs);

my $server = $pki->combined('server');
my $nginx  = Backend->nginx("ssl_certificate $server; ssl_certificate_key $server; ssl_verify_client optional_no_ca; location / { return 200 \"peer \$ssl_client_s_dn\"; }");

my $httpd = TestHttpd->start(TestHttpd::load_also(qw(proxy proxy_http proxy_http2)) . <<"END", threads => 4);
ProxyPass /h2 h2://localhost:@{[$nginx->port]}/ max=1
ProxyPass /app $url/ max=1
ProxyPass /section $url/section/ max=1
<Proxy "$url/section/">
    SSLProxyProtocol all
</Proxy>
<VirtualHost *:\@PORT@>
    ServerName careless
    SSLProxyEngine on
    SSLProxyVerify none
    $ours
</VirtualHost>
<VirtualHost *:\@PORT2@>
    ServerName careful
    SSLProxyEngine on
    SSLProxyVerify require
    $wrong
</VirtualHost>
<VirtualHost *:\@PORT3@>
    ServerName other
    SSLProxyEngine on
    SSLProxyVerify require
    $ca
    $theirs
</VirtualHost>
<VirtualHost *:\@PORT4@>
    ServerName names
    SSLProxyEngine on
    SSLProxyVerify require
    $ca
    ProxyPreserveHost on
    ProxyPass /names $url/ max=1
</VirtualHost>
END

sub get {
    my ($port, $path, @options) = @_;
    my $answer = Curl::get('http://127.0.0.1:' . $httpd->port($port) . $path, @options);
    return $answer->{status} == 200 ? '200 ' . ($answer->{body} =~ /(?:CN=)?([^\s,=]+)(?:,O=\w+)?$/)[0] : $answer->{status};
}

for my $path ('/app/', '/section/', '/h2/') {
    is get(1, $path), '200 ours', "$path: a connection";
    for (1 .. 3) {
        my $status = get(2, $path);
        ok $status =~ /^50[02]$/, "$path: a backend that nobody vouches for gets nothing, though it serves others ($status)";
    }
    for (1 .. 2) {
        is get(1, $path), '200 ours',   '... each virtual host has its own';
        is get(3, $path), '200 theirs', '... and the other';
    }
}

# The name that a request goes to is the client's choice here.
for (1 .. 2) {
    is get(4, '/names/', '-H', 'Host: localhost'), '200 -', 'a name that the backend has';
    is get(4, '/names/', '-H', 'Host: c.test'), 502, '... and one that it does not have, on no connection';
}
unlike $httpd->error_log, qr/was made with other SSLProxy settings/, 'no request has failed because of a connection';
done_testing;
