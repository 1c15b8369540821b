# SSLStaplingCache shared by servers, those with the distribution's module among them.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use Cache ();
use Digest::SHA qw(sha1_hex);
use MIME::Base64 qw(decode_base64);
use Staples ();
use TestHttpd ();

plan skip_all => 'not there: ' . Cache::missing() if Cache::missing();

my $modules = TestHttpd::load_also(qw(socache_memcache socache_redis));
my $theirs  = TestHttpd::load_modules() =~ s/^LoadModule ssl_module .*$/"LoadModule ssl_module " . TestHttpd::apxs('LIBEXECDIR') . "\/mod_ssl.so"/mer;
my $pki     = Staples->new;
my $ours    = $pki->responder;

for my $provider (qw(memcache redis)) {
    my $cache  = Cache->start($provider);
    my $lines  = $pki->certificate("of-$provider", path => 'switch');
    my $config = "${modules}SSLStaplingCache ${\ $cache->argument }\nSSLUseStapling on\nSSLStaplingReturnResponderErrors off\nSSLStaplingFakeTryLater off\n" . Staples::vhost($lines);
    my ($pem)  = TestHttpd::slurp($pki->folder . "/of-$provider.pem") =~ /-----BEGIN CERTIFICATE-----\n(.*?)-----END/s or die 'no certificate';
    my $key    = 'mod_ssl-staple:' . sha1_hex(decode_base64($pem));

    $ours->turn('good');
    my $first = TestHttpd->start($config);
    is Staples::wait_stapled($first, 'good'), 'good', "$provider: a first server fetches";
    $first->wait_for(sub { defined $cache->get($key) }, 'the response in the cache');
    my $stored = $cache->get($key);
    is ord $stored, 1, '... what it stores is marked as good';
    $ours->write_file('stored.der', substr $stored, 1);
    like scalar qx(cd ${\ $pki->folder } && openssl ocsp -respin stored.der -issuer ca.pem -cert of-$provider.pem -CAfile ca.pem 2>&1), qr/^of-$provider\.pem: good$/m, '... and is the response in DER';

    $ours->turn('closed');
    my $asked  = $ours->count('switch');
    my $second = TestHttpd->start($config);
    is Staples::wait_stapled($second, 'good'), 'good', '... a second one has it from there';
    my $other = TestHttpd->start($config, modules => $theirs);
    is Staples::wait_stapled($other, 'good'), 'good', '... and so has one with the distribution\'s module';
    is $ours->count('switch'), $asked, '... nobody has been asked';
    $_->stop for $second, $other, $first;

    # What that one stores.
    $cache->set($key, '');
    $ours->turn('good');
    $other = TestHttpd->start($config, modules => $theirs);
    is Staples::wait_stapled($other, 'good'), 'good', 'the distribution\'s module fetches';
    $other->wait_for(sub { length($cache->get($key) // '') > 100 }, 'the response in the cache');
    $ours->turn('closed');
    $asked  = $ours->count('switch');
    $second = TestHttpd->start($config);
    is Staples::wait_stapled($second, 'good'), 'good', '... and this one has it from there';
    is $ours->count('switch'), $asked, '... nobody has been asked';
    $_->stop for $second, $other;

    # Whatever is in there.
    next if TestHttpd::stock();
    $ours->turn('good');
    my $usurped = TestHttpd::slurp($pki->response("of-$provider", 'usurped.der', 'revoked', 'usurper'));
    for my $value (['nothing', ''], ['garbage', "\1garbage"], ['an error that is marked as good', "\1\x30\x03\x0a\x01\x03"], ['a bad one', "\0" . substr $stored, 1], ['more than a response', $stored . 'x'],
        ['too much', "\1" . 'x' x 20_000], ['a response of somebody else', "\1$usurped"]) {
        my ($what, $bytes) = @$value;
        $cache->set($key, $bytes);
        $asked = $ours->count('switch');
        my $httpd = TestHttpd->start($config);
        is Staples::wait_stapled($httpd, 'good'), 'good', "$what in the cache: the responder is asked";
        is $ours->count('switch'), $asked + 1, '... it was asked';
    }
}
done_testing;
