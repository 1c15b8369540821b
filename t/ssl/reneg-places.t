# Where demands of a directory meet a request on its way: sub-requests, internal redirects, error pages, .htaccess, sessions that
# are resumed, other virtual hosts, streams of HTTP/2. Nothing of the directory is to be had without what it demands.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use ClientPki ();
use Digest::SHA ();
use TestHttpd ();
use TlsClient ();

use constant {WEAK => 'ECDHE-ECDSA-AES128-GCM-SHA256', STRONG => 'ECDHE-ECDSA-AES256-GCM-SHA384'};

my $ours = !TestHttpd::stock();
my $pki  = ClientPki->new;
$pki->root($_) for qw(one two);
my %client = (none => [], good => [$pki->issue('good', by => 'one')], other => [$pki->issue('other', by => 'two')]);
my %ca = map { $_ => 'SSLCACertificateFile ' . $pki->file($_) } qw(one two);

sub vhost {
    my ($name, $lines) = @_;
    return "<VirtualHost *:\@PORT\@>\nServerName $name.test\nSSLEngine on\n\@ECDSA\@\nSSLOptions +StdEnvVars\nHeader set X-Verify \"%{SSL_CLIENT_VERIFY}s\"\n$lines\n</VirtualHost>\n";
}

my $main = $ca{one} . "\n" . <<'END' =~ s/WEAK/WEAK/ger =~ s/STRONG/STRONG/ger;
    Protocols h2 http/1.1
    SSLHonorCipherOrder on
    SSLCipherSuite WEAK:STRONG
    ScriptAlias /secret/ @CGI@/
    ScriptAlias /strong/ @CGI@/
    ScriptAlias /small/ @CGI@/
    Alias /pages/ @ROOT@/pages/
    <Location /secret>
        SSLVerifyClient require
    </Location>
    <Location /strong>
        SSLCipherSuite STRONG
    </Location>
    <Location /small>
        SSLCipherSuite STRONG
        SSLRenegBufferSize 1000
        ErrorDocument 413 /strong/env
    </Location>
    <Directory @ROOT@/pages>
        Options +Includes
        AddOutputFilter INCLUDES .shtml
        DirectoryIndex index.cgi
        Options +ExecCGI
        AddHandler cgi-script .cgi
        AllowOverride AuthConfig
    </Directory>
    <Directory @ROOT@/pages/deaf>
        AllowOverride None
    </Directory>
    <Files index.cgi>
        SSLVerifyClient require
    </Files>
    RewriteEngine on
    RewriteRule ^/moved$ /secret/env [PT]
    <Location /errors>
        ErrorDocument 404 /secret/env
    </Location>
END
my $require = "<Location />\nSSLVerifyClient require\n</Location>";
my $httpd   = TestHttpd->new(<<"END");
SSLSessionCache shmcb
SSLVHostSNIPolicy insecure
${\ vhost('main', $main) }
${\ vhost('same', "$ca{one}\n$require") }
${\ vhost('theirs', "$ca{two}\n$require") }
${\ vhost('whole', "$ca{one}\nSSLVerifyClient require") }
${\ vhost('whole-theirs', "$ca{two}\nSSLVerifyClient require") }
${\ vhost('maybe', "$ca{one}\nSSLVerifyClient optional\n$require") }
${\ vhost('crl', "$ca{one}\nSSLCARevocationFile ${\ $pki->crl('one') }\nSSLCARevocationCheck leaf\nSSLVerifyClient require") }
END

my $pages = "$httpd->{root}/pages";
mkdir $_ or die "$_: $!" for $pages, map { "$pages/$_" } qw(index protected ciphers deaf);
sub put { my ($name, $text) = @_; open my $file, '>', "$pages/$name" or die "$name: $!"; print {$file} $text; close $file or die "$name: $!"; return }
put('main.shtml', "before <!--#include virtual=\"/secret/env\" --> after\n");
put('index/index.cgi', TestHttpd::slurp(TestHttpd::cgi() . '/sha256'));
chmod 0755, "$pages/index/index.cgi";
put('protected/.htaccess', "SSLVerifyClient require\n");
put('protected/page', "secret\n");
put('ciphers/.htaccess', "SSLCipherSuite ${\ STRONG }\nSSLVerifyDepth 1\nSSLRenegBufferSize 10\n");
put('ciphers/page', "page\n");
put('deaf/.htaccess', "SSLVerifyClient require\n");
put('deaf/page', "page\n");
is $httpd->try_start, 'runs', 'the server starts' or diag $httpd->output, $httpd->error_log;

