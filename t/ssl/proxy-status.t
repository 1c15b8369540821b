# What the client is told when no handshake with a backend comes to a good end: by mod_proxy's handlers, and balancers.
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
my %server = (by => 'root', eku => 'serverAuth', subject => '/O=Backends', san => 'DNS:localhost');
$pki->root($_) for qw(root stranger);
$pki->issue('good',    %server);
$pki->issue('other',   %server, san => 'DNS:other.test');
$pki->issue('foreign', %server, by => 'stranger');
$pki->issue('expired', %server, from => '20200101000000Z', to => '20210101000000Z');
$pki->issue('revoked', %server);
my $list   = $pki->crl('root', revoked => ['revoked']);
my $root   = $pki->file('root');
my @python = ('--cert', $pki->combined('good'), '--alpn', 'h2,http/1.1');
my @client = ('--verify', 'require', '--ca', $root);

# What is wrong: a backend, and the reason as a note of the request.
my %backend = map { $_ => Backend->python('--cert', $pki->combined($_), '--alpn', 'h2,http/1.1') } qw(other foreign expired revoked);
$backend{$_} = Backend->python('--mode', $_) for qw(plain close garbage stall alert);
$backend{old}       = Backend->python(@python, '--min', '1.0', '--max', '1.0');
$backend{cipher}    = Backend->python(@python, '--max', '1.2', '--ciphers', 'ECDHE-RSA-AES128-GCM-SHA256');
$backend{'no-cert'} = Backend->python(@python, '--max', '1.2', @client);
# This one objects when the handshake is over for us.
$backend{'late'}    = Backend->python(@python, '--min', '1.3', @client);
my %reason = (
    other   => qr/AH02411: SSL Proxy: Peer certificate does not match/, foreign => qr/unable to get local issuer/, expired => qr/certificate has expired/, revoked => qr/certificate revoked/,
    plain   => qr/wrong version number/, close => qr/unexpected eof|closed/, garbage => qr/error:0A/, stall => qr/nothing came in time/, alert => qr/alert handshake failure/,
    old     => qr/error:0A/, cipher => qr/alert handshake failure/, 'no-cert' => qr/alert/, late => qr/alert certificate required|asked for a certificate/,
);
my @kinds = sort keys %reason;
my $good  = Backend->python('--cert', $pki->combined('good'));
my $quiet = Backend->python('--mode', 'stall');

my $trust = "SSLProxyEngine on\nSSLProxyVerify require\nSSLProxyCACertificateFile $root\nSSLProxyCARevocationFile $list\nSSLProxyCARevocationCheck leaf\n";
my ($g, $q) = map { $_->port } $good, $quiet;
my ($config, $number, %at) = ("<VirtualHost *:\@PORT@>\nServerName plain\nProxyPass / http://localhost:$q/ timeout=1\n</VirtualHost>\n", 1);
for my $kind (@kinds) {
    my $port = $backend{$kind}->port;
    my $time = $kind eq 'stall' ? 'timeout=1' : '';
    $at{$kind} = ++$number;
    my $balancers = join '', map { <<"END" } qw(get post large h2);
<Proxy balancer://$kind-$_>
    BalancerMember ${\ ($_ eq 'h2' ? 'h2' : 'https')}://localhost:$port lbset=0 $time
    BalancerMember https://localhost:$g lbset=1
</Proxy>
ProxyPass /members-$_ balancer://$kind-$_/
END
    $config .= <<"END";
<VirtualHost *:\@PORT$number@>
    ServerName $kind
    LogFormat "%s %{ssl-proxy-error}n" note
    CustomLog logs/$kind note
    $trust
    RewriteEngine on
    RewriteRule ^/rewritten https://localhost:$port/ [P]
    ProxyPass /http https://localhost:$port/ $time
    ProxyPass /ping https://localhost:$port/ping disablereuse=on ping=2 $time
    ProxyPass /h2 h2://localhost:$port/ $time
    ProxyPass /wss wss://localhost:$port/ $time
    ProxyPass /upgrade https://localhost:$port/upgrade upgrade=websocket $time
    $balancers
</VirtualHost>
END
}
my ($tunnel, $foreign) = map { $backend{$_}->port } qw(other foreign);
$at{tunnel} = ++$number;
$config .= "<VirtualHost *:\@PORT$number@>\nServerName tunnel\nProxyWebsocketFallbackToProxyHttp off\n${trust}ProxyPass / wss://localhost:$tunnel/\n</VirtualHost>\n";
$at{forward} = ++$number;
$config .= "<VirtualHost *:\@PORT$number@>\nServerName forward\nProxyRequests on\n$trust</VirtualHost>\n";
$at{checked} = ++$number;
$config .= <<"END";
<VirtualHost *:\@PORT$number@>
    ServerName checked
    $trust
    <Proxy balancer://checked>
        BalancerMember https://localhost:$foreign lbset=0 hcmethod=GET hcinterval=2 hcfails=1
        BalancerMember https://localhost:$g lbset=1
    </Proxy>
    ProxyPass / balancer://checked/
</VirtualHost>
END
my $httpd = TestHttpd->start(TestHttpd::load_also(qw(proxy proxy_http proxy_http2 proxy_wstunnel slotmem_shm lbmethod_byrequests proxy_balancer watchdog proxy_hcheck)) . $config);
my @websocket = ('-H', 'Connection: Upgrade', '-H', 'Upgrade: websocket', '-H', 'Sec-WebSocket-Key: eA==', '-H', 'Sec-WebSocket-Version: 13');
my $large     = TestHttpd::docs() . '/1m.bin';

