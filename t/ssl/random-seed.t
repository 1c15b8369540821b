# SSLRandomSeed: how much is read from which source, and when.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use StartUp ();
use TestHttpd ();
use TlsClient ();

my $folder = TestHttpd::root() . '/seeds';
mkdir $folder;
sub written { my ($name, $text, $mode) = @_; open my $file, '>', "$folder/$name" or die "$name: $!"; print {$file} $text; close $file; chmod $mode // 0644, "$folder/$name"; return "$folder/$name" }

my $bytes  = written('bytes', 'x' x 300);
my $empty  = written('empty', '');
my $locked = written('locked', 'x', 0);
my $shows  = written('shows', "#!/bin/sh\n{ pwd; echo \"\$#:\$*\"; env; } >$folder/shown\nhead -c 700 /dev/zero\nexit 3\n", 0755);
my $plain  = written('plain', "not a program\n");

my @table = (
    # what                                                  bytes
    ['builtin',                                             144],
    ["file:$bytes",                                         300],
    ["file:$bytes 100",                                     100],
    ["file:$bytes 1000",                                    300],
    ["file:$bytes 0",                                       300],
    ["file:$bytes x",                                       300],
    ["$bytes 7x",                                           7],
    ["file:$empty",                                         0],
    ["file:$locked",                                        0],
    ["file:$folder",                                        0],
    ["exec:$shows 512",                                     512],
    ["exec:$shows",                                         700],
    ["exec:$plain 10",                                      0],
);
for my $row (@table, ['all', 144 + 100 + 512]) {
    my ($source, $count) = @$row;
    my @sources = $source eq 'all' ? ('builtin', "file:$bytes 100", "exec:$shows 512") : $source;
    my $lines   = join '', map { "SSLRandomSeed startup $_\nSSLRandomSeed connect $_\n" } @sources;
    my $httpd   = TestHttpd->start("$lines<VirtualHost *:\@PORT\@>\nServerName localhost\nSSLEngine on\n\@ECDSA\@\n</VirtualHost>\n", log_level => 'info ssl:trace2');
    is(TlsClient->new(port => $httpd->port, sni => 'localhost')->handshake->get('/1k.bin')->{status}, 200, "$source: a request");
    my $log = $httpd->error_log;
    like $log, qr/ssl:trace2.*Init: Seeding PRNG with $count bytes of entropy/, "... $count bytes at the start";
    like $log, qr/ssl:trace2.*Server: Seeding PRNG with $count bytes of entropy/, "... $count bytes for a connection";
    unlike $log, qr/AH01990/, '... which is enough';
    $httpd->stop;
    next unless $source =~ /^exec:\Q$shows\E ?(\d*)/;
    my $wanted = $1 || 0;
    my ($where, $arguments, @environment) = split /\n/, TestHttpd::slurp("$folder/shown");
    is $where, $folder, '... the program runs in its folder';
    is $arguments, "1:$wanted", '... with the number of bytes';
    is_deeply [grep { !/^(?:PWD|SHLVL|_|OLDPWD)=/ } @environment], [], '... without an environment';
}
done_testing;
