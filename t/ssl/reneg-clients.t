# Second handshakes and certificates asked for afterwards, with clients of other people: each answer arrives, with bodies of all
# sizes, with and without Expect, and with pauses.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use ClientPki ();
use Digest::SHA ();
use IPC::Open3 qw(open3);
use TestHttpd ();

use constant {STRONG => 'ECDHE-ECDSA-AES256-GCM-SHA384', EACH => 200};

my $ours = !TestHttpd::stock();
my $pki  = ClientPki->new;
$pki->root('one');
my %file = $pki->issue('good', by => 'one');
my $ca   = $pki->file('one');

my $httpd = TestHttpd->start(<<"END");
<VirtualHost *:\@PORT\@>
    ServerName localhost
    SSLEngine on
    \@ECDSA\@
    SSLHonorCipherOrder on
    SSLCipherSuite ECDHE-ECDSA-AES128-GCM-SHA256:${\ STRONG }
    SSLCACertificateFile $ca
    SSLOptions +StdEnvVars
    ScriptAlias /require/ \@CGI\@/
    ScriptAlias /strong/ \@CGI\@/
    <Location /require>
        SSLVerifyClient require
    </Location>
    <Location /strong>
        SSLCipherSuite ${\ STRONG }
    </Location>
</VirtualHost>
END
my $port = $httpd->port;

sub request { my ($path, @lines) = @_; return join "\r\n", "GET $path HTTP/1.1", 'Host: localhost', @lines, '', '' }

# --- openssl s_client -------------------------------------------------------------------------------------------------

sub s_client {
    my ($path, @options) = @_;
    my $pid = open3(my $in, my $out, undef, 'openssl', 's_client', '-connect', "127.0.0.1:$port", '-servername', 'localhost', '-CAfile', TestHttpd::ca(), '-ign_eof', '-nocommands', '-quiet', @options);
    print {$in} request($path, 'Connection: close');
    $in->flush;
    my $text = do { local $/; <$out> };
    waitpid $pid, 0;
    return $text;
}

for my $version ('-tls1_2', '-tls1_3') {
    my @cert = ('-cert', $file{cert}, '-key', $file{key});
    like s_client('/require/env', $version, '-enable_pha', @cert), qr/^SSL_CLIENT_S_DN_CN=good$/m, "s_client $version: a certificate";
    unlike s_client('/require/env', $version, '-enable_pha'), qr/200 OK/, "s_client $version: none";
    like s_client('/strong/env', $version), $version eq '-tls1_2' ? qr/^SSL_CIPHER=\Q${\ STRONG }\E$/m : qr/^SSL_CIPHER=TLS_/m, "s_client $version: ciphers";
}
like s_client('/require/env', '-tls1_3', '-cert', $file{cert}, '-key', $file{key}), qr/Cannot perform Post-Handshake Authentication/, 's_client without post-handshake authentication';

# --- IO::Socket::SSL --------------------------------------------------------------------------------------------------

SKIP: {
    skip 'IO::Socket::SSL is not installed', 3 unless eval { require IO::Socket::SSL; 1 };
    for my $case (['/strong/env', 'SSL_CIPHER', STRONG], ['/require/env', 'SSL_CLIENT_S_DN_CN', 'good']) {
        my ($path, $name, $value) = @$case;
        my $socket = IO::Socket::SSL->new(
            PeerAddr => '127.0.0.1', PeerPort => $port, SSL_hostname => 'localhost', SSL_ca_file => TestHttpd::ca(), SSL_verifycn_name => 'localhost',
            SSL_version => 'TLSv1_2', SSL_cert_file => $file{cert}, SSL_key_file => $file{key}, SSL_verifycn_scheme => 'http', Timeout => TestHttpd::PATIENCE,
        ) or die "IO::Socket::SSL: " . IO::Socket::SSL::errstr();
        for my $time (1, 2) {
            print {$socket} request($path, $time == 2 ? 'Connection: close' : ());
            my $text = '';
            while (defined(my $line = <$socket>)) { $text .= $line; last if $time == 1 && ($line =~ /^0\r\n/ || $text =~ /^Content-Length: (\d+)\r\n.*?\r\n\r\n(.*)\z/ms && length $2 >= $1) }
            like $text, qr/^$name=\Q$value\E$/m, "IO::Socket::SSL: $path, time $time";
        }
    }
}

# --- Python -----------------------------------------------------------------------------------------------------------

