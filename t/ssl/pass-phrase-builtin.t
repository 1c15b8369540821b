# The dialog on the terminal: what it shows, in which order it asks, wrong and empty answers, and how it ends.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use Keys ();
use POSIX ();
use Terminal ();
use TestHttpd ();
use TlsClient ();

my $header = qr{Apache/2\.4\.\d+ mod_ssl \(Pass Phrase Dialog\)\nSome of your private key files are encrypted for security reasons\.\nIn order to read them you have to provide the pass phrases\.\n};
my $ok     = "\nOK: Pass Phrase Dialog successful.\n";
my $prompt = qr/Enter pass phrase:/;
my %key    = (rsa => Keys::encrypted('rsa', 'first'), ecdsa => Keys::encrypted('ecdsa', 'first'), ed25519 => Keys::encrypted('ed25519', 'second'));
my $ours   = !TestHttpd::stock();

sub start {
    my ($httpd) = @_;
    return Terminal->run(TestHttpd::httpd(), '-DFOREGROUND', '-f', $httpd->conf_file);
}

sub answer {
    my ($terminal, @answers) = @_;
    for my $answer (@answers) {
        $terminal->expect($prompt);
        $terminal->answer($answer);
    }
    return;
}

# Three keys, two phrases.
my $httpd    = TestHttpd->new(Keys::config('builtin', map { [$_, $key{$_}] } qw(rsa ecdsa ed25519)));
my $terminal = start($httpd);
$terminal->expect($prompt);
ok !$terminal->echoes, 'what is typed does not appear';
$terminal->answer("first\n");
answer($terminal, "second\n");
$httpd->wait_log(qr/resuming normal operations/);
like $terminal->shown, qr{\A$header\nPrivate key localhost:443:0 \(\Q$key{rsa}\E\)\nEnter pass phrase:\n$ok\nPrivate key localhost:443:2 \(\Q$key{ed25519}\E\)\nEnter pass phrase:\n$ok\z},
    'a phrase that is known already is not asked for';
ok $terminal->echoes, 'the terminal is as it was';
is Keys::messages($httpd->error_log), 'AH02576 AH01968 AH02583 AH02576 AH02584 AH02576 AH01968 AH02583 AH02575 AH02575 AH02575', 'the log; the second configuration pass does not ask';
like $httpd->error_log, qr/info.*AH01968: Init: Requesting pass phrase via builtin terminal dialog/, '... says that it asks';
like $httpd->error_log, qr/info.*AH02560: Init: Wiped out the queried pass phrases from memory/, '... and that phrases are forgotten' if $ours;
is(TlsClient->new(port => $httpd->port, sni => 'localhost')->handshake->get('/1k.bin')->{status}, 200, 'the server serves');
undef $terminal;

# The main server first, then hosts from the last one to the first.
my @hosts = map { my ($name, $type) = @$_; Keys::host([$type, $key{$type}]) =~ s/ServerName localhost$/ServerName $name/mr } ['one.example.test', 'rsa'], ['two.example.test', 'ed25519'];
$httpd    = TestHttpd->new("SSLPassPhraseDialog builtin\n@hosts");
$terminal = start($httpd);
answer($terminal, "second\n", "first\n");
$httpd->wait_log(qr/resuming normal operations/);
is join(' ', $terminal->shown =~ /Private key (\S+):\d+:0/g), 'two.example.test one.example.test', 'hosts are asked for from the last to the first';
undef $terminal;

$httpd    = TestHttpd->new(Keys::config('builtin', ['rsa', $key{rsa}]));
$terminal = start($httpd);
answer($terminal, "\n", "wrong\n", "\n", "first\n");
$httpd->wait_log(qr/resuming normal operations/);
my $empty = "Apache:mod_ssl:Error: Pass phrase empty (needs to be at least 1 character).\n";
is $terminal->shown =~ s/\A.*?(?=Enter)//sr,
    "Enter pass phrase:\n${empty}Enter pass phrase:\nApache:mod_ssl:Error: Pass phrase incorrect (5 more retries permitted).\nEnter pass phrase:\n${empty}Enter pass phrase:\n$ok",
    'an empty answer does not count, a wrong one does';
undef $terminal;