sub client {
    my ($version, $who, @more) = @_;
    return TlsClient->new(port => $httpd->port, sni => 'main.test', version => $version, ca => undef, pha => 1, @{$client{$who}}, @more)->handshake;
}

sub get { my ($client, $path, $host) = @_; return eval { $client->get($path, Host => ($host // 'main') . '.test') } }

# A status, or the alert.
sub status { my ($client, $path, $host) = @_; my $answer = get($client, $path, $host); return $answer ? $answer->{status} : 'alert ' . (($client->alerts)[0] // 'none') }

sub verify { my ($client, $path, $host) = @_; my $answer = get($client, $path, $host); return $answer ? $answer->{headers}{'x-verify'} // "status $answer->{status}" : 'alert ' . (($client->alerts)[0] // 'none') }

sub post {
    my ($client, $path, $body) = @_;
    $client->send(TlsClient::request_text('POST', $path, Host => 'main.test', 'Content-Length' => length $body) . $body);
    return $client->answer('POST');
}

for my $version ('1.2', '1.3') {
    my $alert = $version eq '1.2' ? 'alert 40' : 'alert 116';

    subtest "TLS $version: sub-requests" => sub {
        my $client = client($version, 'good');
        my $answer = get($client, '/pages/main.shtml');
        is $answer->{status}, 200;
        like $answer->{body}, qr/^before .*^SSL_CLIENT_VERIFY=SUCCESS\n.* after\n/ms, 'what is included comes after the certificate';
        is status($client, '/1k.bin'), 200, 'the connection goes on';
        $answer = get(client($version, 'none'), '/pages/main.shtml');
        unlike $answer->{body} // '', qr/SSL_CLIENT_VERIFY/, 'and does not without';
    };

    subtest "TLS $version: sub-requests of a request with a body" => sub {
        plan skip_all => 'the C module is not asked to' unless $ours;
        for my $size (0, 1, 5_000, 100_000) {
            my $client = client($version, 'good');
            my $body   = TestHttpd::pattern($size);
            my $answer = post($client, '/pages/index/', $body);
            is $answer->{body}, "$size " . Digest::SHA::sha256_hex($body) . "\n", "the index of a directory, $size bytes";
        }
        my $client = client($version, 'none');
        $client->send(TlsClient::request_text('POST', '/pages/index/', Host => 'main.test', 'Content-Length' => 3) . 'abc');
        is $client->receive_all, '', 'not without a certificate';
    };

    subtest "TLS $version: internal redirects" => sub {
        is verify(client($version, 'good'), '/moved'), 'SUCCESS', 'a rewritten path';
        is status(client($version, 'none'), '/moved'), $alert, 'not without a certificate';
        is verify(client($version, 'good'), '/errors/missing'), 'SUCCESS', 'an error page';
        is status(client($version, 'none'), '/errors/missing'), $alert, 'not without a certificate';
    };

    subtest "TLS $version: .htaccess" => sub {
        is verify(client($version, 'good'), '/pages/protected/page'), 'SUCCESS', 'SSLVerifyClient';
        is status(client($version, 'none'), '/pages/protected/page'), $alert, 'not without a certificate';
        is verify(client($version, 'none'), '/pages/deaf/page'), 'NONE', 'nothing with AllowOverride None';
        my $client = client($version, 'none');
        is status($client, '/pages/ciphers/page'), 200;
        is $client->cipher, STRONG, 'SSLCipherSuite' if $version eq '1.2';
        is post(client($version, 'none'), '/pages/ciphers/page', 'x' x 11)->{status}, $version eq '1.2' ? 413 : 200, 'SSLRenegBufferSize';
    };

    # A session knows nothing of what was shown for a directory: whoever resumes it is asked again. CVE-2019-0215.
    subtest "TLS $version: resumed sessions" => sub {
        for my $before ('none', 'good') {
            for my $now ('none', 'good') {
                my $first = client($version, $before);
                is status($first, '/1k.bin'), 200;
                my $again = client($version, $now, session => $first->session);
                is $again->reused, 1, "resumed; $before, now $now";
                is verify($again, '/1k.bin'), 'NONE', 'nobody has shown anything';
                is verify($again, '/secret/env'), $now eq 'good' ? 'SUCCESS' : $alert, 'the directory asks';
            }
        }
        # After the certificate was shown.
        my $first = client($version, 'good');
        is verify($first, '/secret/env'), 'SUCCESS';
        status($first, '/1k.bin');
        my $again = client($version, 'none', session => $first->session);
        is verify($again, '/secret/env'), $alert, 'not with what is left of that connection';
    };

    # CVE-2025-23048
    subtest "TLS $version: sessions of one host at another" => sub {
        for my $from (qw(main same theirs maybe)) {
            for my $to (qw(same theirs)) {
                my $who   = $from eq 'theirs' ? 'other' : 'good';
                my $first = client($version, $who, sni => "$from.test");
                is verify($first, '/cgi/env', $from), $from eq 'main' ? 'NONE' : 'SUCCESS', "from $from";
                my $again = client($version, $who, sni => "$to.test", session => $first->session);
                is $again->reused, 0, "a full handshake at $to" if $from ne $to;
                my $good = ($to eq 'theirs') == ($who eq 'other');
                is verify($again, '/cgi/env', $to), $good ? 'SUCCESS' : 'alert 48', "at $to";
                $again = client($version, 'none', sni => "$to.test", session => client($version, $who, sni => "$from.test")->session);
                is verify($again, '/cgi/env', $to), $alert, "at $to without a certificate";
            }
        }
    } if $ours;

    # The host of the handshake is another than that of the request.
    subtest "TLS $version: one host in the handshake and another in the request" => sub {
        for my $row (
            # handshake     request         good        none       other
            ['main',         'same',         'SUCCESS',  $alert,    'alert 48'],
            ['main',         'whole',        'SUCCESS',  $alert,    'alert 48'],
            ['main',         'theirs',       403,        403,       403],
            ['main',         'whole-theirs', 403,        403,       403],
            ['main',         'crl',          403,        403,       403],
            ['whole',        'same',         'SUCCESS',  undef,     undef],
            ['whole',        'main',         'SUCCESS',  undef,     undef],
            ['whole',        'theirs',       403,        undef,     undef],
            ['whole',        'crl',          403,        undef,     undef],
            ['whole-theirs', 'whole',        undef,      undef,     403],
            ['whole-theirs', 'main',         undef,      undef,     'SUCCESS'],
            ['theirs',       'same',         403,        403,       403],
        ) {
            my ($made, $wanted, %expected) = ($row->[0], $row->[1], good => $row->[2], none => $row->[3], other => $row->[4]);
            for my $who (grep { defined $expected{$_} } sort keys %expected) {
                my $client = client($version, $who, sni => "$made.test");
                my $found  = $expected{$who} eq '403' ? status($client, '/1k.bin', $wanted) : verify($client, '/1k.bin', $wanted);
                is $found, $expected{$who}, "$who: from $made to $wanted";
            }
        }
        like $httpd->error_log, qr/AH02256: Non-default virtual host with SSLVerify set to 'require'/;
    } if $ours;
}

# The cipher of before is not that of the directory, whatever went wrong meanwhile.
subtest 'an error page behind other ciphers' => sub {
    my $client = client('1.2', 'none');
    my $answer = post($client, '/small/sha256', 'x' x 2_000);
    is $answer->{status}, 413;
    like $answer->{body}, qr/^SSL_CIPHER=\Q${\ STRONG }\E$/m, 'what is served from there comes with its cipher' if $ours;
};

# CVE-2016-4979
subtest 'HTTP/2' => sub {
    plan skip_all => 'mod_http2 does not work with prefork' if TestHttpd::mpm() eq 'prefork';
    my $port = $httpd->port;
    for my $version ('1.2', '1.3') {
        for my $who ('none', 'good') {
            my %file = @{$client{$who}};
            my @cert = %file ? ('--cert', $file{cert}, '--key', $file{key}) : ();
            my @curl = ('curl', '-sk', '--http2', "--tlsv$version", '--tls-max', $version, '--resolve', "main.test:$port:127.0.0.1", @cert);
            my $out = qx(@curl -w '%{http_code}-%{http_version}\n' https://main.test:$port/secret/env https://main.test:$port/1k.bin -o /dev/null -o /dev/null);
            my ($secret, $open) = split /\n/, $out;
            like $secret, $who eq 'none' ? qr/^000-/ : qr/^200-1\.1$/, "TLS $version, $who: by HTTP/1.1, with a certificate";
            like $open, qr/^200-/, 'the page beside it is served';
        }
    }
    unlike $httpd->access_log, qr{HTTP/2\.0 "GET /secret/env HTTP/2\.0" 200}, 'no stream gets it';
    my $nghttp = TestHttpd::which('nghttp') or return;
    my $out = qx($nghttp -nv -H ':authority: main.test' https://127.0.0.1:$port/1k.bin https://127.0.0.1:$port/secret/env 2>&1);
    like $out, qr/RST_STREAM frame.*?HTTP_1_1_REQUIRED/s, 'a stream is told to come by HTTP/1.1';
    like $out, qr/:status: 200/, 'another one is answered';
};

is status(client('1.3', 'none'), '/1k.bin'), 200, 'the server is well';
done_testing;
