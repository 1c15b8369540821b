# Two ways of putting this module in the place of another: a graceful restart with the other file, and `make install`.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use TestHttpd ();
use TlsClient ();

# --- While the server runs: from the distribution's module to the one under test, again to itself, and back ----------
my $distribution = TestHttpd::apxs('LIBEXECDIR') . '/mod_ssl.so';
my $config       = <<'END';
SSLSessionCache shmcb
<VirtualHost *:@PORT@>
    SSLEngine on
    @ECDSA@
</VirtualHost>
END
SKIP: {
    skip 'the distribution has no mod_ssl.so', 1 unless -e $distribution;
    my $ours  = TestHttpd::root() . '/modules/mod_ssl.so';
    my $httpd = TestHttpd->start($config, modules => TestHttpd::load_modules() =~ s/\Q$ours\E/$distribution/r);
    for my $module ($ours, $ours, $distribution, $ours, $distribution) {
        $httpd->{option}{modules} = TestHttpd::load_modules() =~ s/\Q$ours\E/$module/r;
        $httpd->configure($config);
        my $client = TlsClient->new(port => $httpd->port)->handshake;
        $httpd->graceful;
        # The connection of before is served to its end, in order.
        $client->send(TlsClient::request_text('GET', '/1k.bin'));
        my $answer = eval { $client->answer };
        ok $answer ? $answer->{status} == 200 : $client->got_close_notify, 'an open connection';
        my $mapped = sub { TestHttpd::slurp("/proc/$httpd->{pid}/maps") =~ /\Q$module\E/ };
        ok $mapped->(), "the server has $module";
        is(TlsClient->new(port => $httpd->port)->handshake->get('/1k.bin')->{status}, 200, '... and serves') for 1 .. 3;
    }
}

if (TestHttpd::stock()) {    # the rest is about our own two objects
    done_testing;
    exit;
}

# --- Installed into a folder: the files are complete, and the configuration holds only what the module knows ----------
my $install   = TestHttpd::root() . '/tools/install';
my $directory = TestHttpd::root() . "/home/installed-$$";
sub output_of { my $text = qx(APXS=$ENV{TEST_APXS} sh $install @_ 2>&1); return ($? >> 8, $text) }

my ($status, $text) = output_of('install', TestHttpd::root() . '/modules/mod_ssl.so', $directory);
is $status, 0, 'make install' or diag $text;
my $module = $directory . TestHttpd::apxs('LIBEXECDIR') . '/mod_ssl_rs.so';
ok -s $module, 'the module';
ok -s $module =~ s{mod_ssl_rs\.so\z}{libmod_ssl_rs.so}r, '... and its resident half';


# The headers stand by themselves, and ours are used though httpd's own folder comes first and has one of the same name.
my $headers = $directory . TestHttpd::apxs('INCLUDEDIR') . '/mod_ssl_rs';
my $include = join ' ', '-I' . TestHttpd::apxs('INCLUDEDIR'), qx(apr-1-config --includes --cppflags) =~ s/\n/ /gr, "-I$headers";
for my $header (qw(mod_ssl.h mod_ssl_openssl.h)) {
    my $said = qx(gcc -fsyntax-only -Wall -Wextra -Werror $include -x c -include $headers/$header /dev/null 2>&1);
    is $said, '', "$header compiles";
}
my $used = qx(echo '#include "mod_ssl_openssl.h"' | gcc -M $include -x c - 2>&1);
like $used, qr{\Q$headers\E/mod_ssl\.h}, '... and is the one that is used';
unlike $used, qr{\Q${\ TestHttpd::apxs('INCLUDEDIR')}\E/mod_ssl\.h}, '... alone';
# The tools and the examples come along; the tools run from where they are.
my $share = $directory . TestHttpd::apxs('datadir') . '/mod_ssl_rs';
is_deeply [sort map { s{\Q$share\E/}{}r } glob "$share/*/*"],
    [sort +(map { "examples/$_.conf" } qw(default-vhost hardened-vhost legacy-vhost reverse-proxy ssl)), map { "tools/$_" } qw(MigrateRules.pm certificate hash-links match-check migrate-config pki.sh sign)], 'tools and examples';
is system("'$share/tools/certificate' TYPE=test NAME=localhost OUT='$directory-made' >/dev/null"), 0, '... a certificate by an installed tool';
is system("'$share/tools/match-check' '$directory-made/localhost.pem' '$directory-made/localhost.key' >/dev/null"), 0, '... which is checked by another one';
is system("'$share/tools/migrate-config' --list >/dev/null"), 0, '... and old directives are known';

my $available = $directory . TestHttpd::apxs('SYSCONFDIR') . '/mods-available';
SKIP: {
    skip 'not a Debian system', 1 unless -d TestHttpd::apxs('SYSCONFDIR') . '/mods-available';
    my $load = TestHttpd::slurp("$available/ssl_rs.load");
    like $load, qr/^# Depends: setenvif mime socache_shmcb$/m, 'ssl_rs.load: what it needs';
    like $load, qr{^LoadModule ssl_module \Q${\ TestHttpd::apxs('LIBEXECDIR')}\E/mod_ssl_rs\.so$}m, '... the module';

    local $ENV{APACHE_RUN_DIR} = TestHttpd::root() . '/home';
    my $httpd = TestHttpd->start(<<"END", modules => TestHttpd::load_modules() =~ s/^LoadModule ssl_module.*$/LoadModule ssl_module $module/mr);
Include $available/ssl_rs.conf
<VirtualHost *:\@PORT@>
    SSLEngine on
    \@ECDSA@
</VirtualHost>
END
    is(TlsClient->new(port => $httpd->port)->handshake->get('/1k.bin')->{status}, 200, 'a server with ssl_rs.conf');
    $httpd->stop;

    # Every directive that is only shown, behind a comment sign, exists too.
    my @shown = TestHttpd::slurp("$available/ssl_rs.conf") =~ /^#(SSL\w+ .*)$/mg;
    cmp_ok scalar @shown, '>', 5, 'settings that are shown but not set';
    for my $line (@shown) {
        next if $line =~ /^SSL(?:Compression|FIPS) on/;    # known, but refused or useless with Debian's library
        my $server = TestHttpd->new("$line\n");
        my ($code, $said) = $server->command('-t');
        is $code, 0, "... $line" or diag $said;
    }

    open my $conf, '>>', "$available/ssl_rs.conf" or die "ssl_rs.conf: $!";
    print {$conf} "# edited\n";
    close $conf;
    ($status, $text) = output_of('install', TestHttpd::root() . '/modules/mod_ssl.so', $directory);
    is $status, 0, 'installing again';
    like TestHttpd::slurp("$available/ssl_rs.conf"), qr/^# edited$/m, '... keeps an edited configuration';
    ($status, $text) = output_of('uninstall', $directory);
    ok -e "$available/ssl_rs.conf", '... and so does removing';
    unlink "$available/ssl_rs.conf";
}
($status, $text) = output_of('uninstall', $directory);
is $status, 0, 'make uninstall';
is qx(find $directory -type f), '', '... leaves nothing';
ok !-e $share, '... not even the folder of the tools';
done_testing;
