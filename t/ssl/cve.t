# What mod_ssl had to be mended for: a test for each CVE of its last ten years that no other file is about.
#
#   CVE-2019-0190                   renegotiate-hostile.t
#   CVE-2019-0215                   reneg-places.t, reneg-forged.t
#   CVE-2025-23048, CVE-2016-4979   client-hosts.t; with directories reneg-places.t
#   CVE-2026-59797                  also require.t
use strict;
use warnings FATAL => 'all';
use File::Path qw(make_path);
use Test::More;
use lib 'lib', 't/lib';
use ClientCert ();
use Curl ();
use IO::Select ();
use IO::Socket::INET ();
use Responder ();
use TestHttpd ();
use TlsClient ();

my $ours = !TestHttpd::stock();

# What comes back for bytes in clear, until the server closes; the client says that nothing more follows.
sub plain {
    my ($port, $text) = @_;
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port) or die "connect: $!";
    syswrite $socket, $text;
    shutdown $socket, 1;
    my $all = '';
    while (1) {
        IO::Select->new($socket)->can_read(TlsClient::PATIENCE()) or die 'the server stays silent';
        sysread $socket, my $bytes, 65_536 or last;
        $all .= $bytes;
    }
    return $all;
}

# --- CVE-2017-3169: a third-party module runs the process_connection hooks while plain HTTP on the port is answered -----
{
    my @places = ('first', 'handler', 'first handler');
    my $hosts  = join '', map { <<"END" } 1 .. @places;
<VirtualHost *:\@PORT$_\@>
    ServerName localhost
    SSLEngine on
    \@ECDSA@
    Nested $places[$_ - 1]
    ErrorDocument 400 /index.html
</VirtualHost>
END
    my $httpd = TestHttpd->start('LoadModule nested_module ' . TestHttpd::root() . "/modules/nested.so\nTimeout 5\n$hosts");
    for my $number (1 .. @places) {
        my $before = length $httpd->error_log;
        for my $text ("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nGET ", 'HEAD /') {
            my $answer = plain($httpd->port($number), $text);
            like $answer, qr{\A(?:HTTP/1\.1 400 |\z)}, "CVE-2017-3169: plain HTTP, port $number, " . substr $text, 0, 4;
        }
        $httpd->wait_for(sub { substr($httpd->error_log, $before) =~ /NESTED \w+: TLS 0, version ""/ }, 'the nested hooks');
        # With TLS the nested hooks read the next request, or the end.
        for my $version ('1.2', '1.3') {
            my $client = TlsClient->new(port => $httpd->port($number), version => $version)->handshake;
            $client->send(TlsClient::request_text('GET', '/1k.bin') . TlsClient::request_text('GET', '/1k.bin'));
            $client->close_notify;
            eval { $client->receive_all };
            is(TlsClient->new(port => $httpd->port($number), version => $version)->handshake->protocol, "TLSv$version", "CVE-2017-3169: TLS $version, port $number: the server goes on");
        }
    }
    like $httpd->error_log, qr/NESTED $_: TLS 1, version "TLSv1\.3"/, "CVE-2017-3169: $_ was tried" for qw(first handler);
    unlike $httpd->error_log, qr/exit signal|panic/, 'CVE-2017-3169: no process ended';
}

# --- CVE-2025-49812: nobody is asked, or allowed, to upgrade a plain connection to TLS ----------------------------------
{
    my $httpd = TestHttpd->start(<<'END');
<VirtualHost *:@PORT@>
    ServerName localhost
    SSLEngine optional
    @ECDSA@
    <Location /tls>
        SSLRequireSSL
    </Location>
    <Location /required>
        Require ssl
    </Location>
</VirtualHost>
<VirtualHost *:@PORT2@>
    ServerName localhost
    SSLEngine on
    @ECDSA@
</VirtualHost>
END
    $httpd->wait_log(qr/AH10510: 'SSLEngine optional' is no longer supported/);
    my $client = TlsClient->new(sni => 'localhost');
    $client->step;
    my $hello   = $client->outgoing;
    my $upgrade = "Connection: Upgrade, close\r\nUpgrade: TLS/1.2, TLS/1.0, HTTP/1.1\r\n";
    for my $line ('GET /1.bin', 'OPTIONS *', 'GET /tls/x', 'GET /required/x', 'HEAD /1.bin') {
        for my $rest ('', $upgrade) {
            my $what   = "CVE-2025-49812: $line" . ($rest ? ' with Upgrade' : '');
            my $answer = plain($httpd->port, "$line HTTP/1.1\r\nHost: localhost\r\n" . ($rest || "Connection: close\r\n") . "\r\n" . ($rest ? $hello : ''));
            my ($head) = split /\r\n\r\n/, $answer, 2;
            like $head,   qr{\AHTTP/1\.1 (?:200|403) }, "$what: an ordinary answer";
            unlike $head, qr/^Upgrade:|^Connection:.*upgrade/im, '... without an offer';
            unlike $answer, qr/\x16\x03/, '... and without a ServerHello';
        }
    }
    my $over = TlsClient->new(port => $httpd->port(2))->handshake;
    my $answer = $over->get('/1.bin', Connection => 'Upgrade', Upgrade => 'TLS/1.2');
    is $answer->{status}, 200, 'CVE-2025-49812: over TLS it is no more than a request';
    is $answer->{headers}{upgrade}, undef, '... without an offer';
    is $over->get('/1.bin')->{status}, 200, '... and the connection is as before';
    like plain($httpd->port, $hello), qr{\AHTTP/1\.1 400 }, 'CVE-2025-49812: TLS on that port is no HTTP';
}

