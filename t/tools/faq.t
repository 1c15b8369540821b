# The commands of docs/faq.md, run against the demonstration server: they print what stands below them.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use Cwd ();
use TestHttpd ();

my $root  = TestHttpd::root();
my %port  = (8443 => TestHttpd::free_port(), 8080 => TestHttpd::free_port());
my $text  = TestHttpd::slurp("$root/docs/faq.md");
my $start = Cwd::getcwd();
chdir $root or die "$root: $!";
local $ENV{APXS} = $ENV{TEST_APXS};

sub demo { return qx(HTTPS_PORT=$port{8443} HTTP_PORT=$port{8080} tools/demo @_ 2>&1 </dev/null) }
END { demo('stop') if $root && -d "$root/target/demo" }

my $said = demo('start', "$root/modules/mod_ssl.so");
is $?, 0, 'the demonstration server' or BAIL_OUT($said);

my ($preface) = $text =~ /^```console\n(.*?)^```/ms;
my $setting = 'httpd() { ' . TestHttpd::httpd() . ' "$@"; }' . "\n" . $preface =~ s/^\$ //gmr;

# The commands of a block, each with the lines it must print.
sub commands {
    my ($block) = @_;
    my @commands;
    for my $line (split /\n/, $block) {
        $line =~ s/\b$_\b/$port{$_}/g for keys %port;
        if ($line =~ s/\A\$ //) { push @commands, [$line] }
        else                    { push @{$commands[-1]}, $line }
    }
    return @commands;
}

# What the command prints, and the first of the lines that is not there after those before it.
sub result_of {
    my ($line, @expected) = @_;
    open my $shell, '-|', 'bash', '-c', "exec 2>&1 </dev/null\n$setting$line" or die "bash: $!";
    my $output = do { local $/; <$shell> // '' };
    close $shell;
    my $text = $output =~ s/ +/ /gr;
    my $at   = 0;
    for my $part (@expected) {
        my $found = index $text, $part, $at;
        return ($output, $part) if $found < 0;
        $at = $found + length $part;
    }
    return ($output, undef);
}

my $count = 0;
while ($text =~ /^### (\d+)\. (.*?)\n(.*?)(?=^##|\z)/gms) {
    my ($number, $question, $answer) = ($1, $2, $3);
    $count++;
    my @blocks = $answer =~ /^```console\n(.*?)^```/gms;
    ok @blocks == 1, "$number. $question";
    for my $command (map { commands($_) } @blocks) {
        my ($line, @expected) = @$command;
        my ($output, $missing);
        my $deadline = time + ($line =~ m{target/demo/logs} ? TestHttpd::PATIENCE : 0);    # a log may lag behind the client
        do {
            ($output, $missing) = result_of($line, @expected);
        } while (defined $missing && time < $deadline && sleep 1);
        ok !defined $missing, "... \$ $line" or diag "expected: $missing\nthe output:\n$output";
    }
}
is $count, 50, 'all of them';
chdir $start;
done_testing;
