# Backends that do not shake hands as they should, or end early; versions, ciphers, ALPN; handshakes within a connection.
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
$pki->root('root');
$pki->issue('server', by => 'root', eku => 'serverAuth', san => 'DNS:localhost');
$pki->issue('other',  by => 'root', eku => 'serverAuth', san => 'DNS:other.test');
$pki->issue('client', by => 'root');
my $server = $pki->combined('server');
my @python = ('--cert', $server);
my @s_server = ('openssl', 's_server', '-accept', '127.0.0.1:@PORT@', '-cert', $server, '-key', $server);
my %backend = (
    good    => Backend->python(@python),
    plain   => Backend->python('--mode', 'plain'),
    close   => Backend->python('--mode', 'close'),
    garbage => Backend->python('--mode', 'garbage'),
    stall   => Backend->python('--mode', 'stall'),
    'old'   => Backend->python(@python, '--min', '1.0', '--max', '1.0'),
    '1.2'   => Backend->python(@python, '--max', '1.2'),
    '1.3'   => Backend->python(@python, '--min', '1.3'),
    cipher  => Backend->python(@python, '--max', '1.2', '--ciphers', 'ECDHE-ECDSA-AES128-GCM-SHA256'),
    h2      => Backend->python(@python, '--alpn', 'h2'),
    again   => Backend->command(@s_server, '-tls1_2', '-quiet', '-CAfile', $pki->file('root')),
);

my $refused = $stock ? 500 : 502;
my $failed = qr/AH02003: SSL Proxy connect failed/;
my $tls10  = "SSLProxyProtocol all\nSSLProxyCipherSuite ALL:\@SECLEVEL=0";

# Backend, settings, path, status, what the log says, whether the body arrives.
my @table = (
    ['good',    '', '/', 200],
    ['good',    "SSLProxyVerify require\nSSLProxyCACertificateFile " . $pki->file('root'), '/', 200],
    ['plain',   '', '/', $refused, qr/AH02003: .*wrong version number/s],
    ['close',   '', '/', $refused, $failed],
    ['garbage', '', '/', $refused, $failed],
    ['old',     '', '/', $refused, $failed],
    ['old',     $tls10, '/', 200],
    ['1.2',     'SSLProxyProtocol TLSv1.3', '/', $refused, $failed],
    ['1.3',     'SSLProxyProtocol TLSv1.2', '/', $refused, $failed],
    ['1.2',     'SSLProxyProtocol TLSv1.2', '/', 200],
    ['1.3',     'SSLProxyProtocol TLSv1.3', '/', 200],
    ['cipher',  'SSLProxyCipherSuite ECDHE-ECDSA-AES256-GCM-SHA384', '/', $refused, $failed],
    ['cipher',  'SSLProxyCipherSuite ECDHE-ECDSA-AES128-GCM-SHA256', '/', 200],
    ['1.3',     'SSLProxyCipherSuite TLSv1.3 TLS_CHACHA20_POLY1305_SHA256', '/', 200],
    # ends
    ['1.2',     '', '/clean', 200, undef, 5000],
    ['1.3',     '', '/clean', 200, undef, 5000],
    ['1.2',     '', '/unclean', 200, qr/AH01992: .*unexpected eof while reading/s, 5000],
    ['1.3',     '', '/unclean', 200, qr/AH01992: .*unexpected eof while reading/s, 5000],
    ['1.3',     '', '/half', 200, qr/AH01110: error reading response/, 'cut'],
    ['1.3',     '', '/silence', 502, qr/AH0(1102|0898): /],
);
my ($number, $config) = (0, '');
for my $row (@table) {
    my $port = $backend{$row->[0]}->port;
    $number++;
    $config .= "<VirtualHost *:\@PORT$number\@>\nServerName front$number\nSSLProxyEngine on\n$row->[1]\nProxyPass / https://localhost:$port/\n</VirtualHost>\n";
}
my %port_of;
for my $kind (qw(stall again)) {
    my ($port, $more) = ($backend{$kind}->port, $kind eq 'stall' ? 'connectiontimeout=2 timeout=2' : 'disablereuse=on');
    $port_of{$kind} = ++$number;
    my $verify = $kind eq 'again' ? "SSLProxyVerify require\nSSLProxyCACertificateFile " . $pki->file('root') . "\nSSLProxyMachineCertificateFile " . $pki->combined('client') : '';
    $config .= "<VirtualHost *:\@PORT$number\@>\nServerName $kind\nSSLProxyEngine on\n$verify\nProxyPass / https://localhost:$port/ $more\n</VirtualHost>\n";
}
my $h2 = ++$number;
$config .= "<VirtualHost *:\@PORT$number\@>\nServerName h2\nSSLProxyEngine on\nProxyPass /1 h2://localhost:" . $backend{good}->port . "/\nProxyPass /2 h2://localhost:" . $backend{h2}->port . "/\n</VirtualHost>\n";
my $httpd = TestHttpd->start(TestHttpd::load_also(qw(proxy proxy_http proxy_http2)) . "LogLevel debug ssl:debug\n" . $config);
sub url { return 'http://127.0.0.1:' . $httpd->port($_[0]) . $_[1] }

