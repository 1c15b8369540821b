# Slow readers of files that do not belong to the request itself: those of sub-requests that are over, of caches, of
# error documents. They stay open as long as they are needed, and no longer.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use File::Path qw(make_path);
use SlowReader ();
use TestHttpd ();
use TlsClient ();

my $folder = TestHttpd::root() . "/run/files-$$";
make_path("$folder/index", "$folder/cache");
open my $out, '>:raw', "$folder/index/README.html" or die "README.html: $!";
print {$out} SlowReader::body();
close $out or die "README.html: $!";

my $lines = TestHttpd::load_also(qw(autoindex cache cache_disk)) . "Timeout 600\n";
my $httpd = TestHttpd->start(SlowReader::config($lines, <<"END"), threads => 8, log_level => 'info');
ErrorDocument 404 /20m.bin
Alias /index/ "$folder/index/"
<Directory "$folder/index">
    Options +Indexes
    ReadmeName README.html
</Directory>
Alias /cached/ "\@DOCS\@/"
CacheRoot "$folder/cache"
CacheEnable disk /cached/
CacheMaxFileSize 100000000
CacheDefaultExpire 3600
END

# In the cache of mod_cache_disk.
is(TlsClient->new(port => $httpd->port, sni => 'localhost')->handshake->get('/cached/20m.bin')->{body}, SlowReader::body(), 'a file comes into the cache');

for my $case (
    ['a sub-request that is over',  '/index/',         qr/README\.html/],
    ['the cache of mod_cache_disk', '/cached/20m.bin', qr/\w+\.data/],
    ['an error document',           '/nothing',        qr/20m\.bin/],
    )
{
    my ($what, $path, $name) = @$case;
    for my $round (1, 2) {
        my @slow = map { SlowReader->new($httpd, path => $path, version => $_) } '1.2', '1.3';
        SlowReader::wait_for($httpd, 2);
        $slow[0]->sip(8_000_000);
        SlowReader::wait_for($httpd, 2);
        is SlowReader::descriptors($httpd, $name), 2, "$what: each has the file open, round $round" if SlowReader::possible();
        my @answers = map { $_->answer } @slow;
        is scalar(grep { index($_->{body}, SlowReader::body()) >= 0 } @answers), 2, "$what: all of it";
        is $slow[0]->client->get('/1k.bin')->{body}, TestHttpd::pattern(1 << 10), '... and the next answer';
        SlowReader::wait_for($httpd, 0);
        is SlowReader::descriptors($httpd, $name), 0, '... and the files are closed';
    }
}
done_testing;