# Prints how many of the answers have arrived, and what is wrong with the others.
open my $script, '>', "$httpd->{root}/client.py" or die "client.py: $!";
print {$script} <<'PYTHON';
import hashlib, itertools, socket, ssl, sys, time
port, cert, key, version, path, count = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4], sys.argv[5], int(sys.argv[6])
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
context.load_cert_chain(cert, key)
context.post_handshake_auth = True
context.minimum_version = context.maximum_version = getattr(ssl.TLSVersion, version)
SIZES = (0, 1, 100, 8191, 8192, 8193, 50_000, 131_072)
EXPECT = (None, 'wait', 'do not wait')
PAUSES = (None, 0.002, 0.02)
cases = itertools.islice(itertools.cycle(itertools.product(SIZES, EXPECT, PAUSES, (False, True))), count)
arrived = 0

def answer(tls, buffer):
    """The next answer, and what came behind it."""
    def more():
        text = tls.recv(65536)
        if not text:
            raise EOFError('the end')
        return text
    while b'\r\n\r\n' not in buffer:
        buffer += more()
    head, buffer = buffer.split(b'\r\n\r\n', 1)
    status = int(head.split()[1])
    if status == 100:
        return status, b'', buffer
    fields = dict(line.lower().split(b': ', 1) for line in head.split(b'\r\n')[1:])
    if b'transfer-encoding' in fields:
        while not buffer.endswith(b'0\r\n\r\n'):
            buffer += more()
        return status, buffer.split(b'\r\n')[1], b''
    if b'content-length' not in fields:
        while text := tls.recv(65536):
            buffer += text
        return status, buffer, b''
    length = int(fields[b'content-length'])
    while len(buffer) < length:
        buffer += more()
    return status, buffer[:length], buffer[length:]

for size, expect, pause, pieces in cases:
    body = bytes(i * 7 % 251 for i in range(size))
    what = f'{size} bytes, Expect: {expect}, pause {pause}, {"pieces" if pieces else "at once"}'
    try:
        with context.wrap_socket(socket.create_connection(('127.0.0.1', port), timeout=20), server_hostname='localhost') as tls:
            more = 'Expect: 100-continue\r\n' if expect else ''
            head = f'POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {size}\r\n{more}\r\n'.encode()
            buffer = b''
            if not expect and not pause:
                tls.sendall(head + body)
            else:
                tls.sendall(head)
                if expect == 'wait' and size:
                    status, _, buffer = answer(tls, buffer)
                    if status != 100:
                        raise ValueError(f'status {status}')
                for start in range(0, size, 10_000) if pieces else (0,):
                    time.sleep(pause or 0)
                    tls.sendall(body[start:start + 10_000] if pieces else body)
            status, text, buffer = answer(tls, buffer)
            if status == 100:
                status, text, buffer = answer(tls, buffer)
            expected = f'{size} {hashlib.sha256(body).hexdigest()}\n'.encode()
            if (status, text) == (200, expected):
                arrived += 1
            else:
                print(f'# {what}: {status} {text[:80]}')
    except (OSError, EOFError, ValueError) as error:
        print(f'# {what}: {error!r}')
print(arrived)
PYTHON
close $script or die "client.py: $!";

for my $case (['TLSv1_2', '/strong/sha256'], ['TLSv1_2', '/require/sha256'], ['TLSv1_3', '/require/sha256']) {
    my ($version, $path) = @$case;
    my $each = $ours ? EACH : 20;
    open my $out, '-|', 'python3', "$httpd->{root}/client.py", $port, $file{cert}, $file{key}, $version, $path, $each or die "python3: $!";
    my @lines = <$out>;
    close $out;
    chomp(my $arrived = pop @lines // '');
    $ours ? is $arrived, $each, "Python, $version, $path: all of $each" : note "Python, $version, $path: $arrived of $each";
    diag @lines if $ours && @lines;
    note @lines;
}

# --- curl -------------------------------------------------------------------------------------------------------------

for my $version ('1.2', '1.3') {
    my ($arrived, $tries) = (0, $ours ? 40 : 10);
    for my $number (1 .. $tries) {
        my $body = TestHttpd::pattern((0, 1, 5_000, 70_000)[$number % 4]);
        open my $file, '>', "$httpd->{root}/body" or die "body: $!";
        print {$file} $body;
        close $file or die "body: $!";
        my @expect = ('-H', 'Expect:' . ($number % 3 ? '' : ' 100-continue'));
        open my $out, '-|', 'curl', '-s', '--http1.1', "--tlsv$version", '--tls-max', $version, '--cacert', TestHttpd::ca(), '--cert', $file{cert}, '--key', $file{key},
            '--resolve', "localhost:$port:127.0.0.1", @expect, '--max-time', 20, '--data-binary', "\@$httpd->{root}/body", "https://localhost:$port/require/sha256" or die "curl: $!";
        local $/;
        $arrived++ if (<$out> // '') eq length($body) . ' ' . Digest::SHA::sha256_hex($body) . "\n";
        close $out;
    }
    $ours ? is $arrived, $tries, "curl, TLS $version: all of $tries" : note "curl, TLS $version: $arrived of $tries";
}
done_testing;