$httpd    = TestHttpd->new(Keys::config('builtin', ['rsa', $key{rsa}]));
$terminal = start($httpd);
answer($terminal, map { "wrong $_\n" } 1 .. 6);
is $terminal->outcome, 'exit 1', 'five retries, then the start fails';
is join(',', $terminal->shown =~ /incorrect \((\d more retr(?:y|ies)) permitted\)/g), '5 more retries,4 more retries,3 more retries,2 more retries,1 more retry', '... counted down';
like $terminal->shown, qr/Apache:mod_ssl:Error: Pass phrase incorrect\.\n\*\*Stopped\n\z/, '... and it says so';
like $httpd->error_log, qr/emerg.*AH02580: Init: Pass phrase incorrect for key localhost:443:0\n.*AH02312.*AH02564: Failed to configure encrypted \(\?\) private key localhost:443:0, check \Q$key{rsa}\E/s, '... also in the log';

# Nobody answers.
$httpd    = TestHttpd->new(Keys::config('builtin', ['rsa', $key{rsa}]));
$terminal = start($httpd);
answer($terminal, "\x04");
answer($terminal, "\x04") unless $ours;    # asks a second time
is $terminal->outcome, 'exit 1', 'the end of the input ends the start';
like $terminal->shown, qr/Apache:mod_ssl:Error: Private key not found\.\n\*\*Stopped\n\z/, '... which the terminal says';
like $httpd->error_log, qr/error.*AH02579: Init: Private key not found/, '... and the log';
ok $terminal->echoes, '... and the terminal is as it was';

if ($ours) {    # the C module goes on asking
    for my $case (['^C', 2, sub { $_[0]->answer("secr\x03") }], ['SIGTERM', 15, sub { kill TERM => $_[0]->pid }], ['SIGHUP', 1, sub { kill HUP => $_[0]->pid }]) {
        my ($name, $signal, $send) = @$case;
        $httpd    = TestHttpd->new(Keys::config('builtin', ['rsa', $key{rsa}]));
        $terminal = start($httpd);
        $terminal->expect($prompt);
        $send->($terminal);
        is $terminal->outcome, "signal $signal", "$name ends the server";
        ok $terminal->echoes, '... and the terminal is as it was';
        unlike $terminal->shown, qr/secr[^e]/, '... and shows nothing of what was typed';
    }
    $httpd    = TestHttpd->new(Keys::config('builtin', ['rsa', $key{rsa}]));
    $terminal = start($httpd);
    answer($terminal, 'x' x 2000 . "\n", "first\n");
    $httpd->wait_log(qr/resuming normal operations/);
    like $terminal->shown, qr/Pass phrase incorrect \(5 more retries permitted\)/, 'a phrase that is too long is a wrong one';
    undef $terminal;
}

# Without a terminal.
$httpd = TestHttpd->new(Keys::config('builtin', ['rsa', $key{rsa}]));
is $httpd->try_start, 'exit 1', 'without a terminal the start fails';
like $httpd->output, qr/\A$header\nPrivate key .*Apache:mod_ssl:Error: Private key not found\.\n\*\*Stopped\n\z/s, '... says why';
like $httpd->error_log, qr/error.*AH02578: Init: Unable to read pass phrase \[Hint: key introduced or changed before restart\?\].*AH02564: Failed to configure/s, '... also in the log';

if ($ours) {    # the C module reads ahead
    $httpd = TestHttpd->new(Keys::config('builtin', ['rsa', $key{rsa}], ['ed25519', $key{ed25519}]));
    my $answers = Keys::write_file('answers', "first\nsecond\n");
    my $pid     = fork // die "fork: $!";
    if (!$pid) {
        POSIX::setsid();
        open STDIN,  '<', $answers                     or POSIX::_exit(99);
        open STDOUT, '>', "$httpd->{root}/logs/output" or POSIX::_exit(99);
        exec TestHttpd::httpd(), '-DFOREGROUND', '-f', $httpd->conf_file or POSIX::_exit(99);
    }
    $httpd->{pid} = $pid;
    $httpd->wait_log(qr/resuming normal operations/);
    pass 'without a terminal standard input serves, line by line';
    $httpd->stop;
}
done_testing;
