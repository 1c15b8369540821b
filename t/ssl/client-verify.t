# Client certificates: who is let in under which SSLVerifyClient, by TLS version; alerts, messages, and what SSL_CLIENT_VERIFY says.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use ClientPki ();
use TestHttpd ();
use TlsClient ();

my $pki = ClientPki->new;
$pki->root($_) for qw(one two);
$pki->issue('mid', by => 'one', ca => 1);
$pki->issue('low', by => 'mid', ca => 1);
my @past = (from => '20200101000000Z', to => '20210101000000Z');
my @future = (from => '20380101000000Z', to => '20390101000000Z');
my %client = (
    none      => [],
    good      => [$pki->issue('good', by => 'one')],
    below     => [$pki->issue('below', by => 'mid', chain => ['mid'])],
    deep      => [$pki->issue('deep', by => 'low', chain => [qw(low mid)])],
    other     => [$pki->issue('other', by => 'two')],
    self      => [$pki->issue('self')],
    expired   => [$pki->issue('expired', by => 'one', @past)],
    future    => [$pki->issue('future', by => 'one', @future)],
    purpose   => [$pki->issue('purpose', by => 'one', eku => 'serverAuth')],
    strange   => [$pki->issue('strange', by => 'two', @past)],
    forged    => [$pki->issue('forged', by => 'two', subject => '/O=Clients/CN=evil\n[ssl:emerg] AH00000')],
);

# A chain of 64 certificates: no link of it is known.
{
    my $by = 'two';
    for my $number (1 .. 63) {
        $pki->issue("link$number", by => $by, ca => 1, key => 'link');
        $by = "link$number";
        symlink $pki->key('link'), $pki->key($by);
    }
    $client{endless} = [$pki->issue('endless', by => $by, chain => [map { "link$_" } reverse 1 .. 63])];
}

my @mode = qw(optional require optional_no_ca);
my $config = "SSLSessionCache shmcb\nLogLevel ssl:debug\nSSLCACertificateFile " . $pki->file('one') . "\n";
my $header = 'Header set X-Verify "%{SSL_CLIENT_VERIFY}s"';
for my $index (0 .. $#mode) {
    $config .= "<VirtualHost *:\@PORT" . ($index + 1) . "\@>\nServerName localhost\nSSLEngine on\n\@ECDSA\@\nSSLVerifyClient $mode[$index]\n$header\n</VirtualHost>\n";
}
$config .= "<VirtualHost *:\@PORT4\@>\nServerName localhost\nSSLEngine on\n\@ECDSA\@\nSSLVerifyClient require\nSSLVerifyDepth 2\n$header\n</VirtualHost>\n"
    . "<VirtualHost *:\@PORT5\@>\nServerName localhost\nSSLEngine on\n\@ECDSA\@\nSSLVerifyClient require\nSSLVerifyDepth 0\n$header\n</VirtualHost>\n";
my $httpd = TestHttpd->start($config);

