# The examples for administrators in apache-conf/: each one starts and does what its comments say.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use Backend ();
use ClientPki ();
use TestHttpd ();
use TlsClient ();

my $folder = TestHttpd::root() . '/apache-conf';

# An example with ports, paths and names of the test in the place of its own.
my %here = (
    'Listen 443'                       => '# the test listens',
    '*:443>'                           => '*:@PORT@>',
    '*:80>'                            => '*:@PORT2@>',
    '*:8443>'                          => '*:@PORT@>',
    '"/var/www/html"'                  => '"@DOCS@"',
    '"https://www.example.org/"'       => '"https://localhost:@PORT@/"',
    '/path/to/certificates/unknown.invalid'         => '@CERTS@/localhost-ecdsa',
    '/path/to/certificates/www.example.org-rsa'     => '@CERTS@/localhost-rsa',
    '/path/to/certificates/www.example.org'         => '@CERTS@/localhost-ecdsa',
    '/path/to/certificates/legacy.example.org-rsa'  => '@CERTS@/localhost-rsa',
);

sub example {
    my ($name) = @_;
    my $text = TestHttpd::slurp("$folder/examples/$name.conf") or die "no example $name";
    # The longest first: some are the beginning of others.
    $text =~ s/\Q$_\E/$here{$_}/g for sort { length $b <=> length $a } keys %here;
    $text =~ s/^(\s*(?:ServerName|ServerAlias)\s+)(?:www|legacy)\.example\.org$/$1localhost/mg;
    unlike $text =~ s/^\s*#.*$//mgr, qr{/path/to|/var/www}, "$name: all paths are replaced";
    return $text;
}

sub client { my ($httpd, %option) = @_; return TlsClient->new(port => $httpd->port, sni => 'localhost', %option) }
sub versions { my ($httpd) = @_; return join ' ', grep { !client($httpd, version => $_)->handshake_error } '1.0', '1.1', '1.2', '1.3' }

my $ssl     = example('ssl');
my $default = example('default-vhost');

# --- ssl.conf and default-vhost.conf ---------------------------------------------------------------------------------
{
    my $httpd = TestHttpd->start($ssl . $default);
    is versions($httpd), '1.2 1.3', 'default: versions';
    is client($httpd, version => '1.2', ciphers => $_)->handshake_error, '', "default: $_" for 'ECDHE-ECDSA-AES128-GCM-SHA256', 'ECDHE-ECDSA-CHACHA20-POLY1305';
    isnt client($httpd, version => '1.2', ciphers => $_)->handshake_error, '', "default: not $_" for 'ECDHE-ECDSA-AES128-SHA', 'ECDHE-ECDSA-AES256-SHA384';
    my $client = client($httpd, version => '1.2')->handshake;
    is $client->get('/1k.bin')->{status}, 200, 'default: a page';
    ok client($httpd, version => '1.2', session => $client->session)->handshake->reused, 'default: a session is resumed';
    is client($httpd, alpn => ['h2', 'http/1.1'])->handshake->alpn, TestHttpd::mpm() eq 'prefork' ? 'http/1.1' : 'h2', 'default: HTTP/2';
    is client($httpd)->handshake->get('/x.crt')->{status}, 404, 'default: what is not there';
    $httpd->wait_for(sub { $httpd->access_log('ssl_request_log') =~ /TLSv1\.2 ECDHE-ECDSA-\S+ "GET \/1k\.bin HTTP\/1\.1" 1024$/m }, 'the log of versions and ciphers');
}
# The same with what is shown, but commented out.
{
    my $shown = ($ssl . $default) =~ s/^(\s*)#(?=SSL)/$1/mgr;
    my $httpd = TestHttpd->start($shown);
    is client($httpd, version => '1.2', sigalgs => $_)->handshake->key_type, /rsa/i ? 'rsa' : 'ecdsa', "default: with $_" for 'RSA-PSS+SHA256', 'ECDSA+SHA256';
}

