# Backends that are not what was asked for: who vouches for them, their names, their dates, lists of revoked certificates.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use Backend ();
use ClientPki ();
use Curl ();
use TestHttpd ();

my $stock = TestHttpd::stock();
my $pki   = ClientPki->new;
my %server = (by => 'root', eku => 'serverAuth', subject => '/O=Backends');
$pki->root('root');
$pki->root('stranger');
$pki->issue('mid', by => 'root', ca => 1);
$pki->issue('good',     %server, san => 'DNS:localhost');
$pki->issue('below',    %server, by => 'mid', san => 'DNS:localhost');
$pki->issue('named',    %server, san => 'DNS:alt.test,DNS:*.local.test,DNS:f*.wild.test,DNS:*.xn--bcher-kva.test', subject => '/O=Backends/CN=cn.test');
$pki->issue('wild',     %server, subject => '/O=Backends/CN=*.local.test');
$pki->issue('second',   %server, subject => '/O=Backends/CN=one.test/CN=two.test');
$pki->issue('address',  %server, san => 'IP:127.0.0.1');
$pki->issue('textual',  %server, san => 'DNS:127.0.0.1');
$pki->issue('expired',  %server, san => 'DNS:localhost', from => '20200101000000Z', to => '20210101000000Z');
$pki->issue('early',    %server, san => 'DNS:localhost', from => '20900101000000Z', to => '20910101000000Z');
$pki->issue('revoked',  %server, san => 'DNS:localhost');
$pki->issue('client',   %server, eku => 'clientAuth', san => 'DNS:localhost');
$pki->issue('foreign',  %server, by => 'stranger', san => 'DNS:localhost');
$pki->issue('self',     %server, by => undef, san => 'DNS:localhost');
my $list = $pki->crl('root', revoked => ['revoked']);
my $old  = $pki->crl('root', file => 'old.crl', to => '20210101000000Z');

my %backend = map { $_ => Backend->python('--cert', $pki->combined($_, chain => $_ eq 'below' ? ['mid'] : [])) }
    qw(good below named wild second address textual expired early revoked client foreign self);
my $ca      = 'SSLProxyCACertificateFile ' . $pki->file('root');
my $require = "SSLProxyVerify require\n$ca";
my ($name_off, $cn_on, $cn_off) = ('SSLProxyCheckPeerName off', 'SSLProxyCheckPeerCN on', 'SSLProxyCheckPeerCN off');
my ($any, $chain, $late) = (qr/AH02411: SSL Proxy: Peer certificate does not match for hostname \S+/, qr/AH02003: SSL Proxy connect failed/, qr/AH02004: SSL Proxy: Peer certificate is expired/);
my $first = qr/AH02005: SSL Proxy: Peer certificate CN mismatch: Certificate CN: \S+ Requested hostname: \S+/;
my $refused   = $stock ? 500 : 502;
my $only_ours = $stock ? 500 : 200;

