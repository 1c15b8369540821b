# Whoever waits for a pass phrase hears that the server is to end, and does not wait for ever.
use strict;
use warnings FATAL => 'all';
use POSIX ();
use Test::More;
use lib 'lib', 't/lib';
use Keys ();
use TestHttpd ();

plan skip_all => 'the distribution waits' if TestHttpd::stock();

sub server {
    my ($dialog, $phrase) = @_;
    my $key = Keys::encrypted('rsa', $phrase);
    return TestHttpd->new("$dialog\n<VirtualHost *:\@PORT\@>\nServerName localhost\nSSLEngine on\nSSLCertificateFile " . Keys::certificate('rsa') . "\nSSLCertificateKeyFile $key\n</VirtualHost>\n");
}

# Runs httpd with standard input from a pipe; returns its process and the end to write to.
sub run {
    my ($httpd) = @_;
    pipe my $reader, my $writer or die "pipe: $!";
    my $pid = fork // die "fork: $!";
    if (!$pid) {
        POSIX::setsid();    # no terminal
        close $writer;
        open STDIN, '<&', $reader or POSIX::_exit(99);
        open STDOUT, '>', "$httpd->{root}/logs/output" or POSIX::_exit(99);
        open STDERR, '>&', \*STDOUT or POSIX::_exit(99);
        exec TestHttpd::httpd(), '-f', $httpd->conf_file, '-DFOREGROUND' or POSIX::_exit(99);
    }
    close $reader;
    return ($pid, $writer);
}

my $deaf = Keys::program('sleep 600;');
my $first_then_deaf = Keys::program('my $flag = "' . Keys::folder() . '/asked-once"; if (!-e $flag) { open my $f, ">", $flag; print "good\n"; exit } sleep 600;');

for my $case (
    ['standard input', '',                                        "good\n", qr/AH01968/],
    ['a pipe',         "SSLPassPhraseDialog |$first_then_deaf",   '',       qr/AH01967/],
    ['a program',      "SSLPassPhraseDialog exec:$first_then_deaf", '',     qr/AH01969/],
) {
    my ($name, $dialog, $typed, $asks) = @$case;
    unlink Keys::folder() . '/asked-once';
    my $httpd = server($dialog, 'good');
    my ($pid, $writer) = run($httpd);
    syswrite $writer, $typed if $typed;
    $httpd->wait_for(sub { $httpd->error_log =~ /resuming normal operations/ }, "$name: the start");
    Keys::encrypted('rsa', 'other');
    my $asked = () = $httpd->error_log =~ /$asks/g;
    kill USR1 => $pid;
    $httpd->wait_for(sub { my $now = () = $httpd->error_log =~ /$asks/g; $now > $asked }, "$name: the question");
    kill TERM => $pid;
    my $ended = 0;
    $httpd->wait_for(sub { $ended ||= waitpid($pid, POSIX::WNOHANG()) == $pid }, "$name: the end");
    ok $ended, "$name: SIGTERM ends the server while it waits for an answer";
}

# A program that only says nothing, again and again, is as good as one that ends.
my $blank = Keys::program('print "\n" while 1;');
my $httpd = server("SSLPassPhraseDialog |$blank", 'good');
is $httpd->try_start, 'exit 1', 'empty answers without end: the start fails';
like $httpd->output . $httpd->error_log, qr/AH02564/, '... with the line that says why';
done_testing;