for my $index (0 .. $#table) {
    my ($backend, $lines, $path, $status, $log, $body) = @{$table[$index]};
    my $what   = "$backend$path " . $lines =~ s/\S+\/|\n/ /gr;
    my $before = length $httpd->error_log;
    if (($body // '') eq 'cut') {
        my $got = qx(curl --silent --show-error --max-time 30 --output /dev/null --write-out '%{http_code} %{size_download}' @{[url($index + 1, $path)]} 2>&1);
        isnt $? >> 8, 0, "$what: the client notices";
        like $got, qr/(?:transfer closed|end of response|200 \d{1,4}\b)/, '... that something is missing';
    }
    else {
        my $answer = Curl::get(url($index + 1, $path));
        is $answer->{status}, $status, "$what: $status";
        is length $answer->{body}, $body, '... with its body' if $body;
    }
    if ($log) {
        my $said;
        $httpd->wait_for(sub { $said = substr $httpd->error_log, $before; $said =~ $log }, "the line $log");
        like $said, qr/AH01997: SSL handshake failed/, '... in the usual way' if $status == $refused && $path eq '/';
    }
}

# --- A backend that does not answer ---------------------------------------------------------------------------------------
{
    open my $waiting, '-|', 'curl', '--silent', '--max-time', 60, '--output', '/dev/null', '--write-out', '%{http_code} %{time_total}', url($port_of{stall}, '/') or die "curl: $!";
    is Curl::status(url(1, '/')), 200, 'while a backend does not shake hands, others are reached' for 1 .. 5;
    my ($status, $seconds) = split / /, do { local $/; <$waiting> };
    close $waiting;
    is $status, $refused, "a backend that does not shake hands: $refused";
    cmp_ok $seconds, '<', 30, '... when the time of the worker is over';
    like $httpd->error_log, qr/AH02003: SSL Proxy connect failed/, '... and the log says so';
}

# --- ALPN ---------------------------------------------------------------------------------------------------------------
{
    my $before = length $httpd->error_log;
    my $status = Curl::status(url($h2, '/1'));
    my $expected = $stock ? 503 : 502;
    is $status, $expected, "a backend without ALPN for HTTP/2: $expected";
    like substr($httpd->error_log, $before), qr/AH10273: SSL Proxy: Peer did not select any of our ALPN protocols \[h2\]\./, '... and the log says why';
    Curl::get(url($h2, '/2'));
    like $backend{h2}->said, qr/connection TLSv1.3 sni=localhost alpn=h2/, 'a backend with ALPN: agreed';
}

# --- Another handshake on the connection ----------------------------------------------------------------------------------
{
    my $backend = $backend{again};
    open my $waiting, '-|', 'curl', '--silent', '--max-time', 60, '--write-out', ' %{http_code}', url($port_of{again}, '/') or die "curl: $!";
    $backend->wait_for(qr/GET \/ HTTP/);
    # -quiet takes no commands; those below do.
    $backend->type("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    is do { local $/; <$waiting> }, 'hello 200', 'openssl s_server';
    close $waiting;
}
for my $kind (qw(R r)) {
    my $backend = Backend->command(@s_server, '-tls1_2', '-crlf', '-no_resumption_on_reneg', '-CAfile', $pki->file('root'));
    my $more = TestHttpd->start(TestHttpd::load_also(qw(proxy proxy_http)) . "<VirtualHost *:\@PORT@>\nSSLProxyEngine on\nSSLProxyVerify require\nSSLProxyCACertificateFile " . $pki->file('root')
        . "\nSSLProxyMachineCertificateFile " . $pki->combined('client') . "\nProxyPass / https://localhost:" . $backend->port . "/\n</VirtualHost>\n");
    open my $waiting, '-|', 'curl', '--silent', '--max-time', 60, '--write-out', ' %{http_code}', 'http://127.0.0.1:' . $more->port . '/' or die "curl: $!";
    $backend->wait_for(qr/GET \/ HTTP/);
    $backend->type("$kind\n");
    $backend->wait_for($kind eq 'R' ? qr/CN = client\nverify return:1.*SSL_do_handshake/s : qr/SSL_do_handshake/);
    $backend->type("HTTP/1.1 200 OK\n");
    $backend->type("Content-Length: 7\n\nhello\n");
    my $got = do { local $/; <$waiting> };
    close $waiting;
    is $got, "hello\r\n 200", "a backend that begins another handshake ($kind)";
    unlike $more->error_log, qr/panicked/, 'nothing panicked';
}
unlike $httpd->error_log, qr/panicked/, 'nothing panicked';
done_testing;