sub url { my ($host, $path) = @_; return 'http://127.0.0.1:' . $httpd->port($at{$host}) . $path }

# Path, options of curl; the members of a balancer are asked twice.
my @places = (
    ['/http'], ['/http', '--data', 'abc'], ['/http', '--data-binary', "\@$large"], ['/http', '--data-binary', "\@$large", '-H', 'Transfer-Encoding: chunked'],
    ['/http', '--data-binary', "\@$large", '-H', 'Expect: 100-continue'], ['/rewritten'], ['/ping'], ['/ping', '--data', 'abc'],
    ['/h2'], ['/h2', '--data', 'abc'], ['/wss', @websocket], ['/upgrade', @websocket],
    ['/members-get'], ['/members-post', '--data', 'abc'], ['/members-large', '--data-binary', "\@$large"], ['/members-h2'],
);
my @few = (['/http'], ['/h2'], ['/wss', @websocket], ['/members-get'], ['/members-post', '--data', 'abc']);    # for what takes its time

for my $kind (@kinds) {
    my $requests = 0;
    for my $place ($kind eq 'stall' ? @few : @places) {
        my ($path, @options) = @$place;
        my $h2 = $path =~ /h2/;
        # The C module leaves it to mod_proxy's handlers.
        my $expected = $stock ? ($h2 ? 503 : $kind eq 'late' ? 502 : 500) : 502;
        $requests++;
        # Another member is asked at once by mod_proxy after 503.
        my $over = $path eq '/members-h2';
        my $what = join ' ', "$kind: $path", grep { /^-/ || /:/ } map { s/^\@.*//r } @options[grep { $path !~ /wss|upgrade/ } 0 .. $#options];
        my $answer = Curl::get(url($kind, $path), @options);
        is $answer->{status}, $over ? 200 : $expected, "$what: " . ($over ? 'another member' : $expected);
        unless ($stock || $over) {
            $httpd->wait_for(sub { my $lines = () = $httpd->access_log($kind) =~ /\n/g; $lines == $requests }, 'the access log');
            like +(split /\n/, $httpd->access_log($kind))[-1], qr/^$expected .*(?:$reason{$kind})/, '... and the note says why';
            like $answer->{body}, qr/<title>$expected (?:Proxy Error|Bad Gateway|Gateway Timeout|Service Unavailable)/, '... the page too has the status' if $answer->{body};
            like $answer->{body}, qr/Error during SSL Handshake with remote server/, '... and mod_proxy\'s reason' unless $h2 || $kind eq 'late';
        }
        next unless $path =~ m{^/members-(?!h2)};
        # A member without a good handshake is left alone by mod_proxy, unless it was over for us.
        $requests++;
        my $then = $kind eq 'late' ? 502 : 200;
        is Curl::status(url($kind, $path), @options), $then, '... and afterwards ' . ($then == 200 ? 'the other member is asked' : 'the same');
    }
    unlike $backend{$kind}->said, qr/^request/m, "$kind: no request has reached it";
}

# --- Other places --------------------------------------------------------------------------------------------------------
{
    my $expected = $stock ? 500 : 502;
    is Curl::status(url('tunnel', '/'), @websocket), $expected, "mod_proxy_wstunnel without mod_proxy_http: $expected";
    my $proxy = 'http://127.0.0.1:' . $httpd->port($at{forward});
    my $other = $backend{other}->port;
    is Curl::status('http://127.0.0.1/', '--proxy', $proxy, '--request-target', "https://localhost:$other/"), $expected, "a forward proxy: $expected";
    is Curl::status('http://127.0.0.1:' . $httpd->port . '/'), 502, 'a backend without TLS that says nothing gets the same from mod_proxy';
}
# What became of one request says nothing of the next in the same thread.
{
    my ($late, $nobody) = ($backend{late}->port, TestHttpd::free_port());
    my $few = TestHttpd->start(TestHttpd::load_also(qw(proxy proxy_http proxy_wstunnel)) . <<"END", threads => 2);
<VirtualHost *:\@PORT@>
    ProxyWebsocketFallbackToProxyHttp off
    $trust
    ProxyPass /tunnel wss://localhost:$late/
    ProxyPass /nobody https://localhost:$nobody/ retry=0
</VirtualHost>
END
    my $url = 'http://127.0.0.1:' . $few->port;
    for my $round (1 .. 4) {
        qx(curl --silent --max-time 30 --output /dev/null --header 'Connection: Upgrade' --header 'Upgrade: websocket' $url/tunnel) for 1 .. 4;
        is Curl::status("$url/nobody"), 503, "nobody listens: 503, whatever came before ($round)";
    }
    like $few->error_log, qr/alert certificate required/, '... where a tunnel has ended because of its handshake';
}
# A health check that fails takes the member out before any request meets it.
$httpd->wait_for(sub { my $checks = () = $httpd->error_log =~ /AH01964: .*\(server checked:80\)/g; $checks > 1 }, 'the second check, which comes after the first');
is Curl::status(url('checked', '/')), 200, 'a member that fails its health check is not asked';
like $httpd->error_log, qr/AH01997: SSL handshake failed: sending 502/, 'the log says what it always did';
unlike $httpd->error_log, qr/panicked/, 'nothing panicked';
done_testing;
