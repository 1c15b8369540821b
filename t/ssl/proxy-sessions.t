# Sessions with backends: they are resumed, and never where something has changed.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use Backend ();
use ClientPki ();
use Clock ();
use Curl ();
use TestHttpd ();

my $stock = TestHttpd::stock();    # which never resumes
my $refused = $stock ? 500 : 502;
my $pki   = ClientPki->new;
$pki->root('root');
$pki->issue('server', by => 'root', eku => 'serverAuth', san => 'DNS:localhost,DNS:a.test,DNS:b.test');
$pki->issue('ours', by => 'root');
$pki->issue('theirs', by => 'root');
my @python = ('--cert', $pki->combined('server'), '--verify', 'optional', '--ca', $pki->file('root'));
my %backend = (
    'tickets 1.3' => Backend->python(@python, '--min', '1.3'),
    'one 1.3'     => Backend->python(@python, '--min', '1.3', '--tickets', 1),
    'none 1.3'    => Backend->python(@python, '--min', '1.3', '--tickets', 0),
    'tickets 1.2' => Backend->python(@python, '--max', '1.2'),
);
my $ids = Backend->nginx("ssl_certificate " . $pki->combined('server') . "; ssl_certificate_key " . $pki->combined('server')
    . '; ssl_protocols TLSv1.2; ssl_session_tickets off; ssl_session_cache shared:ids:1m; location / { return 200 "reused $ssl_session_reused"; }');
my $require = "SSLProxyVerify require\nSSLProxyCACertificateFile " . $pki->file('root');
my ($number, %at) = (0);
my $config = '';
sub host {
    my ($name, $lines, $pass) = @_;
    $at{$name} = ++$number;
    $config .= "<VirtualHost *:\@PORT$number\@>\nServerName front$number\nSSLProxyEngine on\n$lines\n$pass\n</VirtualHost>\n";
    return;
}
host($_, $require, "ProxyPass / https://localhost:" . $backend{$_}->port . "/ disablereuse=on") for keys %backend;
my $port = $backend{'tickets 1.3'}->port;
my $twelve = $backend{'tickets 1.2'}->port;
my $pass = "ProxyPass / https://localhost:$port/ disablereuse=on";
my $machine = 'SSLProxyMachineCertificateFile ';
host('depth',  "$require\nSSLProxyVerifyDepth 3", $pass);
host('ours',   "$require\n$machine" . $pki->combined('ours'),   $pass);
host('theirs', "$require\n$machine" . $pki->combined('theirs'), $pass);
host('names',  "$require\nProxyPreserveHost on", $pass);
host('names12', "$require\nProxyPreserveHost on", "ProxyPass / https://localhost:$twelve/ disablereuse=on");
host('unnamed', "SSLProxyCheckPeerName off\nProxyPreserveHost on", $pass);
my $list = $pki->crl('root');
host('list', "$require\nSSLProxyCARevocationFile $list\nSSLProxyCARevocationCheck leaf", $pass);
host('ids', $require, 'ProxyPass / https://localhost:' . $ids->port . '/ disablereuse=on');
# One process, so that all requests meet the same sessions.
my $httpd = TestHttpd->start(TestHttpd::load_also(qw(proxy proxy_http)) . $config, TestHttpd::mpm() eq 'prefork' ? () : (threads => 16));

# What the backend has noted of the connection for a request: resumed or not, and who has come.
sub seen {
    my ($host, $backend, @options) = @_;
    $backend->news;
    my $status = Curl::status('http://127.0.0.1:' . $httpd->port($at{$host}) . '/', @options);
    return $status unless $status == 200;
    my ($resumed, $peer) = $backend->news =~ /^connection .* resumed=(\d) peer=(\S+)$/m;
    return "$resumed $peer";
}
plan skip_all => 'each process has its own sessions' if TestHttpd::mpm() eq 'prefork';

