# Other modules in the filter chains and on the connection: those that cut, merge, delay, copy or rewrite what passes, below the TLS filter
# and above it, and another protocol than HTTP. Everything arrives as it was sent.
use strict;
use warnings FATAL => 'all';
use Digest::SHA qw(sha256_hex);
use Test::More;
use lib 'lib', 't/lib';
use Curl ();
use TestHttpd ();
use TlsClient ();

# Name, modules, lines for the virtual host. `prefix`: what comes before TLS.
my $proxied = "PROXY TCP4 192.0.2.7 192.0.2.8 4711 443\r\n";
my $binary  = "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" . pack 'C4 C4 n n', 192, 0, 2, 7, 192, 0, 2, 8, 4711, 443;
my @neighbour = (
    ['the PROXY protocol',             [qw(remoteip)],          'RemoteIPProxyProtocol On', prefix => $proxied],
    ['the PROXY protocol, version 2',  [qw(remoteip)],          'RemoteIPProxyProtocol On', prefix => $binary],
    ['timeouts of requests',           [qw(reqtimeout)],        'RequestReadTimeout handshake=20-60,MinRate=1 header=20-60,MinRate=1 body=20-60,MinRate=1'],
    ['a dump of everything',           [qw(dumpio)],            "DumpIOInput On\nDumpIOOutput On\nLogLevel warn ssl:info dumpio:trace7"],
    ['buckets of odd kinds',           [qw(bucketeer)],         "<Location />\nSetOutputFilter BUCKETEER\n</Location>"],
    ['a limit of the rate',            [qw(ratelimit)],         "<Location />\nSetOutputFilter RATE_LIMIT\nSetEnv rate-limit 40000\nSetEnv rate-initial-burst 4000\n</Location>"],
    ['buffers both ways',              [qw(buffer)],            "<Location />\nSetInputFilter BUFFER\nSetOutputFilter BUFFER\nBufferSize 1000\n</Location>"],
    ['a program in the way',           [qw(ext_filter)],        "<Location />\nSetOutputFilter through\n</Location>", main => 'ExtFilterDefine through mode=output cmd=/bin/cat'],
    ['substitutions',                  [qw(substitute)],        "<Location />\nSetOutputFilter SUBSTITUTE\nSubstitute \"s|no such text anywhere|x|n\"\nSubstituteMaxLineLength 300m\n</Location>"],
    ['accounts of bytes',              [],                      'CustomLog logs/bytes "%I %O"'],
);
my (@lines, %loaded, @main);
for my $number (1 .. @neighbour) {
    my ($name, $modules, $config, %option) = @{$neighbour[$number - 1]};
    $loaded{$_} = 1 for @$modules;
    push @main, $option{main} if $option{main};
    push @lines, "<VirtualHost *:\@PORT$number\@>\nServerName localhost\nSSLEngine on\n\@ECDSA\@\n$config\n</VirtualHost>\n";
}
my $echo  = @neighbour + 1;
my $hasty = @neighbour + 2;
my $httpd = TestHttpd->start(TestHttpd::load_also(sort(keys %loaded), 'echo') . join('', map { "$_\n" } @main) . "Protocols h2 http/1.1\n" . join('', @lines) . <<"END", log_level => 'warn');
<VirtualHost *:\@PORT$echo\@>
    ServerName localhost
    SSLEngine on
    \@ECDSA@
    Protocols http/1.1
    ProtocolEcho On
</VirtualHost>
<VirtualHost *:\@PORT$hasty\@>
    ServerName localhost
    SSLEngine on
    \@ECDSA@
    Timeout 600
    RequestReadTimeout body=1
    LogLevel reqtimeout:info
</VirtualHost>
END

