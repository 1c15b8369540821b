# Answers of OCSP responders about clients that all processes of the server share (SSLOCSPCache), and a cache that is broken, full or
# lies.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use Responder ();
use TestHttpd ();

plan skip_all => 'no such directive' if TestHttpd::stock();

my $responder = Responder->start;
my $folder    = $responder->folder;

sub asks    { my ($name, $path, $lines) = @_; return $responder->vhost($name, $responder->url($path), $lines) }
sub outcome { return ($responder->client(@_))[1] }

# As many connections at once, each of which occupies a process: outcomes, and questions to the responder.
sub at_once {
    my ($httpd, $name, $path, $count) = @_;
    my $before = $responder->count($path);
    my (@clients, @outcomes);
    for (1 .. $count) {
        my ($client, $outcome) = $responder->client($httpd, $name);
        push @clients, $client;
        push @outcomes, $outcome;
    }
    return "@outcomes", $responder->count($path) - $before;
}

my %prefork = (mpm => 'prefork');
my $count   = 4;

# --- Without a line, and with one ---------------------------------------------------------------------------------------
for my $case (['', 1], ["SSLOCSPCache shmcb:\@ROOT\@/answers(100000)\n", 1], ["SSLOCSPCache none\n", $count]) {
    my ($line, $questions) = @$case;
    my $httpd = TestHttpd->start($line . asks('good', 'good') . asks('revoked', 'revoked') . asks('quick', 'old', "SSLOCSPUseRequestNonce off\n"), %prefork);
    my $what = $line =~ s/\s+\z//r || 'no line';
    is_deeply [at_once($httpd, 'good', 'good', $count)],       ['200 ' x ($count - 1) . '200', $questions], "$what: questions of $count processes";
    is_deeply [at_once($httpd, 'quick', 'old', $count)],       ['200 ' x ($count - 1) . '200', $questions], '... without a nonce';
    is_deeply [at_once($httpd, 'revoked', 'revoked', 1)],      ['alert 44', 1], '... one that is revoked';
    next if $questions > 1;
    like $httpd->error_log, qr/OCSP response found in the cache/, '... and the log tells';
    $httpd->graceful;
    is_deeply [at_once($httpd, 'good', 'good', 2)], ['200 200', 1], '... nothing stays of an earlier configuration';
}

# --- A cache that cannot be relied on -----------------------------------------------------------------------------------
# Each connection gets a process that knows nothing.
my $module = 'LoadModule socache_file_module ' . TestHttpd::root() . "/modules/socache_file.so\n";
my $cache  = "$folder/cache";
mkdir $cache or die "$cache: $!";
my $httpd = TestHttpd->start(
    "MaxConnectionsPerChild 1\n${module}SSLOCSPCache file:$cache\n" . asks('good', 'good') . asks('revoked', 'revoked') . asks('gate', 'gate')
        . asks('lax', 'stranger', "SSLOCSPNoVerify on\n") . asks('strict', 'stranger') . asks('young', 'good', "SSLOCSPResponseMaxAge 3600\n"),
    %prefork
);

sub files { return grep { m{/[0-9a-f]{64}\z} } glob "$cache/*" }

# Outcome, and how often the responder was asked.
sub seen {
    my ($name, $path, $certificate) = @_;
    my $before = $responder->count($path);
    my $outcome = outcome($httpd, $name, $certificate);
    return $outcome, $responder->count($path) - $before;
}

is_deeply [seen('good', 'good')], [200, 1], 'the first question';
is_deeply [seen('good', 'good')], [200, 0], 'the answer is there for other processes';
my ($good) = files();
is scalar files(), 1, 'one record';
my $record = TestHttpd::slurp($good);
is_deeply [seen('good', 'good', 'plain')], [200, 1], 'another certificate is another question';
my ($plain) = grep { $_ ne $good } files();
is_deeply [seen('revoked', 'revoked')], ['alert 44', 1], 'a revoked one';
is_deeply [seen('revoked', 'revoked')], ['alert 44', 0], '... stays that';
my ($revoked) = grep { $_ ne $good && $_ ne $plain } files();

