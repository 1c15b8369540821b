# What the documents say of each other and of the directives is true.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use File::Basename qw(dirname);
use TestHttpd ();

my $root = TestHttpd::root();
my %text = map { s{\A\Q$root\E/}{}r => TestHttpd::slurp($_) } glob "$root/*.md $root/docs/*.md";

# --- Names of directives ------------------------------------------------------------------------------------------------
my %built = map { $_ => 1 } $text{'docs/directives.md'} =~ /^\| `(SSL\w+)`/mg;
my %old     = map { lc $_ => 1 } split /\n/, qx($^X $root/tools/migrate-config --list);
cmp_ok scalar keys %built, '>', 10, 'directives that are built';
cmp_ok scalar keys %old,   '>', 50, 'old names';

# SSLEngine and SSL_CertFile are directives; SSL_PROTOCOL is a variable, SSLKEYLOGFILE comes from the environment.
my $directive = qr/(?<!\w)(SSL(?!KEYLOGFILE)[A-Z][A-Za-z0-9]*[a-z][A-Za-z0-9]*(?![*\w])|SSLFIPS\b|SSL_(?:X509)?[A-Z][a-z]\w*)/;

for my $document ('docs/faq.md', 'docs/migration.md') {
    my %names = map { $_ => 1 } $text{$document} =~ /$directive/g;
    cmp_ok scalar keys %names, '>', 15, "$document names directives";
    for my $name (sort keys %names) {
        ok $built{$name} || $old{lc $name}, "$document: $name is a directive, or an old name";
    }
}
my %both = map { $_ => 1 } qw(SSLClientHelloVars SSLLog SSLLogLevel SSLMutex SSLPolicy);    # known, though not in mod_ssl 2.4's form
ok !$old{lc $_} || $both{$_}, "$_ is no old name" for sort keys %built;

# Every old name that the tool knows is in the document.
my $migration = lc $text{'docs/migration.md'};
my @absent = grep { $migration !~ /(?<!\w)\Q$_\E(?!\w)/ && !/^gnutlsx509/ } sort keys %old;
is "@absent", '', 'docs/migration.md has every old name';

# --- The fifty questions --------------------------------------------------------------------------------------------------
my @numbers = $text{'docs/faq.md'} =~ /^### (\d+)\. \S.*\?$|^### (\d+)\. My server crashed/mg;
is_deeply [grep { defined } @numbers], [1 .. 50], 'the questions have the numbers 1 to 50';

# --- Links ------------------------------------------------------------------------------------------------------------------
sub anchor {
    my ($heading) = @_;
    $heading = lc $heading =~ s/\[([^\]]*)\]\([^)]*\)/$1/gr;
    return $heading =~ s/[^\w\- ]//gr =~ tr/ /-/r;
}

my %anchors;
for my $document (keys %text) {
    my $prose = $text{$document} =~ s/^```.*?^```//gmsr;
    $anchors{$document}{anchor($_)} = 1 for $prose =~ /^#+ (.*)$/mg;
}
# A page that begins with a list of its sections has all of them there.
for my $document (sort keys %text) {
    my @listed = map { anchor($_) } $text{$document} =~ /^- \[([^\]]*)\]\(#/mg or next;
    is_deeply \@listed, [map { anchor($_) } $text{$document} =~ /^## (.*)$/mg], "$document lists its sections";
}

my $links = 0;
for my $document (sort keys %text) {
    my $prose = $text{$document} =~ s/^```.*?^```//gmsr =~ s/`[^`]*`//gr;
    for my $link ($prose =~ /\]\(([^)\s]+)\)/g) {
        next if $link =~ m{\Ahttps?://};
        $links++;
        my ($path, $fragment) = split /#/, $link, 2;
        my $target = $path eq '' ? $document : join '/', grep { $_ ne '.' } split m{/}, dirname($document) . "/$path";
        1 while $target =~ s{[^/]+/\.\./}{};
        if (exists $text{$target}) { ok !defined $fragment || $anchors{$target}{$fragment}, "$document: $link" }
        else                       { ok -e "$root/$target", "$document: $link" }
    }
}
cmp_ok $links, '>', 20, 'links were looked at';
done_testing;
