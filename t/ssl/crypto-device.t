# SSLCryptoDevice: engines of OpenSSL.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use StartUp ();
use TestHttpd ();
use TlsClient ();

plan skip_all => 'this OpenSSL has no engines' if qx(openssl list -disabled) =~ /^ENGINE$/m;

sub configuration { my ($device) = @_; return ($device ? "SSLCryptoDevice $device\n" : '') . "<VirtualHost *:\@PORT\@>\nServerName localhost\nSSLEngine on\n\@RSA\@\n</VirtualHost>\n" }
sub served { my ($httpd, $what) = @_; return is(TlsClient->new(port => $httpd->port, sni => 'localhost')->handshake->get('/1k.bin')->{status}, 200, $what) }

my $httpd = TestHttpd->start(configuration('Builtin'));
served($httpd, 'builtin');
unlike $httpd->error_log, qr/AH01890/, '... loads nothing';
$httpd->stop;

StartUp::check('SSLCryptoDevice dynamic', 'global', 'runs', qr/ssl:info.*AH01890: Init: loaded Crypto Device API `dynamic'/);
StartUp::check("SSLCryptoDevice $_", 'global', syntax => qr/SSLCryptoDevice: Invalid argument; must be one of: 'builtin' \(none\)(?:, '\w+' \([^)]+\))*, 'dynamic' \(Dynamic engine loading support\)/)
    for qw(nosuch Dynamic);

# Two engines of our own, made known by OpenSSL's configuration.
my $folder = TestHttpd::root() . '/engines';
mkdir $folder;
my $mark  = "$folder/mark";
my $conf  = "$folder/openssl.cnf";
my $sections = '';
for my $engine (['probe', 1], ['refuses', 0]) {
    my ($name, $result) = @$engine;
    my @defines = (qq{-DNAME="$name"}, qq{-DMARK="$mark"}, "-DRESULT=$result");
    system('gcc', qw(-shared -fPIC -Wall -Wextra -Werror), @defines, '-o', "$folder/$name.so", TestHttpd::root() . '/t/engine/probe.c', '-lcrypto') == 0 or die 'gcc';
    $sections .= "[$name]\nengine_id = $name\ndynamic_path = $folder/$name.so\ninit = 0\n";
}
open my $file, '>', $conf or die "$conf: $!";
print {$file} "openssl_conf = all\n[all]\nengines = engines\n[engines]\nprobe = probe\nrefuses = refuses\n$sections";
close $file;
local $ENV{OPENSSL_CONF} = $conf;

sub marks { my ($engine) = @_; my @marks = TestHttpd::slurp($mark) =~ /^\Q$engine\E (\w+)$/mg; unlink $mark; return @marks }

StartUp::check('SSLCryptoDevice nosuch', 'global', syntax => qr/must be one of: 'builtin' \(none\).*, 'probe' \(An engine for tests\), 'refuses' \(An engine for tests\)/);
unlink $mark;
StartUp::check('SSLCryptoDevice refuses', 'global', fatal => qr/ssl:emerg.*AH01889: Init: Failed to enable Crypto Device API `refuses'.*SSL Library Error.*AH02312/s);
is_deeply [marks('refuses')], ['init'], 'an engine that refuses was asked once';

$httpd = TestHttpd->start(configuration('probe'));
served($httpd, 'an engine');
like $httpd->error_log, qr/ssl:info.*AH01890: Init: loaded Crypto Device API `probe'/, '... is loaded';
is((marks('probe'))[-1], 'init', '... and in use');

# The distribution's module keeps the name from one configuration to the next, and the server ends without the line.
if (!TestHttpd::stock()) {
    for my $device (undef, 'dynamic', 'probe', 'builtin', 'probe') {
        my $what   = $device // 'no line';
        my $before = () = $httpd->error_log =~ /AH01890: Init: loaded Crypto Device API `\Q$what\E'/g;
        $httpd->configure(configuration($device));
        $httpd->graceful;
        served($httpd, "after a restart with $what");
        my $after = () = $httpd->error_log =~ /AH01890: Init: loaded Crypto Device API `\Q$what\E'/g;
        is $after - $before, $what =~ /^(?:dynamic|probe)$/ ? 1 : 0, '... the engine of that line is loaded';
        my @marks = marks('probe');
        is $marks[-1], $what eq 'probe' ? 'init' : 'finish', '... the other one is done with' if @marks || $what eq 'probe';
    }
}
done_testing;