for my $kind (sort keys %backend) {
    my @got = map { seen($kind, $backend{$kind}) } 1 .. 6;
    my $again = $stock || $kind =~ /none/ ? '0 -' : '1 -';
    is_deeply \@got, ['0 -', ($again) x 5], "$kind: " . ($again eq '1 -' ? 'resumed' : 'not resumed');
}
is_deeply [map { Curl::get('http://127.0.0.1:' . $httpd->port($at{ids}) . '/')->{body} } 1 .. 4], ['reused .', ($stock ? 'reused .' : 'reused r') x 3], 'session ids, nginx';
my $main = $backend{'tickets 1.3'};
my $resumed = $stock ? 0 : 1;
is seen('depth', $main), '0 -', 'other settings: a session of their own';
is seen('depth', $main), "$resumed -", '... which is resumed';
is seen('tickets 1.3', $main), "$resumed -", '... and so is the other';
is seen('ours', $main),   '0 ours',   'with a certificate: not the session of nobody';
is seen('theirs', $main), '0 theirs', 'with another certificate: not the session of the first';
is seen('ours', $main),   "$resumed ours", '... each goes on with its own';
is seen('theirs', $main), "$resumed theirs", '... for both';

# Names. A session that was made for one name does not vouch for another.
is seen('names', $main, '-H', 'Host: a.test'), '0 -', 'a name';
is seen('names', $main, '-H', 'Host: a.test'), "$resumed -", '... again';
is seen('names', $main, '-H', 'Host: b.test'), '0 -', 'another name: not the session of the first';
is seen('names', $main, '-H', 'Host: c.test'), $refused, 'a name that the certificate does not have: refused';
is seen('names', $main, '-H', 'Host: c.test'), $refused, '... also after that';
is seen('names', $main, '-H', 'Host: a.test'), "$resumed -", '... and the first goes on';
my $old = $backend{'tickets 1.2'};
is seen('names12', $old, '-H', 'Host: a.test'), '0 -', 'TLS 1.2: a name';
is seen('names12', $old, '-H', 'Host: a.test'), "$resumed -", '... again';
is seen('names12', $old, '-H', 'Host: c.test'), $refused, '... a name that the certificate does not have: refused';
is seen('names12', $old, '-H', 'Host: c.test'), $refused, '... also after that';
is seen('unnamed', $main, '-H', 'Host: c.test'), '0 -', 'where names are not looked at: a session';
is seen('names', $main, '-H', 'Host: c.test'), $refused, '... that does not help elsewhere';

# Revoked while a session is there.
is seen('list', $main), '0 -', 'with a list of revoked certificates';
is seen('list', $main), "$resumed -", '... again';
unless ($stock) {
    $pki->crl('root', revoked => ['server']);
    $httpd->wait_for(sub { seen('list', $main) eq $refused }, 'the backend to be refused');
    is seen('list', $main), $refused, 'revoked: a session does not help';
    $pki->crl('root');
    $httpd->wait_for(sub { seen('list', $main) =~ /-$/ }, 'the backend to be taken again');
}

# Many at once share nothing that is good for one use.
{
    my $kind = 'tickets 1.3';
    $main->news;
    my @clients = map { open my $pipe, '-|', 'curl', '--silent', '--output', '/dev/null', '--write-out', '%{http_code}', 'http://127.0.0.1:' . $httpd->port($at{$kind}) . '/' or die "curl: $!"; $pipe } 1 .. 20;
    is_deeply [map { my $status = <$_>; close $_; $status } @clients], [(200) x 20], 'many at once';
    my @connections = $main->news =~ /^connection .* resumed=(\d)/mg;
    is scalar @connections, 20, '... each with its connection';
}
unlike $httpd->error_log, qr/panicked/, 'nothing panicked';

# Each connection that is resumed gives the session of the next one. The proof of who the backend is gets older all the same.
unless ($stock) {
    $httpd->stop;
    my $clock = Clock->new;
    $httpd = $clock->start(TestHttpd::load_also(qw(proxy proxy_http)) . $config, threads => 16);
    for my $kind ('tickets 1.3', 'tickets 1.2') {
        my @got = map { $clock->move($_); seen($kind, $backend{$kind}) } 0, 140, 280, 310, 440;
        is_deeply \@got, ['0 -', '1 -', '1 -', '0 -', '1 -'], "$kind: after 300 seconds the certificate is looked at again";
        $clock->move(0);
    }
}
done_testing;
