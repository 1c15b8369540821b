# Decrypted keys across the two configuration passes and restarts: when it is asked again, what happens when nobody
# answers, and what is left in memory.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use Keys ();
use Terminal ();
use TestHttpd ();
use TlsClient ();

my $ours   = !TestHttpd::stock();
my $folder = Keys::folder();
my $secret = 'kept-secret-0815';

sub serves {
    my ($httpd, $name) = @_;
    is(TlsClient->new(port => $httpd->port, sni => 'localhost')->handshake->get('/1k.bin')->{status}, 200, $name);
    return;
}

# A file that differs, with the same key and phrase.
sub encrypt_again { return Keys::encrypted('rsa', $secret, 'server.key') }

# --- A program ------------------------------------------------------------------------------------------------------
my $key     = encrypt_again();
my $program = Keys::program(qq{print -e "$folder/silent" ? "" : "$secret\\n"});
my $httpd   = TestHttpd->start(Keys::config("exec:$program", ['rsa', $key]));
is Keys::messages($httpd->error_log), 'AH02576 AH01969 AH02583 AH02575', 'the first pass asks, the second does not';
like $httpd->error_log, qr/info.*AH02575: Reusing existing private key from \Q$key\E on restart/, '... which the log says';

sub restart { return Keys::logged_by($httpd, sub { $httpd->graceful }) }

is Keys::messages(restart()), 'AH02575', 'a restart with the same file does not ask';
utime time + 100, time + 100, $key;
is Keys::messages(restart()), $ours ? 'AH02575' : 'AH02576 AH01969 AH02583', 'what counts is the content of the file, not its time';
encrypt_again();
utime time + 200, time + 200, $key;
is Keys::messages(restart()), 'AH02576 AH01969 AH02583', 'a file that has changed is asked for';
is Keys::messages(restart()), 'AH02575', '... once';

Keys::write_file('silent');
encrypt_again();
utime time + 300, time + 300, $key;
my $log = restart();
is Keys::messages($log), $ours ? 'AH02576 AH01969 AH02580' : 'AH02576 AH01969 AH02580 AH02312', 'if nobody answers';
like $log, qr/warn.*Init: Going on with the private key localhost:443:0 from before the restart/, '... the server goes on with the key it has' if $ours;
serves($httpd, '... and serves');
is Keys::messages(restart()), $ours ? 'AH02576 AH01969 AH02580' : 'AH02576 AH01969 AH02580 AH02312', '... and asks again at each restart';
unlink "$folder/silent";
is Keys::messages(restart()), 'AH02576 AH01969 AH02583', '... until it is answered';

if ($ours) {
    $httpd->configure(Keys::config("exec:$program", ['rsa', $key]) =~ s/ServerName localhost$/ServerName other.example.test/mr);
    is Keys::messages(restart()), 'AH02575', 'the name of the host does not matter';
}
# A configuration without the key: it is forgotten.
$httpd->configure(Keys::config("exec:$program", ['rsa', TestHttpd::certs() . '/localhost-rsa.key']));
is Keys::messages(restart()), '', 'a plain key is read, and nobody asked';
$httpd->configure(Keys::config("exec:$program", ['rsa', $key]));
is Keys::messages(restart()), $ours ? 'AH02576 AH01969 AH02583' : 'AH02575', 'a key that a configuration did not name is asked for again';
serves($httpd, 'the server serves');
$httpd->stop;

# --- Memory -----------------------------------------------------------------------------------------------------------
# Whether the memory of a process holds TEXT; undef if it cannot be read.
sub holds {
    my ($pid, $text) = @_;
    no warnings 'portable';    # addresses have 64 bits
    open my $memory, '<:raw', "/proc/$pid/mem" or return;
    for my $line (split /\n/, TestHttpd::slurp("/proc/$pid/maps")) {
        my ($start, $end) = $line =~ /^([0-9a-f]+)-([0-9a-f]+) rw/ or next;
        ($start, $end) = (hex $start, hex $end);
        next if $end - $start > 64 << 20;
        sysseek $memory, $start, 0 or next;
        my $content = '';
        while (length $content < $end - $start) { sysread $memory, $content, $end - $start - length $content, length $content or last }
        return 1 if index($content, $text) >= 0;
    }
    return 0;
}

$httpd = TestHttpd->start(Keys::config("exec:$program", ['rsa', $key]));
SKIP: {
    skip 'the memory of other processes cannot be read', 4 unless defined holds($httpd->{pid}, 'x');
    my @children = qx(ps -o pid= --ppid $httpd->{pid}) =~ /(\d+)/g;
    cmp_ok scalar @children, '>', 0, 'there are children';
    is holds($httpd->{pid}, $key), 1, 'memory can be searched';
    is holds($httpd->{pid}, $secret), 0, 'the pass phrase is not in the memory of the server';
    is scalar(grep { holds($_, $secret) } @children), 0, '... nor in that of its children';
}
$httpd->stop;

# --- The terminal -----------------------------------------------------------------------------------------------------
# A server that has detached itself cannot ask.
encrypt_again();
$httpd = TestHttpd->new(Keys::config('builtin', ['rsa', $key]));
# The shell stays: when the process that the terminal belongs to ends, all others in its group get a SIGHUP.
my $terminal = Terminal->run('sh', '-c', TestHttpd::httpd() . " -k start -f ${\ $httpd->conf_file }; echo status \$?; read wait");
$terminal->expect(qr/Enter pass phrase:/);
$terminal->answer("$secret\n");
$terminal->expect(qr/status 0\r\n/);
$httpd->wait_log(qr/resuming normal operations/);
$terminal->type("\n");
is $terminal->outcome, 'exit 0', 'a server that detaches itself from the terminal';
my $pid = $httpd->{pid} = TestHttpd::slurp("$httpd->{root}/httpd.pid") + 0;
is Keys::messages($httpd->error_log), 'AH02576 AH01968 AH02583 AH02575', '... goes on with the key of its first pass';
serves($httpd, '... and serves');
is Keys::messages(restart()), 'AH02575', '... also after a restart';
encrypt_again();
utime time + 100, time + 100, $key;
$log = restart();
is Keys::messages($log), $ours ? 'AH02576 AH01968 AH02578' : 'AH02576 AH01968 AH01968 AH02578 AH02312', 'it cannot ask about a file that has changed';
like $log, qr/error.*AH02578: Init: Unable to read pass phrase \[Hint: key introduced or changed before restart\?\]/, '... says so';
serves($httpd, '... and goes on with the key it has');

# The certificate is another one, too: then there is nothing to go on with.
$httpd->configure(Keys::config('builtin', ['ecdsa', Keys::encrypted('ecdsa', $secret)]));
kill USR1 => $pid;
$httpd->wait_log($ours ? qr/AH02564: Failed to configure encrypted/ : qr/AH02565/);
$httpd->wait_for(sub { !kill 0 => $pid or TestHttpd::slurp("/proc/$pid/stat") =~ /\) Z/ }, 'the end of the server');
pass 'with a certificate that the old key does not fit the server ends';
delete $httpd->{pid};
done_testing;
