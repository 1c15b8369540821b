# Every directive with good and bad arguments, and in places where it must not stand: the rows of conf/directives.tbl.
#
# The rows that run, but for those before all hosts, share one server, with a host for each. What is refused is refused on its own:
# exit status 1, the line, and why.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use StartUp ();
use TestHttpd ();
use TlsClient ();

my %holds = (
    ours    => !TestHttpd::stock(),
    stock   => TestHttpd::stock(),
    no_zlib => scalar qx(openssl list -disabled) =~ /^ZLIB$/m,
    no_fips => scalar qx(openssl list -providers) !~ /fips/i,
    srp     => scalar qx(openssl list -disabled) !~ /^SRP$/m,
);

my ($file) = grep { -e } 'conf/directives.tbl', 't/conf/directives.tbl';
my @rows;
open my $table, '<', $file or die "$file: $!";
while (my $row = <$table>) {
    chomp $row;
    next if $row =~ /^\s*(?:#|$)/;
    my ($place, $outcome, $conditions, $lines, $pattern) = $row =~ /^(global|vhost|bare|location|htaccess|proxy)\s+(runs|plain|syntax|fatal|500)\s+((?:\[\w+\]\s+)*)(.*?)(?:\s+=>\s+(.*))?$/
        or die "$file, line $.: not a row: $row";
    next if grep { my $holds = $holds{$_}; die "$file, line $.: [$_] is unknown" unless defined $holds; !$holds } $conditions =~ /\w+/g;
    push @rows, {number => $., place => $place, outcome => $outcome, name => "line $.: $place: $lines", lines => expand($lines), pattern => defined $pattern ? qr/$pattern/s : undef};
}
close $table;

# `\n` between lines, `\0`, `{x*1000}` for many x.
sub expand { my ($text) = @_; return $text =~ s/\\n/\n/gr =~ s/\\0/\0/gr =~ s/\{(.)\*(\d+)\}/$1 x $2/ger }

# Every directive has a good row and a bad one.
my ($document) = grep { -e } map { TestHttpd::root() . "/$_" } 'docs/directives.md';
my (%good, %bad);
for my $row (@rows) {
    my $seen = $row->{outcome} =~ /^(?:runs|plain)$/ ? \%good : \%bad;
    $seen->{lc $_}++ for $row->{lines} =~ /^(SSL\w+)/mgi;
}
for my $name (TestHttpd::slurp($document) =~ /^\| `(\w+)`/mg) {
    next if TestHttpd::stock() && !$bad{lc $name};    # rows of our own additions are left out
    ok $bad{lc $name},  "$name has a bad row";
    ok $good{lc $name}, "$name has a good row" unless TestHttpd::stock();
}

my @together = grep { $_->{outcome} =~ /^(?:runs|plain|500)$/ && $_->{place} ne 'global' } @rows;
my $number   = 0;
my $config   = '';
for my $row (@together) {
    $row->{port} = ++$number;
    $config .= StartUp::configuration($row->{lines}, $row->{place}, $number);
}
my $httpd = TestHttpd->new($config);
for my $row (grep { $_->{place} eq 'htaccess' } @together) {
    StartUp::make_htaccess($httpd, $row->{lines}, $row->{port});
}
is $httpd->try_start, 'runs', 'the server with all good rows runs' or BAIL_OUT($httpd->output . $httpd->error_log);
for my $row (@together) {
    my ($from, $outcome) = (length($httpd->error_log), $row->{outcome});
    subtest "$row->{name} - $outcome" => sub {
        StartUp::answers($httpd, $row->{port}, $row->{place}, $outcome);
        my $messages = $outcome eq '500' ? substr($httpd->error_log, $from) : $httpd->output . $httpd->error_log;
        like $messages, $row->{pattern}, 'and says so' if $row->{pattern};
    };
}
unlike $httpd->error_log, qr/\bpanicked\b/, 'nothing panicked';
$httpd->stop;

StartUp::check(@$_{qw(lines place outcome pattern name)}) for grep { !$_->{port} } @rows;
done_testing;
