# The body of a request that makes the connection renegotiate: it is held, at most SSLRenegBufferSize of it, and reaches the
# handler unchanged. Every response arrives.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use Digest::SHA ();
use TestHttpd ();
use TlsClient ();

use constant STRONG => 'ECDHE-RSA-AES256-GCM-SHA384';
use constant TRIES  => $ENV{TEST_TRIES} // 20;

my $httpd = TestHttpd->start(<<'END');
<VirtualHost *:@PORT@>
    ServerName localhost
    SSLEngine on
    SSLHonorCipherOrder on
    SSLCipherSuite ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384
    @RSA@
    ScriptAlias /strong/ @CGI@/
    ScriptAlias /small/ @CGI@/
    ScriptAlias /none/ @CGI@/
    <LocationMatch ^/(strong|small|none)/>
        SSLCipherSuite ECDHE-RSA-AES256-GCM-SHA384
    </LocationMatch>
    <Location /small>
        SSLRenegBufferSize 1000
    </Location>
    <Location /none>
        SSLRenegBufferSize 0
    </Location>
    <LocationMatch ^/(strong|cgi)/env>
        LogLevel trace4
        SSLOptions +StdEnvVars
    </LocationMatch>
</VirtualHost>
END

sub client { return TlsClient->new(port => $httpd->port, sni => 'localhost', version => '1.2', @_)->handshake }
sub digest { return length($_[0]) . ' ' . Digest::SHA::sha256_hex($_[0]) . "\n" }