# --- CVE-2024-47252: what a client chose gets into the access log escaped -----------------------------------------------
{
    my $ca    = ClientCert->authority;
    my @items = ('%{SSL_TLS_SNI}x', '%{SSL_CLIENT_S_DN_CN}x', '%{SSL_CLIENT_S_DN_CN_RAW}x', '%{SSL_CLIENT_S_DN}x', '%{subjectdn}c', '%{SSL_CLIENT_SAN_DNS_0}x',
        '%{SSL_CLIENT_CERT}x', '%{REQUEST_URI}x', '%{REQUEST_FILENAME}x', '%{PATH_INFO}x', '%{HTTP:X-Other}x', '%{HTTP_USER_AGENT}x', '%{THE_REQUEST}x', '%{QUERY_STRING}x', '%{ENV:MADE}x');
    my $httpd = TestHttpd->start('LogFormat "' . join('|', @items) . "\" made\n" . <<"END");
CustomLog logs/made made
HttpProtocolOptions Unsafe
<VirtualHost *:\@PORT@>
    ServerName localhost
    SSLEngine on
    \@ECDSA@
    SSLOpenSSLConfCmd VerifyMode Request
    SSLOpenSSLConfCmd VerifyCAFile ${\ $ca->root}
    SSLOptions +ExportCertData
    <Location />
        SetEnvIfExpr "%{REQUEST_URI} =~ /^([^!]*)/" MADE=\$1
    </Location>
</VirtualHost>
END
    my $text = "a\r\nInjected: \"x\" \\ \t\x08\x0b\x7f\e[31mb";
    my $file = $ca->issue(subject => ClientCert::name(['CN', "$text\xc2\x9b2Jc"]), extensions => [ClientCert::san(ClientCert::dns($text))]);
    my $client = TlsClient->new(port => $httpd->port, sni => $ours ? $text : 'localhost', cert => $file, key => $ca->key)->handshake;
    my $path = $text =~ s/([^a-z])/sprintf '%%%02x', ord $1/gier;
    $client->send("GET /$path?%1b%0a HTTP/1.1\r\nHost: localhost\r\nX-Other: \e[31m\x01\x9b\"\r\nUser-Agent: \e]0;x\a\xff\r\nConnection: close\r\n\r\n");
    $client->receive_all;
    $httpd->wait_for(sub { $httpd->access_log('made') =~ /\n\z/ }, 'a line in the log');
    my $log = $httpd->access_log('made');
    is $log =~ tr/\n//, 1, 'CVE-2024-47252: one line in the log, whatever the client sends';
    unlike $log, qr/[^\n -~]/, '... of printable characters';
    my %logged;
    @logged{@items} = split /\|/, $log =~ s/\n\z//r;
    unlike $logged{$_} =~ s/\\.//gr, qr/"/, "... no quote by itself in $_" for @items;
    my $uri = 'a\r\nInjected: \"x\" \\\\ \t\b\v\x7f\x1b[31mb';
    like $logged{'%{SSL_CLIENT_CERT}x'}, qr/\A-----BEGIN CERTIFICATE-----\\nMII.*\\n-----END CERTIFICATE-----\\n\z/, '... line breaks as \n';
    is $logged{'%{REQUEST_URI}x'},  "/$uri", '... control characters as \xHH';
    is $logged{'%{ENV:MADE}x'},     "/$uri", '... in the environment, too';
    is $logged{'%{HTTP:X-Other}x'}, '\x1b[31m\x01\x9b\"', '... and in header fields';
    is $logged{'%{SSL_TLS_SNI}x'}, 'a\\\\0D\\\\0AInjected: \"x\" \\\\ \\\\09\\\\08\\\\0B\\\\7F\\\\1B[31mb', '... the name in SNI' if $ours;
    unlike $httpd->error_log, qr/^Injected|\e/m, '... and the error log is no other';
}