# What a client gets: the value of SSL_CLIENT_VERIFY, or "alert NUMBER".
sub outcome {
    my ($port, $version, $cert, %more) = @_;
    my $client = TlsClient->new(port => $port, version => $version, @$cert, %more);
    my $answer = eval { $client->handshake->get('/1k.bin', Host => $more{sni} // 'localhost') };
    return ($answer->{headers}{'x-verify'} // "status $answer->{status}", $client) if $answer;
    my ($alert) = $client->alerts;
    return (defined $alert ? "alert $alert" : "failed: $@", $client);
}

my $ours_or = sub { my ($ours, $stock) = @_; return TestHttpd::stock() ? $stock : $ours };
my $long = $ours_or->('alert 48', 'alert 80');
my %alert = (other => 'alert 48', self => 'alert 48', expired => 'alert 45', future => 'alert 42', purpose => 'alert 43', strange => 'alert 48',
    forged => 'alert 48', below => $long, deep => $long, endless => 'alert 48');
my %unvouched = (other => 'unable to verify the first certificate', self => 'self-signed certificate', forged => 'unable to verify the first certificate');
for my $version ('1.2', '1.3') {
    for my $index (0 .. $#mode) {
        my $mode = $mode[$index];
        for my $name (sort keys %client) {
            my $expected = $name eq 'good' ? 'SUCCESS' : $alert{$name};
            $expected = $mode eq 'require' ? ($version eq '1.2' ? 'alert 40' : 'alert 116') : 'NONE' if $name eq 'none';
            if ($mode eq 'optional_no_ca') {
                $expected = $version eq '1.2' ? 'GENEROUS' : "FAILED:$unvouched{$name}" if $unvouched{$name};
                $expected = 'alert 45' if $name eq 'strange';
                $expected = 'alert 48' if $name eq 'endless';
            }
            my ($got, $client) = outcome($httpd->port($index + 1), $version, $client{$name});
            is $got, $expected, "TLS $version, $mode: $name";

            # Resumed, it is what it was: never more.
            next if $expected =~ /^alert/ || !eval { $client->session };
            my ($again, $second) = outcome($httpd->port($index + 1), $version, $client{$name}, session => $client->session);
            is $second->reused, 1, '... resumed';
            my $resumed = $ours_or->($expected, $expected eq 'GENEROUS' ? 'SUCCESS' : $expected);
            is $again, $resumed, '... with the same result';
        }
    }
    is +(outcome($httpd->port(4), $version, $client{below}))[0], 'SUCCESS', "TLS $version: two CAs above, as many as allowed";
    is +(outcome($httpd->port(4), $version, $client{deep}))[0], $long, '... three';
    is +(outcome($httpd->port(5), $version, $client{good}))[0], $long, '... one where none is allowed';
}

my $log = $httpd->error_log;
my $tail = qr/ \[subject: CN=\w+,O=Clients \/ issuer: CN=two,O=Clients \/ serial: [0-9A-F]+ \/ notbefore: [^\]]+ GMT \/ notafter: [^\]]+ GMT\]/;
for my $line (
    qr/ssl:debug.* AH02275: Certificate Verification, depth 0, CRL checking mode: none \(0\) \[subject: CN=good,O=Clients/,
    qr/ssl:info.* AH02276: Certificate Verification: Error \(20\): unable to get local issuer certificate$tail/,
    qr/ssl:debug.* AH02037: Certificate Verification: Verifiable Issuer is configured as optional, therefore we're accepting the certificate/,
    qr/ssl:error.* AH02040: Certificate Verification: Certificate Chain too long \(chain has 2 certificates, but maximum allowed are only 1\)/,
    qr/ssl:info.* AH02008: SSL library error 1 in handshake \(server localhost:\d+\)/,
    qr/certificate verify failed/,
    qr/peer did not return a certificate/,
) {
    like $log, $line, "logged: $line";
}
unlike $log, qr/^\[ssl:emerg\]/m, 'a certificate cannot write a line of its own';

# Without the level info the error is said briefly, as an error.
$httpd = TestHttpd->start(<<"END");
LogLevel warn
<VirtualHost *:\@PORT\@>
    SSLEngine on
    \@ECDSA\@
    SSLVerifyClient require
    SSLCACertificateFile @{[$pki->file('one')]}
</VirtualHost>
<VirtualHost *:\@PORT2\@>
    SSLEngine on
    \@ECDSA\@
    SSLVerifyClient require
</VirtualHost>
END
is +(outcome($httpd->port, '1.3', $client{other}))[0], 'alert 48', 'refused';
$httpd->wait_log(qr/ssl:error.* AH02039: Certificate Verification: Error \(20\): unable to get local issuer certificate$/m);
is +(outcome($httpd->port(2), '1.3', $client{good}))[0], 'alert 48', 'nobody is known, nobody is let in';
like $httpd->error_log, qr/ssl:warn.* AH01897: Init: Oops, you want to request client authentication, but no CAs are known for verification!\?  \[Hint: SSLCACertificate\*\]/, 'and the log says so';
done_testing;
