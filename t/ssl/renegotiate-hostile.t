# Clients that make renegotiation difficult: nothing is served before it is finished, and nobody waits for ever.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use IO::Select ();
use IPC::Open3 qw(open3);
use Net::SSLeay ();
use TestHttpd ();
use TlsClient ();

use constant {WEAK => 'ECDHE-RSA-AES128-GCM-SHA256', STRONG => 'ECDHE-RSA-AES256-GCM-SHA384', OP_NO_RENEGOTIATION => 1 << 30};

my $httpd = TestHttpd->start(<<'END');
Timeout 2
<VirtualHost *:@PORT@>
    ServerName localhost
    SSLEngine on
    SSLHonorCipherOrder on
    SSLCipherSuite ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384
    @RSA@
    SSLCACertificateFile @CERTS@/root.pem
    ErrorDocument 403 /1.bin
    <Location /16k.bin>
        SSLVerifyClient require
    </Location>
    <Location /1k.bin>
        SSLCipherSuite ECDHE-RSA-AES256-GCM-SHA384
    </Location>
</VirtualHost>
<VirtualHost *:@PORT2@>
    ServerName localhost
    SSLEngine on
    SSLHonorCipherOrder on
    SSLCipherSuite ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384
    SSLInsecureRenegotiation on
    @RSA@
    <Location /1k.bin>
        SSLCipherSuite ECDHE-RSA-AES256-GCM-SHA384
    </Location>
</VirtualHost>
END

my $request = TlsClient::request_text('GET', '/1k.bin');

sub client { return TlsClient->new(port => $httpd->port, sni => 'localhost', version => '1.2', @_)->handshake }

# How often PATTERN is in the log so far.
sub count { my ($pattern) = @_; my $count = () = $httpd->error_log =~ /$pattern/g; return $count }

# Runs CODE, which makes a renegotiation fail, and waits for the log to say so.
sub fails {
    my ($what, $code) = @_;
    my $before = count('AH02261');
    my $text   = $code->();
    $httpd->wait_for(sub { count('AH02261') > $before }, "$what: AH02261");
    is $text // '', '', "$what: nothing is served";
    return;
}

subtest 'begun by the client' => sub {
    for my $after (0, 1) {
        my $client = client();
        is $client->get('/1k.bin')->{status}, 200 if $after;
        my $before = count('AH02226');
        Net::SSLeay::renegotiate($client->{ssl});
        Net::SSLeay::do_handshake($client->{ssl});
        $client->flush;
        is $client->receive, '', 'the connection ends';
        is(($client->alerts)[0], 100, 'no_renegotiation' . ($after ? ', also after one of the server' : ''));
        is count('AH02226'), $before, 'nothing is negotiated';
    }
};