# --- hardened-vhost.conf ---------------------------------------------------------------------------------------------
{
    my $httpd = TestHttpd->start($ssl . example('hardened-vhost'));
    is versions($httpd), '1.3', 'hardened: versions';
    my $client = client($httpd)->handshake;
    my $answer = $client->get('/1k.bin');
    is $answer->{status}, 200, 'hardened: a page';
    is $client->cipher, 'TLS_AES_256_GCM_SHA384', 'hardened: the server\'s first cipher';
    is $answer->{headers}{'strict-transport-security'}, 'max-age=63072000', 'hardened: HSTS';
    is client($httpd)->handshake->get('/none')->{headers}{'strict-transport-security'}, 'max-age=63072000', '... with an error too';
    is client($httpd, sni => 'other.example.test')->handshake->get('/1k.bin', Host => 'other.example.test')->{status}, 403, 'hardened: another name';
    is client($httpd, sni => undef)->handshake->get('/1k.bin')->{status}, 403, 'hardened: no name';
    my $plain = qx(curl --silent --max-time 30 --dump-header - --output /dev/null http://127.0.0.1:${\ $httpd->port(2)}/1k.bin?q=1);
    like $plain, qr{^HTTP/1\.1 301 .*^Location: https://localhost:${\ $httpd->port}/1k\.bin\?q=1\r$}ms, 'hardened: plain HTTP leads to TLS';
    for my $case (['X448:P-384', 'ECDH, secp384r1, 384 bits'], ['X448:X25519', 'X25519, 253 bits'], ['X448', 'none']) {
        my ($groups, $expected) = @$case;
        my $said = qx(openssl s_client -connect 127.0.0.1:${\ $httpd->port} -servername localhost -groups $groups </dev/null 2>&1);
        is $said =~ /^(?:Server|Peer) Temp Key: (.*)/m ? $1 : 'none', $expected, "hardened: $groups";
    }
}
# With TLS 1.2, as the comments say.
{
    my $text  = example('hardened-vhost') =~ s/^    SSLProtocol -all \+TLSv1\.3$//mgr =~ s/^(\s*)#(?=SSL)/$1/mgr;
    my $httpd = TestHttpd->start($ssl . $text);
    is versions($httpd), '1.2 1.3', 'hardened with TLS 1.2: versions';
    isnt client($httpd, version => '1.2', ciphers => 'ECDHE-ECDSA-AES128-SHA')->handshake_error, '', '... without its old ciphers';
}

# --- legacy-vhost.conf -----------------------------------------------------------------------------------------------
{
    my $httpd = TestHttpd->start($ssl . example('legacy-vhost'));
    is versions($httpd), '1.0 1.1 1.2 1.3', 'legacy: versions';
    for my $case (['1.0', 'AES128-SHA'], ['1.0', 'DHE-RSA-AES256-SHA'], ['1.1', 'ECDHE-RSA-AES128-SHA'], ['1.2', 'ECDHE-RSA-AES256-GCM-SHA384'], ['1.2', 'AES256-SHA256']) {
        my ($version, $cipher) = @$case;
        my $client = client($httpd, version => $version, ciphers => "$cipher:\@SECLEVEL=0", sni => undef);
        is $client->handshake->cipher, $cipher, "legacy: TLS $version, $cipher, without SNI";
        is $client->get('/1k.bin')->{status}, 200, '... a page';
    }
    is client($httpd, version => '1.2', ciphers => 'AES128-SHA:ECDHE-RSA-AES128-GCM-SHA256')->handshake->cipher, 'ECDHE-RSA-AES128-GCM-SHA256', 'legacy: the better one first';
    isnt client($httpd, version => '1.2', ciphers => "$_:\@SECLEVEL=0")->handshake_error, '', "legacy: not $_" for 'ADH-AES128-SHA', 'NULL-SHA';

    # Internet Explorer 6, and everybody else.
    for my $case (
        ['Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1)',    1],
        ['Mozilla/2.0 (compatible; MSIE 3.02; Windows 95)',       1],
        ['Mozilla/4.0 (compatible; MSIE 7.0; Windows NT 6.0)',    0],
        ['Mozilla/5.0 (compatible; MSIE 10.0; Windows NT 6.2)',   0],
        ['Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Firefox/140', 0],
    ) {
        my ($agent, $old) = @$case;
        my ($version) = $agent =~ /(MSIE [\d.]+|Firefox)/;
        my $client = client($httpd, version => '1.0', ciphers => 'AES128-SHA:@SECLEVEL=0')->handshake;
        $client->send(TlsClient::request_text('GET', '/1k.bin', 'User-Agent' => $agent));
        my $line = $client->_line;
        if ($old) {
            is $line, 'HTTP/1.0 200 OK', "legacy: $version gets HTTP/1.0";
            my $rest = $client->receive_all;
            like $rest, qr/^Connection: close\r$/m, '... and the connection ends';
            ok !$client->got_close_notify, '... without close_notify';
        }
        else {
            is $line, 'HTTP/1.1 200 OK', "legacy: $version gets HTTP/1.1";
            1 while length $client->_line;
            $client->_take(1024);
            is $client->get('/1.bin')->{status}, 200, '... and a second answer on the same connection';
        }
    }
}
# With `SSLSessionCache nonenotnull`, as the comments say, there is a session ID without a cache.
for my $case (['none', 0], ['nonenotnull', 32]) {
    my ($cache, $bytes) = @$case;
    my $httpd = TestHttpd->start(($ssl =~ s/^SSLSessionCache .*$/SSLSessionCache $cache/mr) . example('legacy-vhost'));
    my $said  = qx(openssl s_client -connect 127.0.0.1:${\ $httpd->port} -tls1_2 </dev/null 2>&1);
    is $said =~ /^ *Session-ID: ([0-9A-F]*)$/m ? length($1) / 2 : 'no handshake', $bytes, "legacy: the session ID with SSLSessionCache $cache";
}

# --- reverse-proxy.conf ----------------------------------------------------------------------------------------------
{
    my $pki = ClientPki->new;
    $pki->root($_) for 'root', 'stranger';
    my %issue = (eku => 'serverAuth', subject => '/O=Backends');
    $pki->issue('good',    %issue, by => 'root', san => 'DNS:localhost');
    $pki->issue('named',   %issue, by => 'root', san => 'DNS:other.test');
    $pki->issue('foreign', %issue, by => 'stranger', san => 'DNS:localhost');
    my %refusal = (good => undef, named => qr/AH02411: /, foreign => qr/AH02276: Certificate Verification: Error \(20\)/);
    for my $who (sort keys %refusal) {
        my $backend = Backend->python('--cert', $pki->combined($who, chain => []));
        local $here{'/path/to/certificates/backend-ca.crt'} = $pki->file('root');
        local $here{'backend.example.org:8443'} = 'localhost:' . $backend->port;
        my $httpd  = TestHttpd->start(TestHttpd::load_also(qw(proxy proxy_http)) . $ssl . example('reverse-proxy'));
        my $status = client($httpd)->handshake->get('/')->{status};
        if (!$refusal{$who}) { is $status, 200, 'reverse proxy: a page of the backend'; next }
        cmp_ok $status, '>=', 500, "reverse proxy: a backend that is $who is refused";
        like $httpd->error_log, $refusal{$who}, '... for that reason';
    }
    # A backend that asks for a certificate, without and with the line that is commented out.
    $pki->issue('proxy', by => 'root');
    my $backend = Backend->python('--cert', $pki->combined('good', chain => []), '--verify', 'require', '--ca', $pki->file('root'));
    for my $case (['without its certificate', 502], ['with its certificate', 200]) {
        my ($what, $status) = @$case;
        local $here{'/path/to/certificates/backend-ca.crt'} = $pki->file('root');
        local $here{'/path/to/certificates/proxy.pem'}      = $pki->combined('proxy');
        local $here{'backend.example.org:8443'}             = 'localhost:' . $backend->port;
        my $text = example('reverse-proxy');
        $text =~ s/^(\s*)#(?=SSLProxyMachineCertificateFile )/$1/mg == 1 or die 'no line for a certificate' if $status == 200;
        my $httpd  = TestHttpd->start(TestHttpd::load_also(qw(proxy proxy_http)) . $ssl . $text);
        my $answer = client($httpd)->handshake->get('/');
        is $answer->{status}, $status, "reverse proxy $what: $status";
        like $answer->{body}, qr/ proxy$/m, '... which the backend sees' if $status == 200;
    }
}

# --- All of them -----------------------------------------------------------------------------------------------------
my @files = glob "$folder/*.conf $folder/*.in $folder/examples/*.conf";
cmp_ok scalar @files, '>', 5, 'configuration files';
is_deeply [map { s{.*/}{}r } grep { TestHttpd::slurp($_) =~ /BrowserMatch|unclean-shutdown|downgrade-1\.0/ } @files], ['legacy-vhost.conf'], 'the rule for Internet Explorer is in one of them alone';
for my $file (glob "$folder/examples/*.conf") {
    my $name = $file =~ s{.*/}{}r;
    for my $line (TestHttpd::slurp($file) =~ /^\s*#(SSL\w+ .*)$/mg) {
        next if $line =~ /^SSL(?:Certificate|ProxyMachineCertificate)/;    # paths; tried above
        my ($status, $said) = TestHttpd->new("$line\n")->command('-t');
        is $status, 0, "$name shows a directive that exists: $line" or diag $said;
    }
}
done_testing;