sub chunked {
    my ($body, $size, $trailers) = @_;
    my $text = '';
    $text .= sprintf("%x\r\n%s\r\n", length, $_) for unpack "(a$size)*", $body;
    return "${text}0\r\n" . ($trailers // '') . "\r\n";
}

sub post {
    my ($client, $path, $sent, %header) = @_;
    $client->send(TlsClient::request_text('POST', $path, %header) . $sent);
    return $client->answer('POST');
}

subtest 'chunked' => sub {
    for my $case ([0, 10], [1, 1], [5_000, 7], [100_000, 16_000], [131_072, 8_192]) {
        my ($size, $chunk) = @$case;
        my $body   = TestHttpd::pattern($size);
        my $client = client();
        is post($client, '/strong/sha256', chunked($body, $chunk), 'Transfer-Encoding' => 'chunked')->{body}, digest($body), "$size bytes in chunks of $chunk";
        is $client->cipher, STRONG;
        is $client->get('/1k.bin')->{status}, 200, 'the next request';
    }
};

subtest 'a request behind the body' => sub {
    for my $sent (['Content-Length' => 5, 'abcde'], ['Transfer-Encoding' => 'chunked', chunked('abcde', 2)]) {
        my ($name, $value, $body) = @$sent;
        my $client = client();
        my $answer = post($client, '/strong/sha256', $body . TlsClient::request_text('GET', '/cgi/env'), $name => $value);
        is $answer->{body}, digest('abcde'), "$name: is not part of it";
        is lc($answer->{headers}{connection} // ''), 'close', 'the connection ends';
        is $client->receive_all, '', 'it is not answered by what was asked for afterwards';
    }
};

subtest 'trailers' => sub {
    my $client = client();
    is post($client, '/strong/sha256', chunked('abc', 3, "X-Trailer: yes\r\n"), 'Transfer-Encoding' => 'chunked', Trailer => 'X-Trailer')->{body}, digest('abc');
    is $client->get('/1k.bin')->{status}, 200, 'the next request is not taken for one';
};

# The most memory that a process of the server has had, in MiB.
sub peak {
    my @statuses = map { TestHttpd::slurp("/proc/$_/status") } split ' ', TestHttpd::slurp("/proc/$httpd->{pid}/task/$httpd->{pid}/children");
    my ($most) = sort { $b <=> $a } map { /^VmHWM:\s+(\d+) kB/m ? int $1 / 1024 : () } @statuses;
    return $most;
}

subtest 'chunks of one byte' => sub {
    plan skip_all => 'the system does not tell how much memory a process has had' unless peak();
    my $body   = TestHttpd::pattern(131_072);
    my $client = client();
    is post($client, '/strong/sha256', chunked($body, 1), 'Transfer-Encoding' => 'chunked')->{body}, digest($body);
    cmp_ok peak(), '<', 150, 'do not take a multiple of their memory';
};

subtest 'too large' => sub {
    for my $case (['/small/sha256', 1_000, 200], ['/small/sha256', 1_001, 413], ['/strong/sha256', 131_073, 413], ['/none/sha256', 1, 413], ['/none/sha256', 0, 200]) {
        my ($path, $size, $status) = @$case;
        my $body = TestHttpd::pattern($size);
        is post(client(), $path, $body, 'Content-Length' => $size)->{status}, $status, "$path: $size bytes";
        is post(client(), $path, chunked($body, 500), 'Transfer-Encoding' => 'chunked')->{status}, $size ? $status : $path =~ /none/ ? 413 : 200, "$path: $size bytes in chunks";
    }
    # Nobody waits for the rest.
    my $client = client();
    $client->send(TlsClient::request_text('POST', '/strong/sha256', 'Content-Length' => 10_000_000_000) . 'x' x 140_000);
    is $client->answer->{status}, 413, 'ten gigabytes are announced';
    $client = client();
    $client->send(TlsClient::request_text('POST', '/strong/sha256', 'Transfer-Encoding' => 'chunked') . ("1\r\nx\r\n" x 132_000));
    is $client->answer->{status}, 413, 'chunks without an end';
    like $httpd->error_log, qr/AH02018: request body exceeds maximum size \(1000\) for SSL buffer/;
    like $httpd->error_log, qr/AH02257: could not buffer message body to allow SSL renegotiation to proceed/;
};

subtest 'Expect: 100-continue' => sub {
    my $body   = TestHttpd::pattern(200_000);
    my $client = client();
    $client->send(TlsClient::request_text('POST', '/strong/sha256', 'Content-Length' => length $body, Expect => '100-continue'));
    is $client->answer->{status}, 100, 'the body is asked for after the handshake';
    is $client->cipher, STRONG;
    $client->send($body);
    is $client->answer->{body}, digest($body), 'more than the buffer holds';

    # A client that does not wait.
    $client = client();
    $body   = TestHttpd::pattern(3_000);
    $client->send(TlsClient::request_text('POST', '/strong/sha256', 'Content-Length' => length $body, Expect => '100-continue') . $body);
    my $answer = $client->answer;
    $answer = $client->answer if $answer->{status} == 100;
    is $answer->{body}, digest($body), 'a body that is there already';
};

# The ClientHello arrives together with data, the rest of the handshake later: the end of it must be noticed although the client
# has nothing more to send.
subtest 'a ClientHello behind the body' => sub {
    for my $size (1, 20_000, 60_000) {
        my $body   = TestHttpd::pattern($size);
        my $client = client();
        my $bytes  = $client->encrypt(TlsClient::request_text('POST', '/strong/sha256', 'Content-Length' => $size, Expect => '100-continue') . $body);
        Net::SSLeay::renegotiate($client->{ssl});
        Net::SSLeay::do_handshake($client->{ssl});
        $client->send_raw($bytes . $client->outgoing);
        my $answer = eval { $client->answer };
        $answer = $client->answer if $answer && $answer->{status} == 100;
        # A small body is seen before the question, and so is the ClientHello: nobody has asked for it yet.
        $size > 8_192 ? is $answer->{body}, digest($body), "$size bytes" : is(($client->alerts)[0], 100, "$size bytes: no_renegotiation");
    }
} unless TestHttpd::stock();

subtest 'broken bodies' => sub {
    my $client = client();
    $client->send(TlsClient::request_text('POST', '/strong/sha256', 'Transfer-Encoding' => 'chunked') . "zz\r\n");
    is $client->answer->{status}, 400, 'not a chunk';
    like $httpd->error_log, qr/AH02015: could not read request body for SSL buffer/;
    $client = client();
    $client->send(TlsClient::request_text('POST', '/strong/sha256', 'Content-Length' => 10) . 'abc');
    $client->close_notify;
    like $client->receive_all, qr{\A(?:HTTP/1\.1 [45]00 |\z)}, "half a body";
};

subtest 'every response arrives' => sub {
    my $port = $httpd->port;
    my $ca   = TestHttpd::ca();
    open my $file, '>', "$httpd->{root}/body" or die "body: $!";
    print {$file} my $body = TestHttpd::pattern(70_000);
    close $file or die "body: $!";
    my @curl = ('curl', '-s', '--http1.1', '--tls-max', '1.2', '--cacert', $ca, '--resolve', "localhost:$port:127.0.0.1",
        '-H', 'Expect:', '--data-binary', "\@$httpd->{root}/body", "https://localhost:$port/strong/sha256");
    my $arrived = 0;
    for (1 .. TRIES) {
        open my $out, '-|', @curl or die "curl: $!";
        local $/;
        $arrived++ if (<$out> // '') eq digest($body);
        close $out;
    }
    my $tries = TRIES;
    TestHttpd::stock() ? note "curl: $arrived of $tries" : is $arrived, $tries, "curl: all of $tries";

    my $python = <<'END';
import http.client, ssl, sys
port, ca, path, tries, expected = int(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4]), sys.argv[5]
context = ssl.create_default_context(cafile=ca)
context.maximum_version = ssl.TLSVersion.TLSv1_2
context.check_hostname = False
body = open(path, 'rb').read()
arrived = 0
for _ in range(tries):
    connection = http.client.HTTPSConnection('127.0.0.1', port, context=context, timeout=30)
    try:
        connection.request('POST', '/strong/sha256', body=body, headers={'Host': 'localhost'})
        arrived += connection.getresponse().read().decode() == expected
    except OSError as error:
        print(error, file=sys.stderr)
    except http.client.HTTPException as error:
        print(error, file=sys.stderr)
    connection.close()
print(arrived)
END
    open $file, '>', "$httpd->{root}/post.py" or die "post.py: $!";
    print {$file} $python;
    close $file or die "post.py: $!";
    open my $out, '-|', 'python3', "$httpd->{root}/post.py", $port, $ca, "$httpd->{root}/body", $tries, digest($body) or die "python3: $!";
    chomp(my $python_arrived = <$out> // '');
    close $out;
    TestHttpd::stock() ? note "Python: $python_arrived of $tries" : is $python_arrived, $tries, "Python: all of $tries";
    cmp_ok $arrived + $python_arrived, '>', 0, 'some do';
};

done_testing;
