# SSLVerifyClient and SSLVerifyDepth in a directory: the client is asked for its certificate when it asks for the page, by
# renegotiation in TLS 1.2 and after the handshake in TLS 1.3.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use ClientPki ();
use Digest::SHA ();
use TestHttpd ();
use TlsClient ();

my $pki = ClientPki->new;
$pki->root($_) for qw(one two);
$pki->issue('mid', by => 'one', ca => 1);
my %client = (
    none    => [],
    good    => [$pki->issue('good', by => 'one')],
    below   => [$pki->issue('below', by => 'mid', chain => ['mid'])],
    other   => [$pki->issue('other', by => 'two')],
    expired => [$pki->issue('expired', by => 'one', from => '20200101000000Z', to => '20210101000000Z')],
);
my $ca  = $pki->file('one');
my $two = $pki->file('two');

my $httpd = TestHttpd->start(<<"END");
SSLSessionCache shmcb
SSLVHostSNIPolicy insecure
<VirtualHost *:\@PORT\@>
    ServerName localhost
    Protocols h2 http/1.1
    SSLEngine on
    \@ECDSA\@
    SSLCACertificateFile $ca
    SSLOptions +StdEnvVars
    ScriptAlias /require/ \@CGI\@/
    ScriptAlias /optional/ \@CGI\@/
    ScriptAlias /lenient/ \@CGI\@/
    ScriptAlias /deep/ \@CGI\@/
    <Location /require>
        SSLVerifyClient require
    </Location>
    <Location /optional>
        SSLVerifyClient optional
    </Location>
    <Location /lenient>
        SSLVerifyClient optional_no_ca
    </Location>
    <Location /deep>
        SSLVerifyClient require
        SSLVerifyDepth 2
    </Location>
</VirtualHost>
<VirtualHost *:\@PORT\@>
    ServerName other.test
    SSLEngine on
    \@ECDSA\@
    SSLCACertificateFile $two
    <Location />
        SSLVerifyClient require
    </Location>
</VirtualHost>
END

sub client {
    my ($version, $who, @more) = @_;
    return TlsClient->new(port => $httpd->port, sni => 'localhost', version => $version, pha => 1, @{$client{$who}}, @more)->handshake;
}

# What became of a request: SSL_CLIENT_VERIFY, "status NUMBER" or "alert NUMBER".
sub outcome {
    my ($client, $path) = @_;
    my $answer = eval { $client->get($path) };
    my ($alert) = $client->alerts;
    return defined $alert ? "alert $alert" : "ends: $@" unless $answer;
    return $answer->{body} =~ /^SSL_CLIENT_VERIFY=(.*)$/m ? $1 : "status $answer->{status}";
}

my @table = (
    # directory   client    TLS 1.2         TLS 1.3
    ['require',  'good',    'SUCCESS',      'SUCCESS'],
    ['require',  'none',    'alert 40',     'alert 116'],
    ['require',  'other',   'alert 48',     'alert 48'],
    ['require',  'expired', 'alert 45',     'alert 45'],
    ['require',  'below',   'alert 48',     'alert 48'],
    ['optional', 'good',    'SUCCESS',      'SUCCESS'],
    ['optional', 'none',    'NONE',         'NONE'],
    ['optional', 'other',   'alert 48',     'alert 48'],
    ['lenient',  'none',    'NONE',         'NONE'],
    ['lenient',  'good',    'SUCCESS',      'SUCCESS'],
    ['lenient',  'other',   'GENEROUS',     qr/^FAILED:/],
    ['deep',     'below',   'SUCCESS',      'SUCCESS'],
);
for my $row (@table) {
    my ($directory, $who, %expected) = ($row->[0], $row->[1], '1.2' => $row->[2], '1.3' => $row->[3]);
    for my $version ('1.2', '1.3') {
        my $client = client($version, $who);
        my $what   = "TLS $version, $directory, $who";
        is outcome($client, '/cgi/env'), 'NONE', "$what: not asked before";
        my $expected = $expected{$version};
        my $outcome  = outcome($client, "/$directory/env");
        # The C module says first FAILED and then GENEROUS.
        $expected = qr/^FAILED:/ if TestHttpd::stock() && $expected eq 'GENEROUS';
        $expected = 'alert 80' if TestHttpd::stock() && $who eq 'below' && $expected eq 'alert 48';
        like $outcome, ref $expected ? $expected : qr/^\Q$expected\E$/, $what;
        next if $expected =~ /alert/ || TestHttpd::stock() && $directory eq 'lenient';
        my $again = outcome($client, "/$directory/env");
        is $again, $outcome, "$what: again";
    }
}

