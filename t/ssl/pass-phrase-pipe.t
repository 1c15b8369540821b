# SSLPassPhraseDialog |program: the conversation, word for word; and programs that end, are not there or do not know.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use Cwd qw(getcwd);
use Keys ();
use TestHttpd ();
use TlsClient ();

my %key    = (rsa => Keys::encrypted('rsa', 'first'), ecdsa => Keys::encrypted('ecdsa', 'first'), ed25519 => Keys::encrypted('ed25519', 'second'));
my $folder = Keys::folder();
my $ours   = !TestHttpd::stock();
my $header = qr{Apache/2\.4\.\d+ mod_ssl \(Pass Phrase Dialog\)\nSome of your private key files are encrypted for security reasons\.\nIn order to read them you have to provide the pass phrases\.\n};
my $ok     = "\nOK: Pass Phrase Dialog successful.\n";

# A program that gives ANSWERS in turn, and notes all that it reads.
sub talker {
    my (@answers) = @_;
    my $list = join ', ', map { "'$_'" } @answers;
    return Keys::program(<<"PROGRAM");
open my \$heard, '>>', '$folder/heard' or die;
for my \$answer ($list) {
    my \$text = '';
    while (\$text !~ /Enter pass phrase:\\z/) { sysread STDIN, \$text, 1, length \$text or print({\$heard} \$text), exit }
    print {\$heard} \$text;
    print "\$answer\\n";
}
while (sysread STDIN, my \$text, 1000) { print {\$heard} \$text }
PROGRAM
}

sub heard {
    my $text = TestHttpd::slurp("$folder/heard");
    unlink "$folder/heard";
    return $text;
}

my $program = talker('first');
my $httpd   = TestHttpd->start(Keys::config("|$program 'a b' c", ['rsa', $key{rsa}], ['ecdsa', $key{ecdsa}]));
is_deeply [Keys::asked()], ['a b|c|in ' . getcwd], 'the words of the line; the working directory of the server, and no environment';
$httpd->wait_for(sub { -s "$folder/heard" }, 'what the program has read');
like heard(), qr{\A$header\nPrivate key localhost:443:0 \(\Q$key{rsa}\E\)\nEnter pass phrase:\n$ok\z}, 'the conversation';
is Keys::messages($httpd->error_log), 'AH02576 AH01965 AH01967 AH02583 AH02576 AH02584 AH02575 AH02575', 'the log';
like $httpd->error_log, qr/info.*AH01965: Init: Creating pass phrase dialog pipe child '\Q$program\E 'a b' c'/, '... names the command line';
is(TlsClient->new(port => $httpd->port, sni => 'localhost')->handshake->get('/1k.bin')->{status}, 200, 'the server serves');
$httpd->stop;

# A second phrase: another process, which is asked without the header.
$program = talker('first', 'second');
$httpd   = TestHttpd->start(Keys::config("|$program", ['rsa', $key{rsa}], ['ed25519', $key{ed25519}]));
is(() = Keys::asked(), 2, 'the program is started for each key that needs it');
like heard(), qr{\nPrivate key localhost:443:1 \(\Q$key{ed25519}\E\)\nEnter pass phrase:\nApache:mod_ssl:Error: Pass phrase incorrect \(5 more retries permitted\)\.\nEnter pass phrase:\n$ok\z}, '... and after a wrong answer asked again';
$httpd->stop;

$httpd = TestHttpd->start(Keys::config('|' . talker('', 'wrong', '', 'first'), ['rsa', $key{rsa}]));
my $empty = "Apache:mod_ssl:Error: Pass phrase empty (needs to be at least 1 character).\n";
is heard() =~ s/\A.*?(?=Enter)//sr, "Enter pass phrase:\n${empty}Enter pass phrase:\nApache:mod_ssl:Error: Pass phrase incorrect (5 more retries permitted).\nEnter pass phrase:\n${empty}Enter pass phrase:\n$ok", 'empty and wrong answers';
$httpd->stop;

if ($ours) {    # the C module dies of SIGPIPE in most of these cases
    my $failed     = qr/error.*AH02578: Init: Unable to read pass phrase.*emerg.*AH02564: Failed to configure encrypted \(\?\) private key localhost:443:0/s;
    my $plain      = Keys::write_file('plain', '');
    my $not_made   = sub { my ($why) = @_; return qr/error.*AH01966: Init: Failed to create pass phrase pipe '[^\n]*' \($why.*$failed/s };
    for my $case (
        ['a program that is not there',           '|/nowhere/program', $not_made->('No such file or directory')],
        ['a file that cannot be run',             "|$plain",           $not_made->('Permission denied')],
        ['a name that PATH would find',           '|cat',              $not_made->('No such file or directory')],
        ['no name',                               '| ',                $not_made->('no program is named')],
        ['a program that ends at once',           '|' . Keys::program('exit'), $failed],
        ['a program that ends after it has read', '|' . Keys::program('sysread STDIN, my $x, 10_000; exit'), $failed],
        ['a wrong answer and the end',            '|/bin/echo wrong',  $failed],
    ) {
        my ($name, $dialog, $pattern) = @$case;
        $httpd = TestHttpd->new(Keys::config($dialog, ['rsa', $key{rsa}]));
        is $httpd->try_start, 'exit 1', $name;
        like $httpd->error_log, $pattern, '... which the log says';
    }
    for my $case (
        ['a program that reads nothing',    '|/bin/echo first'],
        ['a program that closes its input', '|' . Keys::program('close STDIN; print "first\n"')],
        ['a program that writes on and on', '|' . Keys::program('print "first\n"; print "x" x 100_000 for 1 .. 100')],
        ['a program that does not end',     '|' . Keys::program('print "first\n"; sleep 1000')],
    ) {
        my ($name, $dialog) = @$case;
        $httpd = TestHttpd->new(Keys::config($dialog, ['rsa', $key{rsa}]));
        is $httpd->try_start, 'runs', $name or diag $httpd->error_log;
        $httpd->stop;
    }
}
done_testing;