subtest 'refused by the client' => sub {
    fails 'no_renegotiation', sub {
        my $client = client();
        Net::SSLeay::set_options($client->{ssl}, OP_NO_RENEGOTIATION);
        $client->send($request);
        return $client->receive_all;
    };
    $httpd->wait_for(sub { $httpd->access_log =~ m{GET /1k\.bin HTTP/1\.1" 403 X} }, 'the line of the access log');
    return if TestHttpd::stock();    # it logs them differently
    fails 'leaves',                 sub { my $client = client(); $client->send($request); $client->receive_raw; $client->vanish; return };
    fails 'resets',                 sub { my $client = client(); $client->send($request); $client->receive_raw; $client->vanish('reset'); return };
    fails 'closes',                 sub { my $client = client(); $client->send($request); $client->receive_raw; $client->close_notify; return $client->receive_all };
    fails 'stays silent',           sub { my $client = client(); $client->send($request); $client->receive_raw; $client->receive_raw until $client->end; return };
    fails 'sends something else',   sub { my $client = client(); $client->send($request); $client->receive_raw; $client->send_raw("\x16\x03\x03\x00\x04abcd"); $client->receive_raw until $client->end; return };
};

# The same with post-handshake authentication: the client was asked for its certificate.
subtest 'TLS 1.3' => sub {
    plan skip_all => 'the C module logs them differently' if TestHttpd::stock();
    my $asked = sub {
        my $client = client(version => '1.3', pha => 1);
        $client->send(TlsClient::request_text('GET', '/16k.bin'));
        $client->receive_raw;
        return $client;
    };
    fails 'leaves',        sub { $asked->()->vanish; return };
    fails 'resets',        sub { $asked->()->vanish('reset'); return };
    fails 'closes',        sub { my $client = $asked->(); $client->close_notify; $client->receive_raw until $client->end; return };
    fails 'stays silent',  sub { my $client = $asked->(); $client->receive_raw until $client->end; return };
    fails 'sends rubbish', sub { my $client = $asked->(); $client->send_raw("\x17\x03\x03\x00\x20" . 'x' x 32); $client->receive_raw until $client->end; return };
    fails 'a byte now and then', sub {
        my $client = $asked->();
        $client->send_raw("\x17\x03\x03\x40\x00");
        my $deadline = time + TestHttpd::PATIENCE;
        until (IO::Select->new($client->socket)->can_read(0.2) && !$client->receive_raw) {
            die 'the server waits for ever' if time > $deadline;
            $client->send_raw('x');
        }
        return;
    };
    fails 'a flood of requests', sub {
        my $client = $asked->();
        $client->send(TlsClient::request_text('GET', '/1.bin') x 8_000);
        $client->receive_raw until $client->end;
        return;
    };
    is scalar(() = $httpd->access_log =~ m{GET /16k\.bin HTTP/1\.1" 200}g), 0, 'nobody is served';
    is scalar(() = $httpd->access_log =~ m{GET /16k\.bin HTTP/1\.1" 403 X}g), 7, 'they are in the access log';
};

# CVE-2019-0190: nobody goes round in circles. The server has two threads, or a few processes, and more clients than that.
subtest 'CVE-2019-0190' => sub {
    my $small = TestHttpd->start(<<'END', threads => 2);
<VirtualHost *:@PORT@>
    ServerName localhost
    SSLEngine on
    @RSA@
</VirtualHost>
END
    my @clients;
    for (1 .. 40) {
        my $client = TlsClient->new(port => $small->port, sni => 'localhost', version => '1.2')->handshake;
        Net::SSLeay::renegotiate($client->{ssl});
        Net::SSLeay::do_handshake($client->{ssl});
        $client->flush;
        eval { $client->receive };
        is(($client->alerts)[0], 100, 'no_renegotiation');
        push @clients, $client;
        shift(@clients)->vanish if @clients > 3;
    }
    is(TlsClient->new(port => $small->port, sni => 'localhost')->handshake->get('/1k.bin')->{status}, 200, 'the server is well');
};

subtest 'a byte now and then' => sub {
    plan skip_all => 'the C module waits as long as something comes' if TestHttpd::stock();
    fails 'a byte now and then', sub {
        my $client = client();
        $client->send($request);
        $client->receive_raw;
        $client->send_raw("\x16\x03\x03\x40\x00");
        my $deadline = time + TestHttpd::PATIENCE;
        until (IO::Select->new($client->socket)->can_read(0.2) && !$client->receive_raw) {
            die 'the server waits for ever' if time > $deadline;
            $client->send_raw('x');
        }
        return;
    };
};

subtest 'a second request before the handshake' => sub {
    my $client = client();
    $client->send($request . TlsClient::request_text('GET', '/5k.bin'));
    my $answer = $client->answer;
    is $answer->{status}, 200;
    is length $answer->{body}, 1024;
    is $client->cipher, STRONG;
    is lc($answer->{headers}{connection} // ''), 'close', 'the last answer';
    is $client->receive_all, '', 'the other request is not answered';
    like $httpd->error_log, qr/AH02259: insecure SSL re-negotiation required, but a pipelined request is present; keepalive disabled/;
    is scalar(() = $httpd->access_log =~ m{/5k\.bin}g), 0, 'nor served';
};

subtest 'more data than are held' => sub {
    plan skip_all => 'the C module looks at the first byte only' if TestHttpd::stock();
    fails 'a flood', sub {
        my $client = client();
        $client->send($request . TlsClient::request_text('GET', '/1.bin') x 8_000);
        return $client->receive_all;
    };
    like $httpd->error_log, qr/AH02261.*more than 131072 bytes of data came before it/;
};

subtest 'a client without RFC 5746' => sub {
    my $gnutls = TestHttpd::which('gnutls-cli') or plan skip_all => 'gnutls-cli is not installed';
    for my $case ([1, 0], [2, 1]) {
        my ($number, $may) = @$case;
        my $before = count('AH02261');
        my $served = () = $httpd->access_log =~ m{GET /1k\.bin HTTP/1\.1" 200}g;
        my $pid    = open3(my $in, my $out, undef, $gnutls, '--insecure', '--sni-hostname', 'localhost', '--priority',
            'NORMAL:-VERS-ALL:+VERS-TLS1.2:%DISABLE_SAFE_RENEGOTIATION', '-p', $httpd->port($number), '127.0.0.1');
        print {$in} TlsClient::request_text('GET', '/1k.bin', Connection => 'close');
        $in->flush;
        my $text = do { local $/; <$out> };
        waitpid $pid, 0;
        if ($may) {
            # The program itself stumbles over the end of a second handshake.
            $httpd->wait_for(sub { $served < (() = $httpd->access_log =~ m{GET /1k\.bin HTTP/1\.1" 200}g) }, 'a served request');
            is count('AH02261'), $before, 'SSLInsecureRenegotiation on: the handshake succeeds';
        }
        else {
            unlike $text, qr{HTTP/1\.1 200 OK}, 'not served';
            is count('AH02261'), $before + 1;
        }
    }
    like $httpd->error_log, qr/client does not support secure renegotiation/;
    return if TestHttpd::stock();
    # A body that comes after the handshake could be somebody else's.
    my $pid = open3(my $in, my $out, undef, $gnutls, '--insecure', '--sni-hostname', 'localhost', '--priority',
        'NORMAL:-VERS-ALL:+VERS-TLS1.2:%DISABLE_SAFE_RENEGOTIATION', '-p', $httpd->port(2), '127.0.0.1');
    my $before = count('AH02226');
    print {$in} TlsClient::request_text('POST', '/1k.bin', 'Content-Length' => 4, Expect => '100-continue');
    $in->flush;
    while (defined(my $line = <$out>)) { last if $line =~ m{^HTTP/1\.1 100 } }
    is count('AH02226'), $before, 'the body is asked for first';
    print {$in} "body\n";
    $in->flush;
    $httpd->wait_for(sub { count('AH02226') > $before }, 'the second handshake');
    kill TERM => $pid;
    waitpid $pid, 0;
};

is client()->get('/1k.bin')->{status}, 200, 'the server is well';
done_testing;