my $put = sub { my ($file, $bytes) = @_; open my $out, '>:raw', $file or die "$file: $!"; print {$out} $bytes; close $out };
$responder->openssl("ocsp -issuer ca.pem -cert client.pem -no_nonce -reqout forged.req");
my $signed = $responder->sign('forged.req', 'good', 'ca');
my $middle = int(length($record) / 2);
for my $case (
    ['an empty record',                   ''],
    ['one byte',                          "\1"],
    ['half of it',                        substr $record, 0, $middle],
    ['a byte less',                       substr $record, 0, -1],
    ['a byte more',                       "$record\0"],
    ['another end',                       substr($record, 0, 4) . "\x7f" . substr $record, 5],
    ['a changed response',                substr($record, 0, $middle) . chr(1 ^ ord substr $record, $middle, 1) . substr $record, $middle + 1],
    ['a changed seal',                    substr($record, 0, -1) . chr(1 ^ ord substr $record, -1)],
    ['the record of another certificate', TestHttpd::slurp($plain)],
    ['that of a revoked one',             TestHttpd::slurp($revoked)],
    ['a response without a seal',         $signed],
    ['a response that looks like one',    substr($record, 0, 9) . $signed . substr $record, -32],
    ['far too much',                      $record x 100],
) {
    my ($what, $bytes) = @$case;
    $put->($good, $bytes);
    is_deeply [seen('good', 'good')], [200, 1], "$what: the responder is asked";
    is_deeply [seen('good', 'good')], [200, 0], '... once';
}
$put->($revoked, TestHttpd::slurp($good));
is_deeply [seen('revoked', 'revoked')], ['alert 44', 1], 'a good record does not help who is revoked';
unlink $good;
is_deeply [seen('good', 'good')], [200, 1], 'a record that is gone';
unlink files();
for my $file (qw(refuse down)) {
    $put->("$cache/$file", '');
    is_deeply [seen('good', 'good')], [200, 1], "$file: the responder is asked" for 1, 2;
    unlink "$cache/$file";
}

# --- Settings -------------------------------------------------------------------------------------------------------------
unlink files();
is_deeply [seen('lax', 'stranger')],    [200,        1], 'an answer that is believed without a look';
is_deeply [seen('lax', 'stranger')],    [200,        0], '... is kept';
is_deeply [seen('strict', 'stranger')], ['alert 40', 1], '... and does not count where signatures are looked at';
is scalar files(), 1, '... nor is it kept there';
is_deeply [seen('good', 'good')],  [200, 1], 'an answer of any age';
is_deeply [seen('young', 'good')], [200, 1], '... is no answer where its age counts';

# --- Nobody waits for somebody else's question -------------------------------------------------------------------------------
defined(my $pid = open my $pipe, '-|') or die "fork: $!";
if (!$pid) {
    syswrite STDOUT, outcome($httpd, 'gate');
    POSIX::_exit(0);
}
$httpd->wait_for(sub { $responder->count('gate') }, 'the question');
is_deeply [seen('good', 'good')], [200, 0], 'the cache answers while a responder does not';
is_deeply [seen('young', 'good', 'plain')], [200, 1], '... and others are asked';
$responder->write_file('gate-open', '');
is scalar <$pipe>, 200, '... and at last it does';
close $pipe;

# A folder that is not there.
my $broken = TestHttpd->new("${module}SSLOCSPCache file:$folder/nowhere\n" . asks('good', 'good'), %prefork);
like $broken->try_start, qr/^exit [^0]/, 'a cache that cannot be made stops the server';
like $broken->error_log, qr/ssl:emerg.* SSLOCSPCache: Could not initialize the cache of OCSP responses\. Exiting\./, '... with a line that says so';
done_testing;