my %size = (empty => 0, 1 => 1, '5k' => 5_000, '16k' => 16_384, '100k' => 100_000);
for my $number (1 .. @neighbour) {
    my ($name, $modules, $config, %option) = @{$neighbour[$number - 1]};
    for my $version ('1.2', '1.3') {
        my $client = TlsClient->new(port => $httpd->port($number), sni => 'localhost', version => $version);
        $client->send_raw($option{prefix}) if $option{prefix};
        $client->handshake;
        for my $page (sort keys %size) {
            my $body = $client->get("/$page.bin")->{body};
            ok $body eq TestHttpd::pattern($size{$page}), "$name, TLS $version: $page.bin";
        }
        for my $length (0, 1, 10_000, 70_000) {
            my $text = TestHttpd::pattern($length);
            $client->send(TlsClient::request_text('POST', '/cgi/sha256', 'Content-Length' => $length) . $text);
            is $client->answer->{body}, "$length " . sha256_hex($text) . "\n", "$name, TLS $version: an upload of $length bytes";
        }
        # Two at a time, and the end.
        $client->send(TlsClient::request_text('GET', '/1.bin') . TlsClient::request_text('GET', '/5k.bin', Connection => 'close'));
        ok $client->answer->{body} eq TestHttpd::pattern(1) && $client->answer->{body} eq TestHttpd::pattern(5_000), "$name, TLS $version: two at a time";
        is $client->receive_all, '', '... and no more';
        ok $client->got_close_notify, '... but close_notify';
    }
    next if $option{prefix} || TestHttpd::mpm() eq 'prefork';
    my $url = 'https://localhost:' . $httpd->port($number);
    ok Curl::get("$url/100k.bin", '--http2')->{body} eq TestHttpd::pattern(100_000), "$name, HTTP/2";
}

# The account of an upload has all of its ciphertext.
my @accounts;
$httpd->wait_for(sub { @accounts = grep { $_ >= 70_000 } $httpd->access_log('bytes') =~ /^(\d+) /mg; @accounts >= 2 }, 'the accounts of two uploads');
is scalar(grep { $_ < 72_000 } @accounts), 2, 'what is read of an upload is counted once, by mod_logio: ' . join ' ', @accounts;

# A body that stops coming is not waited for.
for my $version ('1.2', '1.3') {
    my $client = TlsClient->new(port => $httpd->port($hasty), sni => 'localhost', version => $version)->handshake;
    is $client->get('/1k.bin')->{status}, 200, "TLS $version: a request";
    my $before = () = $httpd->error_log =~ /AH01382/g;
    $client->send(TlsClient::request_text('POST', '/cgi/sha256', 'Content-Length' => 100_000) . 'x' x 50_000);
    $client->receive_all;
    my $after = () = $httpd->error_log =~ /reqtimeout:info.*AH01382: Request body read timeout/g;
    is $after, $before + 1, '... and a body that mod_reqtimeout has ended';
}

# What comes before TLS decides nothing about TLS: a header cut at each byte, none, and one inside.
for my $at (1 .. length($proxied) - 1) {
    my $client = TlsClient->new(port => $httpd->port, sni => 'localhost');
    $client->step;
    $client->send_raw(substr $proxied, 0, $at);
    $client->send_raw(substr($proxied, $at) . $client->outgoing);
    is eval { $client->handshake->get('/1.bin')->{status} }, 200, "a PROXY header, cut behind byte $at" if $at % 7 == 0;
}
for my $prefix ('', "PROXY UNKNOWN\r\n$proxied", 'PROXY ' . 'x' x 300, "$proxied$proxied", "\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff") {
    my $client = TlsClient->new(port => $httpd->port, sni => 'localhost');
    $client->send_raw($prefix);
    $client->step;
    $client->send_raw($client->outgoing);
    shutdown $client->socket, 1;
    ok !eval { $client->handshake->get('/1.bin') }, 'no good header: no connection';
}

# Another protocol.
for my $version ('1.2', '1.3') {
    my $client = TlsClient->new(port => $httpd->port($echo), sni => 'localhost', version => $version)->handshake;
    my $got    = '';
    for my $text ("hello\n", TestHttpd::pattern(100_000) . "\n", "\n") {
        $client->send($text);
        $got = '';
        $got .= $client->receive while length $got < length $text;
        ok $got eq $text, "an echo over TLS $version, " . length($text) . ' bytes';
    }
}
unlike $httpd->error_log, qr/panic|exit signal/, 'no panic, and no process ended';
done_testing;
