# SSLPassPhraseDialog exec: what the program is called with, which of its output counts, and programs that do not answer.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use Keys ();
use POSIX ();
use StartUp ();
use TestHttpd ();
use TlsClient ();

my %key    = (rsa => Keys::encrypted('rsa', 'first'), ecdsa => Keys::encrypted('ecdsa', 'first'), ed25519 => Keys::encrypted('ed25519', 'second'));
my $folder = Keys::folder();
my $ours   = !TestHttpd::stock();

my $program = Keys::program(q{print $ARGV[1] eq 'ECC' ? "second\n" : "first\nmore\n"; exit 3;});
my $httpd   = TestHttpd->start(Keys::config("exec:$program", map { [$_, $key{$_}] } qw(rsa ecdsa ed25519)));
is_deeply [Keys::asked()], ["localhost:443|RSA|in $folder", "localhost:443|ECC|in $folder"],
    'called once for each new phrase, with the host and a word for the position, in its own directory and without an environment';
is(() = $httpd->error_log =~ /info.*AH01969: Init: Requesting pass phrase from dialog filter program \(\Q$program\E\)/g, 2, '... which is logged');
is(TlsClient->new(port => $httpd->port, sni => 'localhost')->handshake->get('/1k.bin')->{status}, 200, 'the server serves');
unlike qx(ps -o stat= --ppid $httpd->{pid}), qr/Z/, 'nobody is left to be waited for' if $ours;
$httpd->stop;

# Which host, which position.
$program = Keys::program(q{print "first\n"});
my @plain = map { ['rsa', TestHttpd::certs() . '/localhost-rsa.key'] } 1 .. 3;
$httpd = TestHttpd->start(Keys::config("exec:$program", @plain, ['ecdsa', $key{ecdsa}]) =~ s/ServerName localhost$/ServerName localhost:8443/mr);
is_deeply [Keys::asked()], ["localhost:8443|3|in $folder"], 'from the fourth on the position is a number';
$httpd->stop;

# What counts as the answer.
for my $case (
    ['the first line',                  q{print "first\nsecond\n"}],
    ['a line that ends with CR',        q{print "first\rsecond\n"}],
    ['a line without an end',           q{print "first"}],
    ['a line in pieces',                q{for (split //, "first\n") { print; select undef, undef, undef, 0.01 }}],
    ['what comes before a NUL',         q{print "first\0second\n"}],
    ['a program that fails afterwards', q{print "first\n"; exit 1}],
    ['a program that writes on and on', q{print "first\n"; print "x" x 100_000 for 1 .. 100; }],
) {
    my ($name, $body) = @$case;
    next if !$ours && $name =~ /on and on/;    # httpd finds the body, and takes it for one of its own
    $httpd = TestHttpd->new(Keys::config('exec:' . Keys::program($body), ['rsa', $key{rsa}]));
    is $httpd->try_start, 'runs', "good: $name" or diag $httpd->error_log;
    $httpd->stop;
}

# What does not.
my $failure = qr/emerg.*AH02580: Init: Pass phrase incorrect for key localhost:443:0\n.*AH02312.*emerg.*AH02564: Failed to configure encrypted \(\?\) private key localhost:443:0, check \Q$key{rsa}\E/s;
my $not_executable = Keys::program(q{print "first\n"});
chmod 0644, $not_executable;
for my $case (
    ['a wrong phrase',            Keys::program(q{print "wrong\n"})],
    ['an empty line',             Keys::program(q{print "\nfirst\n"})],
    ['no output',                 Keys::program(q{})],
    ['a space too much',          Keys::program(q{print " first\n"})],
    ['megabytes without an end',  Keys::program(q{print "x" x 1_000_000 for 1 .. 5})],
    ['a phrase that is too long', Keys::program(q{print "x" x 5000, "\n"})],
    ['a file that cannot be run', $not_executable, qr/error.*Init: Failed to run the dialog filter program \Q$not_executable\E \(Permission denied/],
    ['a directory',               $folder,         qr/error.*Init: Failed to run the dialog filter program \Q$folder\E \(/],
) {
    my ($name, $path, $reason) = @$case;
    $httpd = TestHttpd->new(Keys::config("exec:$path", ['rsa', $key{rsa}]));
    is $httpd->try_start, 'exit 1', "bad: $name";
    like $httpd->error_log, $failure, '... which the log says';
    like $httpd->error_log, $reason, '... with the reason' if $reason && $ours;
    is(() = $httpd->error_log =~ /AH01969/g, 1, '... and asks no second time');
    unlike $httpd->error_log, qr/resuming normal operations/, '... and nothing runs';
}

# The second key's phrase is wrong.
$program = Keys::program(q{print $ARGV[1] eq 'DSA' ? "wrong\n" : "first\n"});
$httpd   = TestHttpd->new(Keys::config("exec:$program", ['rsa', $key{rsa}], ['ed25519', $key{ed25519}]));
is $httpd->try_start, 'exit 1', 'a wrong phrase for the second key';
like $httpd->error_log, qr/AH02583: encrypted localhost:443:0 .*AH02580: Init: Pass phrase incorrect for key localhost:443:1/s, '... is told from the first';

# A program that does not answer, but may: the log says what is waited for.
if ($ours) {
    $program = Keys::program(qq{until (-e "$folder/go") { select undef, undef, undef, 0.05 } print "first\\n"});
    $httpd   = TestHttpd->new(Keys::config("exec:$program", ['rsa', $key{rsa}]));
    my $pid = fork // die "fork: $!";
    if (!$pid) {
        POSIX::setsid();
        open STDOUT, '>', '/dev/null';
        exec TestHttpd::httpd(), '-DFOREGROUND', '-f', $httpd->conf_file or POSIX::_exit(99);
    }
    $httpd->{pid} = $pid;
    $httpd->wait_log(qr/warn.*Init: Still waiting for a pass phrase from the program \Q$program\E/);
    Keys::write_file('go');
    $httpd->wait_log(qr/resuming normal operations/);
    pass 'a program may take its time';
    $httpd->stop;
}

StartUp::check('SSLPassPhraseDialog exec:/nowhere/program', 'global', syntax => qr{SSLPassPhraseDialog: file '/nowhere/program' does not exist});
done_testing;