# Backend, settings, the name that is asked for (with ProxyPreserveHost), status, what the log says.
my @table = (
    # chains
    ['good',    $require, undef, 200],
    ['good',    '', undef, 200],
    ['good',    'SSLProxyVerify require', undef, $refused, $chain],
    ['good',    "SSLProxyVerify on\n$ca", undef, 200],
    ['below',   $require, undef, $refused, qr/AH02040|AH02276/],
    ['below',   "$require\nSSLProxyVerifyDepth 2", undef, 200],
    ['below',   "$require\nSSLProxyVerifyDepth 0", undef, $refused, $chain],
    ['foreign', $require, undef, $refused, qr/AH02276: Certificate Verification: Error \(20\)/],
    ['foreign', "SSLProxyVerify optional\n$ca", undef, $refused, $chain],
    ['foreign', "SSLProxyVerify optional_no_ca\n$ca", undef, 200],
    ['foreign', $ca, undef, 200],
    ['self',    $require, undef, $refused, qr/AH02276: Certificate Verification: Error \(18\)/],
    ['self',    "SSLProxyVerify none", undef, 200],
    ['client',  $require, undef, $refused, $chain],
    # dates
    ['expired', '', undef, $refused, $late],
    ['early',   '', undef, $refused, $late],
    ['expired', 'SSLProxyCheckPeerExpire off', undef, 200],
    ['early',   'SSLProxyCheckPeerExpire off', undef, 200],
    ['expired', "$require\nSSLProxyCheckPeerExpire off", undef, $refused, qr/AH02276: Certificate Verification: Error \(10\)/],
    # lists
    ['revoked', $require, undef, 200],
    ['revoked', "$require\nSSLProxyCARevocationFile $list\nSSLProxyCARevocationCheck leaf", undef, $refused, qr/AH02276: Certificate Verification: Error \(23\)/],
    ['good',    "$require\nSSLProxyCARevocationFile $list\nSSLProxyCARevocationCheck leaf", undef, 200],
    ['good',    "$require\nSSLProxyCARevocationFile $old\nSSLProxyCARevocationCheck leaf", undef, $refused, qr/AH02276: Certificate Verification: Error \(12\)/],
    ['below',   "$require\nSSLProxyVerifyDepth 5\nSSLProxyCARevocationFile $list\nSSLProxyCARevocationCheck chain", undef, $refused, qr/AH02276: Certificate Verification: Error \(3\)/],
    ['below',   "$require\nSSLProxyVerifyDepth 5\nSSLProxyCARevocationFile $list\nSSLProxyCARevocationCheck chain no_crl_for_cert_ok", undef, 200],
    # names
    ['named',   $require, undef, $refused, $any],
    ['named',   '', undef, $refused, $any],
    ['named',   '', 'alt.test', 200],
    ['named',   '', 'ALT.test', 200],
    ['named',   '', 'cn.test', 200],
    ['named',   '', 'foo.local.test', 200],
    ['named',   '', 'local.test', $refused, $any],
    ['named',   '', 'a.b.local.test', $refused, $any],
    ['named',   '', 'foo.wild.test', $refused, $any],
    ['named',   '', 'a.xn--bcher-kva.test', 200],
    ['named',   '', 'xn--a-kva.xn--bcher-kva.test', 200],
    ['second',  '', 'two.test', 200],
    # the two directives
    ['named',   $cn_on, 'other.test', $refused, $any],
    ['named',   $cn_off, 'other.test', 200],
    ['named',   $name_off, 'other.test', 200],
    ['named',   "$name_off\n$cn_off", 'other.test', 200],
    ['named',   "SSLProxyCheckPeerName on\n$cn_off", 'other.test', $refused, $any],
    ['named',   "$name_off\n$cn_on", 'alt.test', $refused, $first],
    ['named',   "$name_off\n$cn_on", 'cn.test', 200],
    ['second',  "$name_off\n$cn_on", 'one.test', 200],
    ['second',  "$name_off\n$cn_on", 'two.test', $refused, $first],
    ['wild',    "$name_off\n$cn_on", 'a.local.test', 200],
    ['wild',    "$name_off\n$cn_on", 'a.b.local.test', $refused, $first],
    ['wild',    "$name_off\n$cn_on", 'local.test', $refused, $first],
    # addresses
    ['address', $require, '127.0.0.1', $only_ours, $stock ? $any : undef],
    ['textual', $require, '127.0.0.1', 200],
    ['good',    $require, '127.0.0.1', $refused, $any],
    ['good',    "$require\n$name_off", '127.0.0.1', 200],
);
my $number = 0;
my $config = join '', map {
    my ($backend, $lines, $host) = @$_;
    my ($port, $preserve) = ($backend{$backend}->port, $host ? "ProxyPreserveHost on\n" : '');
    $number++;
    "<VirtualHost *:\@PORT$number\@>\nServerName front$number\nSSLProxyEngine on\n$lines\n${preserve}ProxyPass / https://localhost:$port/\n"
        . "LogFormat \"%s %{ssl-proxy-error}n\" note\nCustomLog logs/front$number note\n</VirtualHost>\n";
} @table;
my $httpd = TestHttpd->start(TestHttpd::load_also(qw(proxy proxy_http)) . $config);

for my $index (0 .. $#table) {
    my ($backend, $lines, $host, $status, $log) = @{$table[$index]};
    my $what   = join ' ', $backend, $lines =~ s/\S+\/|\n/ /gr, $host // ();
    my $before = length $httpd->error_log;
    my $url    = 'http://127.0.0.1:' . $httpd->port($index + 1) . '/';
    for my $again (1, 2) {
        $backend{$backend}->news;
        my $answer = Curl::get($url, $host ? ('-H', "Host: $host") : ());
        is $answer->{status}, $status, "$what: $status";
        my $news = $backend{$backend}->news;
        is scalar($news =~ /^request/m), $status == 200 ? 1 : '', '... and the backend has ' . ($status == 200 ? 'the' : 'no') . ' request';
        if ($status == 200) { like $answer->{body}, qr/^0 e3b0/, '... which it answers' }
    }
    if ($log) {
        my $said = substr $httpd->error_log, $before;
        like $said, $log, '... and the log says why';
        like $said, qr/AH01997: SSL handshake failed: sending 502/, '... in the usual way';
        like $said, qr/AH00898: Error during SSL Handshake with remote server/, '... as mod_proxy does';
        like $httpd->access_log('front' . ($index + 1)), qr/^502 (?!-)\S.*$/m, '... and a note of the request' unless $stock;
    }
}
unlike $httpd->error_log, qr/panicked/, 'nothing panicked';
done_testing;
