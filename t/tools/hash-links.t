# tools/hash-links: the links of folders of certificates and revocation lists.
use strict;
use warnings FATAL => 'all';
use File::Copy qw(copy);
use Test::More;
use lib 'lib', 't/lib';
use TestHttpd ();
use Tool      ();

my $certs  = TestHttpd::certs();
my $folder = Tool::folder() . q{/of 'CAs' $(id)};
mkdir $folder;

sub hash_of { my ($file) = @_; return Tool::output_of('openssl', 'x509', '-in', $file, '-noout', '-subject_hash') =~ s/\s//gr }
sub links   { return {map { (s{.*/}{}r => readlink) } grep { -l } glob '"' . $folder . '/*"'} }

sub hash_links {
    my $run = Tool::run('hash-links', @_ ? @_ : $folder);
    unlike $run->{output}, qr/not found|syntax error/, 'from the tool, not from the shell';
    return $run;
}

# A revocation list needs a database of `openssl ca`.
my $work = Tool::folder();
Tool::write_file("$work/index", '');
Tool::write_file("$work/ca.conf", "[ca]\ndefault_ca = ca\n[ca]\ndatabase = $work/index\ndefault_md = sha256\ndefault_crl_days = 30\n");
sub revocation_list { my ($ca, $to) = @_; return Tool::output_of('openssl', 'ca', '-gencrl', '-config', "$work/ca.conf", '-cert', "$certs/$ca.pem", '-keyfile', "$certs/$ca.key", '-out', $to) }

my %hash = map { ($_ => hash_of("$certs/$_.pem")) } qw(root intermediate);
copy("$certs/root.pem",         "$folder/root.pem");
copy("$certs/intermediate.pem", "$folder/an intermediate.crt");
revocation_list('root', "$folder/root.crl");
my $run = hash_links();
is $run->{status}, 0, 'links are made' or diag $run->{output};
like $run->{output}, qr/: updated, links: 3$/m, '... one is told';
my %expected = ("$hash{root}.0" => 'root.pem', "$hash{intermediate}.0" => 'an intermediate.crt', "$hash{root}.r0" => 'root.crl');
is_deeply links(), \%expected, 'HASH.0 for certificates, HASH.r0 for revocation lists';
is Tool::command('openssl', 'verify', '-CApath', $folder, '-crl_check', "$certs/intermediate.pem")->{status}, 0, 'OpenSSL finds both by them';

my $listing = Tool::listing($folder);
$run = hash_links("$folder/");
is $run->{status}, 0, 'again';
like $run->{output}, qr/: nothing to do, links: 3$/m, '... there is nothing to do';
is Tool::listing($folder), $listing, '... and nothing was done';

# A second certificate of the same name, and changes.
Tool::output_of('openssl', 'req', '-x509', '-key', "$certs/root.key", '-subj', '/O=mod_ssl demonstration/CN=Demonstration root', '-days', 9, '-out', "$folder/second.pem");
is hash_links()->{status}, 0, 'two certificates of one name';
is_deeply [sort grep { /^\Q$hash{root}\E\.\d/ } keys %{links()}], ["$hash{root}.0", "$hash{root}.1"], '... have numbers';
unlink "$folder/second.pem", "$folder/root.crl";
rename "$folder/an intermediate.crt", "$folder/renamed.cer";
symlink 'gone.pem', "$folder/0123abcd.0";
is hash_links()->{status}, 0, 'files are gone, or have another name';
is_deeply links(), {"$hash{root}.0" => 'root.pem', "$hash{intermediate}.0" => 'renamed.cer'}, 'the links follow, stale ones are removed';
copy("$certs/intermediate.pem", "$folder/root.pem");
unlink "$folder/renamed.cer";
hash_links();
is_deeply links(), {"$hash{intermediate}.0" => 'root.pem'}, 'another certificate in the same file';

# What gets no link is named; what is no link of ours stays.
Tool::write_file("$folder/bundle.pem", TestHttpd::slurp("$certs/root.pem") . TestHttpd::slurp("$certs/alpha.pem"));
revocation_list($_, "$work/$_.crl") for qw(root intermediate);
Tool::write_file("$folder/lists.crl", TestHttpd::slurp("$work/root.crl") . TestHttpd::slurp("$work/intermediate.crl"));
copy("$certs/broken/certificate.der", "$folder/der.crt");
copy("$certs/localhost-rsa.key",      "$folder/key.pem");
copy("$certs/root.pem",               "$folder/root.txt");
copy("$certs/broken/empty.pem",       "$folder/empty.pem");
copy("$certs/broken/garbage.pem",     "$folder/garbage.pem");
copy("$certs/root.pem",               "$folder/once.pem");
copy("$certs/root.pem",               "$folder/twice.pem");
Tool::write_file("$folder/words.txt", 'nothing to warn of');
Tool::write_file("$folder/deadbeef.0", 'a file of somebody else');
symlink 'words.txt', "$folder/a-link";
mkdir "$folder/folder.pem";
$run = hash_links();
is $run->{status}, 0, 'files that get no link';
for my $case (
    ['bundle.pem',  qr/holds 3 certificates and 0 revocation lists and gets no link/], ['lists.crl', qr/holds 0 certificates and 2 revocation lists and gets no link/],
    ['der.crt',     qr/holds no certificate or revocation list in PEM form/],          ['empty.pem', qr/holds no certificate/],
    ['key.pem',     qr/holds no certificate/],                                         ['key.pem',   qr/holds a private key/],
    ['root.txt',    qr/is not looked at/],
) {
    my ($file, $message) = @$case;
    like $run->{output}, qr/^hash-links: warning: \Q$folder\/$file\E $message/m, "$file is named";
}
like $run->{output}, qr/duplicate certificate in twice\.pem|duplicate certificate in once\.pem/, 'the second copy of a certificate is named';
unlike $run->{output}, qr/words\.txt|a-link|folder\.pem|deadbeef/, 'nothing is said of other files';
is_deeply [sort grep { /^[0-9a-f]{8}\.\d$/ } keys %{links()}], [sort "$hash{root}.0", "$hash{intermediate}.0"], 'the others have theirs';
is TestHttpd::slurp("$folder/deadbeef.0"), 'a file of somebody else', 'a file with the name of a link stays';

# Several folders, and none.
my $other = Tool::folder();
copy("$certs/root.pem", "$other/root.pem");
$run = hash_links("$other/none", $other);
is $run->{status}, 1, 'a folder that is not there';
like $run->{output}, qr/none is no folder/, '... one is told';
ok -l "$other/$hash{root}.0", '... and the other one is done';
is Tool::command('sh', '-c', 'cd "$1" && mkdir -- -v && exec "$2" -v', 'sh', $work, Tool::path('hash-links'))->{status}, 0, 'a folder that looks like an option';
is Tool::run('hash-links')->{status}, 2, 'without arguments';
is Tool::run('hash-links', '')->{status}, 2, 'an empty argument';
done_testing;
