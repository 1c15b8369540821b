# A real browser opens a WebSocket through the proxy: TLS to the browser, TLS to the backend.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use Backend ();
use ClientPki ();
use File::Path qw(remove_tree);
use POSIX ();
use TestHttpd ();

my $chromium = TestHttpd::which('chromium') or plan skip_all => 'chromium is not installed';

my $pki = ClientPki->new;
$pki->root('root');
$pki->issue('server', by => 'root', eku => 'serverAuth', san => 'DNS:localhost');
my $backend = Backend->python('--cert', $pki->combined('server'));
my ($port, $root) = ($backend->port, $pki->file('root'));
my $httpd = TestHttpd->new(TestHttpd::load_also(qw(proxy proxy_http proxy_wstunnel)) . <<"END");
<VirtualHost *:\@PORT@>
    ServerName localhost
    SSLEngine on
    \@RSA@
    \@ECDSA@
    Protocols h2 http/1.1
    SSLProxyEngine on
    SSLProxyVerify require
    SSLProxyCACertificateFile $root
    ProxyPass /wss wss://localhost:$port/
    ProxyPass /upgrade https://localhost:$port/ upgrade=websocket
    Alias /page \@ROOT@/page.html
    Alias /result \@ROOT@/page.html
    CustomLog logs/results "%U%q"
</VirtualHost>
END
{
    open my $file, '>', "$httpd->{root}/page.html" or die "page: $!";
    print {$file} <<'END';
<!DOCTYPE html><title>WebSockets</title><script>
const texts = ['hello', 'b'.repeat(100), 'c'.repeat(70000), 'd'.repeat(1000000)];
for (const path of ['wss', 'upgrade']) {
    const socket = new WebSocket(`wss://${location.host}/${path}/echo`);
    let count = 0, said = '';
    socket.onopen = () => socket.send(texts[0]);
    socket.onmessage = event => {
        said += event.data === texts[count].toUpperCase() ? `${event.data.length}.` : 'wrong.';
        ++count < texts.length ? socket.send(texts[count]) : socket.close(1000);
    };
    socket.onclose = event => fetch(`/result?${path}=${said}${event.wasClean ? 'clean' : event.code}`);
}
</script>
END
    close $file or die "page: $!";
}
is $httpd->try_start, 'runs', 'the server runs' or diag $httpd->error_log;

# The browser does not know our authority, so it is told the keys to accept.
my @keys = map {
    qx(openssl x509 -in ${\ TestHttpd::certs()}/localhost-$_.pem -noout -pubkey | openssl pkey -pubin -outform DER | openssl dgst -sha256 -binary | base64)
} qw(rsa ecdsa);
chomp @keys;
my $profile = TestHttpd::root() . "/home/chromium-$$";
my $browser = fork // die "fork: $!";
if (!$browser) {
    POSIX::setsid();
    open STDOUT, '>', "$httpd->{root}/logs/browser" or POSIX::_exit(99);
    open STDERR, '>&', \*STDOUT or POSIX::_exit(99);
    # With a port for debugging it stays until it is told to go.
    exec $chromium, qw(--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update
        --disable-sync --disable-dev-shm-usage --remote-debugging-port=0), "--user-data-dir=$profile", '--ignore-certificate-errors-spki-list=' . join(',', @keys),
        'https://localhost:' . $httpd->port . '/page' or POSIX::_exit(99);
}
my %result;
eval {
    $httpd->wait_for(sub { %result = $httpd->access_log('results') =~ /^\/result\?(\w+)=(\S+)$/mg; keys %result == 2 }, 'the results of the browser');
};
my $vain = $@;
kill KILL => -$browser;
waitpid $browser, 0;
remove_tree($profile, {safe => 0});
diag $vain, TestHttpd::slurp("$httpd->{root}/logs/browser") if $vain;
is_deeply \%result, {map { $_ => '5.100.70000.1000000.clean' } qw(wss upgrade)}, 'WebSockets by wss: and upgrade=: four messages there and back, and a clean end';
unlike $httpd->error_log, qr/panicked/, 'nothing panicked';
done_testing;