for my $version ('1.2', '1.3') {
    subtest "TLS $version: from one directory to another" => sub {
        my $client = client($version, 'below');
        is outcome($client, '/deep/env'), 'SUCCESS', 'deep enough';
        like outcome($client, '/require/env'), qr/^alert/, 'not for a directory that allows less' unless TestHttpd::stock();
        $client = client($version, 'none');
        is outcome($client, '/optional/env'), 'NONE', 'may send none';
        like outcome($client, '/require/env'), TestHttpd::stock() ? qr/^(?:alert|status 403)/ : qr/^alert/, 'must send one';
        plan skip_all => 'the C module takes what it has' if TestHttpd::stock();
        $client = client($version, 'other');
        like outcome($client, '/lenient/env'), qr/^(?:GENEROUS|FAILED)/, 'nobody vouches';
        like outcome($client, '/optional/env'), qr/^alert/, 'somebody must';
    };
    subtest "TLS $version: nothing of it can be resumed" => sub {
        my $first = client($version, 'good');
        is outcome($first, '/require/env'), 'SUCCESS';
        my $again = client($version, 'none', session => $first->session);
        is outcome($again, '/cgi/env'), 'NONE', 'a new connection knows nothing of the certificate' unless TestHttpd::stock();
        like outcome($again, '/require/env'), TestHttpd::stock() ? qr/./ : qr/^alert/, 'and has to show it';
    };
    subtest "TLS $version: bodies" => sub {
        for my $size (0, 1, 100_000, 131_072, 131_073) {
            my $body   = TestHttpd::pattern($size);
            my $client = client($version, 'good');
            $client->send(TlsClient::request_text('POST', '/require/sha256', 'Content-Length' => $size) . $body);
            my $answer = $client->answer;
            if ($size > 131_072) { is $answer->{status}, 413, "$size bytes" }
            else { is $answer->{body}, "$size " . Digest::SHA::sha256_hex($body) . "\n", "$size bytes" }
        }
    };
    subtest "TLS $version: another virtual host with other CAs" => sub {
        my $client = client($version, 'good');
        is $client->get('/1k.bin', Host => 'other.test')->{status}, 403, 'refused';
        like $httpd->error_log, qr/AH02256: Non-default virtual host with SSLVerify set to 'require'/;
    } unless TestHttpd::stock();
    subtest "TLS $version: HTTP/2" => sub {
        my $port = $httpd->port;
        my %file = @{$client{good}};
        my @curl = ('curl', '-s', '--http2', '--tlsv' . $version, '--tls-max', $version, '--cacert', TestHttpd::ca(), '--resolve', "localhost:$port:127.0.0.1", '--cert', $file{cert}, '--key', $file{key});
        my $out = qx(@curl -w '%{http_code} %{http_version}' https://localhost:$port/require/env);
        like $out, $version eq '1.2' ? qr/^200 1\.1\z/m : qr/ 1\.1\z/m, 'the client comes again by HTTP/1.1';
        like $httpd->access_log, qr{HTTP/2\.0 "GET /require/env HTTP/2\.0" 403};
    } unless TestHttpd::mpm() eq 'prefork';    # mod_http2 does not work there
}

subtest 'a client that does not offer it' => sub {
    my $client = TlsClient->new(port => $httpd->port, sni => 'localhost', version => '1.3', @{$client{good}})->handshake;
    my $answer = $client->get('/require/env');
    is $answer->{status}, 403;
    like $answer->{body}, qr/Reason: Cannot perform Post-Handshake Authentication\./;
    like $httpd->error_log, qr/AH10158: cannot perform post-handshake authentication/;
    like $httpd->error_log, qr/extension not received/;
    is $client->get('/1k.bin')->{status}, 200, 'the connection goes on';
    is $client->get('/require/env')->{status}, 403, 'and so does the refusal';
};

subtest 'data before the certificate' => sub {
    my $client = client('1.3', 'good');
    $client->send(TlsClient::request_text('GET', '/require/env') . TlsClient::request_text('GET', '/1k.bin'));
    like $client->answer->{body}, qr/^SSL_CLIENT_VERIFY=SUCCESS$/m;
    is $client->answer->{status}, 200, 'is answered afterwards';
    $client = client('1.3', 'good');
    $client->send(TlsClient::request_text('POST', '/require/sha256', 'Content-Length' => 3) . 'abc' . TlsClient::request_text('GET', '/cgi/env'));
    is $client->answer('POST')->{body}, '3 ' . Digest::SHA::sha256_hex('abc') . "\n", 'a body, and a request behind it';
    like $client->answer->{body}, qr/^SSL_CLIENT_VERIFY=SUCCESS$/m, 'which is of the same client';
} unless TestHttpd::stock();

subtest 'a client that leaves instead' => sub {
    my $before = () = $httpd->error_log =~ /AH02261/g;
    my $client = client('1.3', 'good');
    $client->send(TlsClient::request_text('GET', '/require/env'));
    $client->vanish;
    $httpd->wait_for(sub { $before < (() = $httpd->error_log =~ /AH02261/g) }, 'AH02261');
    pass 'the handshake has failed';
} unless TestHttpd::stock();

subtest 'Python: every response arrives' => sub {
    my %file = @{$client{good}};
    open my $script, '>', "$httpd->{root}/post.py" or die "post.py: $!";
    print {$script} <<'PYTHON';
import hashlib, http.client, ssl, sys
port, ca, cert, key, version = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4], sys.argv[5]
context = ssl.create_default_context(cafile=ca)
context.load_cert_chain(cert, key)
context.check_hostname = False
context.post_handshake_auth = True
context.minimum_version = context.maximum_version = getattr(ssl.TLSVersion, version)
body = b'0123456789' * 5000
expected = '%d %s\n' % (len(body), hashlib.sha256(body).hexdigest())
arrived = 0
for _ in range(20):
    connection = http.client.HTTPSConnection('127.0.0.1', port, context=context, timeout=30)
    try:
        connection.request('POST', '/require/sha256', body=body, headers={'Host': 'localhost'})
        arrived += connection.getresponse().read().decode() == expected
    except (OSError, http.client.HTTPException) as error:
        print(error, file=sys.stderr)
    connection.close()
print(arrived)
PYTHON
    close $script or die "post.py: $!";
    for my $version (qw(TLSv1_2 TLSv1_3)) {
        open my $out, '-|', 'python3', "$httpd->{root}/post.py", $httpd->port, TestHttpd::ca(), $file{cert}, $file{key}, $version or die "python3: $!";
        chomp(my $arrived = <$out> // '');
        close $out;
        TestHttpd::stock() ? note "$version: $arrived of 20" : is $arrived, 20, "$version: all of 20";
    }
    pass 'ran';
};

is client('1.3', 'none')->get('/1k.bin')->{status}, 200, 'the server is well';
done_testing;
