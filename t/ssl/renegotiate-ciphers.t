# SSLCipherSuite in a directory: up to TLS 1.2 the connection gets one of these ciphers by a second handshake before the
# request is served.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use Digest::SHA ();
use TestHttpd ();
use TlsClient ();

use constant {WEAK => 'ECDHE-RSA-AES128-GCM-SHA256', STRONG => 'ECDHE-RSA-AES256-GCM-SHA384', OTHER => 'ECDHE-RSA-CHACHA20-POLY1305'};

my $httpd = TestHttpd->start(<<'END');
SSLSessionCache shmcb:@ROOT@/sessions(65536)
<VirtualHost *:@PORT@>
    ServerName localhost
    Protocols h2 http/1.1
    SSLEngine on
    SSLHonorCipherOrder on
    SSLCipherSuite ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-CHACHA20-POLY1305
    SSLOptions +StdEnvVars
    @RSA@
    ScriptAlias /strong/ @CGI@/
    ScriptAlias /other/ @CGI@/
    ScriptAlias /same/ @CGI@/
    ScriptAlias /optimised/ @CGI@/
    ScriptAlias /impossible/ @CGI@/
    ScriptAlias /bad/ @CGI@/
    <Location /strong>
        SSLCipherSuite ECDHE-RSA-AES256-GCM-SHA384
    </Location>
    <Location /other>
        SSLCipherSuite SSL ECDHE-RSA-CHACHA20-POLY1305
    </Location>
    <Location /same>
        SSLCipherSuite ECDHE-RSA-CHACHA20-POLY1305:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256
    </Location>
    <Location /optimised>
        SSLCipherSuite ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384
        SSLOptions +OptRenegotiate
    </Location>
    <Location /impossible>
        SSLCipherSuite ECDHE-ECDSA-AES128-GCM-SHA256
    </Location>
    <Location /bad>
        SSLCipherSuite NOSUCH
    </Location>
</VirtualHost>
END

sub client { return TlsClient->new(port => $httpd->port, sni => 'localhost', version => '1.2', @_)->handshake }

sub cipher_seen {
    my ($answer) = @_;
    return $answer->{body} =~ /^SSL_CIPHER=(.*)$/m ? $1 : "status $answer->{status}";
}

sub post {
    my ($client, $path, $body, %header) = @_;
    $client->send(TlsClient::request_text('POST', $path, 'Content-Length' => length $body, %header) . $body);
    return $client->answer('POST');
}

sub digest { return length($_[0]) . ' ' . Digest::SHA::sha256_hex($_[0]) . "\n" }

subtest 'the cipher changes, and the variables with it' => sub {
    my $client = client();
    is cipher_seen($client->get('/cgi/env')),    WEAK,   'before';
    is cipher_seen($client->get('/strong/env')), STRONG, 'in the directory';
    is $client->cipher, STRONG, 'for the client, too';
    is cipher_seen($client->get('/strong/env')), STRONG, 'again';
    is cipher_seen($client->get('/cgi/env')),    STRONG, 'outside: nothing demands another one';
    is cipher_seen($client->get('/other/env')),  OTHER,  'in another directory';
    is scalar(() = $httpd->error_log =~ /AH02221/g), 2, 'two handshakes more';
    like $httpd->error_log, qr/AH02220: Reconfigured cipher suite will force renegotiation/;
    like $httpd->error_log, qr/AH02260: Performing full renegotiation: complete handshake protocol \(client does support secure renegotiation\)/;
    like $httpd->error_log, qr/AH02226: Awaiting re-negotiation handshake/;
};

subtest 'no handshake without need' => sub {
    my $before = () = $httpd->error_log =~ /AH02221/g;
    my $client = client();
    is cipher_seen($client->get('/same/env')), WEAK, 'the same ciphers in another order';
    is cipher_seen(client()->get('/optimised/env')), WEAK, 'OptRenegotiate: the cipher in use is allowed';
    is scalar(() = $httpd->error_log =~ /AH02221/g), $before, 'none';
    is cipher_seen(client(ciphers => OTHER . ':' . WEAK)->get('/optimised/env')), WEAK;
    is cipher_seen(TlsClient->new(port => $httpd->port, sni => 'localhost', version => '1.3')->handshake->get('/strong/env')),
        'TLS_AES_256_GCM_SHA384', 'TLS 1.3 has other ciphers';
    is scalar(() = $httpd->error_log =~ /AH02221/g), $before, 'none';
};

subtest 'bodies' => sub {
    for my $size (0, 1, 8_192, 100_000, 131_072) {
        my $body   = TestHttpd::pattern($size);
        my $client = client();
        my $answer = post($client, '/strong/sha256', $body);
        is $answer->{body}, digest($body), "$size bytes";
        is $client->cipher, STRONG;
        is cipher_seen($client->get('/cgi/env')), STRONG, 'the next request';
    }
};

subtest 'ciphers that the client does not have' => sub {
    my $client = client(ciphers => WEAK);
    $client->send(TlsClient::request_text('GET', '/strong/env'));
    is $client->receive_all, '', 'no answer';
    is_deeply [$client->alerts], [40], 'handshake_failure';
    $httpd->wait_log(qr/AH02261: Re-negotiation handshake failed/);
    like $httpd->error_log, qr/no shared cipher/;
    $httpd->wait_for(sub { $httpd->access_log =~ m{GET /strong/env HTTP/1\.1" 403 X} }, 'the line of the access log');
    pass 'refused, in the access log';
};

subtest 'lists without a cipher' => sub {
    is client()->get('/bad/env')->{status}, 403, 'refused';
    like $httpd->error_log, qr/AH02253: Unable to reconfigure \(per-directory\) permitted SSL ciphers/;
    my $client = client();
    $client->send(TlsClient::request_text('GET', '/impossible/env'));
    is $client->receive_all, '', 'no cipher for the certificate';
};

subtest 'nothing of it can be resumed' => sub {
    my $first = client();
    $first->get('/strong/env');
    my $again = client(session => $first->session);
    is cipher_seen($again->get('/cgi/env')), TestHttpd::stock() ? $again->cipher : WEAK, 'a new connection starts as always';
};

subtest 'HTTP/2' => sub {
    my $port = $httpd->port;
    my @curl = ('curl', '-s', '--http2', '--tls-max', '1.2', '--cacert', TestHttpd::ca(), '--resolve', "localhost:$port:127.0.0.1");
    my $out  = qx(@curl -w '%{http_code} %{http_version}' https://localhost:$port/strong/env);
    like $out, qr/^SSL_CIPHER=\Q@{[STRONG]}\E$/m, 'the client comes again by HTTP/1.1';
    like $out, qr/^200 1\.1\z/m;
    like $httpd->access_log, qr{HTTP/2\.0 "GET /strong/env HTTP/2\.0" 403};
} unless TestHttpd::mpm() eq 'prefork';    # mod_http2 does not work there

is client()->get('/1k.bin')->{status}, 200, 'the server is well';
done_testing;