# --- CVE-2026-44185: what is sent to an OCSP responder ends where it ends, however long the address is ------------------
{
    my $responder = Responder->start;
    my $folder    = $responder->folder;
    my %length    = (short => 10, long => 4_000, buffer => 8_150, overlong => 30_000);
    my $httpd     = TestHttpd->start(<<"END");
<VirtualHost *:\@PORT@>
    ServerName localhost
    SSLEngine on
    \@ECDSA@
    SSLVerifyClient require
    SSLCACertificateFile $folder/ca.pem
    SSLOCSPEnable on
</VirtualHost>
END
    for my $name (sort { $length{$a} <=> $length{$b} } keys %length) {
        my $path = 'x' x $length{$name} . '/good';
        $responder->issue($name, 'authorityInfoAccess=OCSP;URI:' . $responder->url($path) . "\n");
        $responder->index_of('good');
        unlink "$folder/head-good";
        my $client = TlsClient->new(port => $httpd->port, ca => undef, cert => "$folder/$name.pem", key => "$folder/$name.key");
        my $status = eval { $client->handshake->get('/1k.bin')->{status} } // 'refused';
        is $status, 200, "CVE-2026-44185: a responder's address of an ordinary length" if $name eq 'short';
        like $status, qr/\A(?:200|refused)\z/, "CVE-2026-44185: a responder's address of $length{$name} bytes: $status";
        my $head = TestHttpd::slurp("$folder/head-good");
        like $head, qr{\A(?:|POST /\Q$path\E HTTP/1\.0\r\n[A-Za-z-]+: [ -~]+(?:\r\n[A-Za-z-]+: [ -~]+){1,8})\z}, '... the request is what it should be, and no more';
    }
}

# --- CVE-2026-59797: SSLRequire in .htaccess reads no files; whether they are there is no secret, as for <If> ----------
{
    my $reads = q{file('/etc/passwd') =~ m#root#};
    my @lines = (
        "SSLRequire $reads",
        'SSLRequire filesize("/etc/passwd") > 0',
        'SSLRequire %{file:/etc/passwd} =~ m#root#',
        'SSLRequire "%{file:/etc/passwd}" =~ m#root#',
        "SSLRequire \"x\" =~ m#x# && $reads",
        'SSLRequire "%{tolower:%{file:/etc/passwd}}" =~ m#root#',
        "<Files page.txt>\nSSLRequire $reads\n</Files>",
        "<FilesMatch .>\nSSLRequire $reads\n</FilesMatch>",
        "<If \"true\">\nSSLRequire $reads\n</If>",
        "<IfModule mod_ssl.c>\nSSLRequire $reads\n</IfModule>",
        "<Files page.txt>\n<If \"true\">\nSSLRequire $reads\n</If>\n</Files>",
    );
    my $httpd = TestHttpd->new(<<'END');
<VirtualHost *:@PORT@>
    ServerName localhost
    SSLEngine on
    @ECDSA@
    DocumentRoot "@ROOT@/pages"
    <Directory "@ROOT@/pages">
        AllowOverride All
    </Directory>
</VirtualHost>
END
    for my $number (0 .. @lines) {
        my $folder = "$httpd->{root}/pages/$number";
        make_path($folder);
        for my $page (['.htaccess', ($lines[$number] // 'SSLRequire "a" eq "a"') . "\n"], ['page.txt', 'text']) {
            open my $file, '>', "$folder/$page->[0]" or die "$page->[0]: $!";
            print {$file} $page->[1];
            close $file or die "$page->[0]: $!";
        }
    }
    is $httpd->try_start, 'runs', 'CVE-2026-59797: the server runs' or BAIL_OUT($httpd->output . $httpd->error_log);
    my $address = 'https://localhost:' . $httpd->port;
    for my $number (0 .. $#lines) {
        my $from = length $httpd->error_log;
        is Curl::status("$address/$number/page.txt"), 500, 'CVE-2026-59797: refused in .htaccess: ' . $lines[$number] =~ s/\n/; /gr;
        like substr($httpd->error_log, $from), qr/not available in restricted context/, '... for that reason';
    }
    is Curl::status("$address/${\ scalar @lines}/page.txt"), 200, 'CVE-2026-59797: other expressions work';
}
done_testing;
