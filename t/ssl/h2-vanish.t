# HTTP/2 clients that go away while many of their requests are being answered, in other threads than that of the connection: what these
# requests see of it stays good to their end.
use strict;
use warnings FATAL => 'all';
use POSIX ();
use Test::More;
use lib 'lib', 't/lib';
use ClientCert ();
use TestHttpd ();

plan skip_all => 'mod_http2 does not work with prefork' if TestHttpd::mpm() eq 'prefork';
plan skip_all => 'no h2load'                           if !TestHttpd::which('h2load');

my $ca    = ClientCert->authority;
my $httpd = TestHttpd->start(<<"END", log_level => 'warn');
Protocols h2 http/1.1
LogFormat "%>s|%{SSL_TLS_SNI}e|%{SSL_PROTOCOL}x|%{SSL_PROTOCOL}e|%{SSL_SERVER_S_DN_CN}x|%{SSL_SERVER_S_DN_CN}e|%{SSL_CIPHER}e|%{HTTPS}x" seen
CustomLog logs/seen seen
<VirtualHost *:\@PORT@>
    ServerName localhost
    SSLEngine on
    \@ECDSA@
    SSLVerifyClient optional
    SSLCACertificateFile ${\ $ca->root}
    SSLOptions +StdEnvVars +ExportCertData +StrictRequire
    <Location />
        SSLRequire %{SSL_PROTOCOL} =~ /^TLSv1/ && %{SSL_TLS_SNI} eq "localhost"
    </Location>
    RequestHeader set X-Subject "%{SSL_SERVER_S_DN}s"
    Header set X-Protocol "expr=%{SSL_PROTOCOL}"
    ErrorDocument 404 /cgi/env
</VirtualHost>
END
my $url = 'https://localhost:' . $httpd->port;

sub lines { my $count = () = $httpd->access_log('seen') =~ /\n/g; return $count }

for my $round (1 .. 12) {
    my $from = lines();
    my @pages = map { "$url/$_" } $round % 3 ? ('1k.bin', 'cgi/env', '1m.bin', 'nothing') : ('200m.bin', 'cgi/env');
    my $pid = fork // die "fork: $!";
    if (!$pid) {
        open STDOUT, '>', '/dev/null' or POSIX::_exit(99);
        open STDERR, '>', '/dev/null' or POSIX::_exit(99);
        exec 'h2load', '-n', 1_000_000, '-c', 4, '-m', 30, @pages or POSIX::_exit(99);
    }
    $httpd->wait_for(sub { lines() > $from + 20 }, 'requests in the log');
    kill KILL => $pid;
    waitpid $pid, 0;
    ok lines() > $from, "clients gone, round $round";
}
is qx(curl --silent --http2 --cacert ${\ TestHttpd::ca()} -o /dev/null -w '%{http_code} %{http_version}' $url/1k.bin), '200 2', 'others are served';
$httpd->stop;
my %seen;
$seen{$_}++ for map { s/\A\d+\|//r } split /\n/, $httpd->access_log('seen');
my $whole = qr/\Alocalhost\|TLSv1\.3\|TLSv1\.3\|localhost\|localhost\|TLS_[A-Z0-9_]+\|on\z/;
ok scalar(grep { /$whole/ } keys %seen), 'the log shows the connection';
# A request that was never looked at has no environment.
is_deeply [grep { !/$whole/ && !/\A-\|TLSv1\.3\|-\|localhost\|-\|-\|on\z/ } keys %seen], [], '... the same for each request';
unlike $httpd->error_log, qr/panic|exit signal/, 'no panic, and no process ended';
done_testing;
