# An httpd of a test's own, with a configuration written in the test.
#
#   my $httpd = TestHttpd->start(<<'END');          # dies, with the error log, unless it comes up
#   <VirtualHost *:@PORT@>
#       SSLEngine on
#       @RSA@
#   </VirtualHost>
#   END
#   ... $httpd->port, $httpd->port(2) ...           # @PORT@, @PORT2@
#   ... $httpd->error_log, $httpd->access_log ...
#
# The server ends with the object. In the configuration @PORT@, @PORT2@ ... are free ports of
# 127.0.0.1 that are listened on, @ROOT@ is
# the ServerRoot, @CERTS@ the folder of tools/certificates, @DOCS@ the pages, @CGI@ the programs; @RSA@, @ECDSA@ and @ED25519@ are
# the certificate and key lines of localhost.
package TestHttpd;

use strict;
use warnings FATAL => 'all';

use Carp qw(croak);
use Digest::SHA ();
use Fcntl qw(O_CREAT O_EXCL O_WRONLY);
use File::Path qw(make_path);
use IO::Socket::INET ();
use POSIX qw(:sys_wait_h);
use Scalar::Util ();
use Time::HiRes qw(sleep time);

use constant PATIENCE => $ENV{TEST_PATIENCE} // 30;    # seconds after which a wait is a failure; no test depends on the value

# --- The surroundings -----------------------------------------------------------------------------------------------

sub root  { $ENV{TEST_ROOT} or croak 'TEST_ROOT is not set: run the tests with `make t`' }
sub mpm   { $ENV{TEST_MPM} || 'event' }
sub stock { $ENV{TEST_STOCK} }                  # the module under test is the distribution's
sub certs { root() . '/certificates' }
sub ca    { certs() . '/root.pem' }
sub docs  { root() . '/t/htdocs' }
sub cgi   { root() . '/t/cgi-bin' }

sub which {
    my ($program) = @_;
    return $program if $program =~ m{^/};
    for my $directory (split /:/, $ENV{PATH}) {
        return "$directory/$program" if -x "$directory/$program";
    }
    return;
}

my %apxs;

sub apxs {
    my ($name) = @_;
    return $apxs{$name} //= do { my $value = qx($ENV{TEST_APXS} -q $name); chomp $value; $value };
}

sub httpd { apxs('SBINDIR') . '/' . apxs('PROGNAME') }

# Every module that some test needs. One that is compiled into httpd has no file and is left out.
sub load_modules {
    my ($mpm, $module) = @_;
    $mpm    //= mpm();
    $module //= root() . '/modules/mod_ssl.so';
    my @names = (
        "mpm_$mpm",
        qw(log_config unixd authz_core mime dir alias include headers env setenvif rewrite socache_shmcb http2 status info logio),
        $mpm eq 'prefork' ? 'cgi' : 'cgid',
    );
    my $directory = apxs('LIBEXECDIR');
    my @lines = map { "LoadModule ${_}_module $directory/mod_$_.so\n" } grep { -e "$directory/mod_$_.so" } @names;
    return join '', @lines, "LoadModule ssl_module $module\n";
}

# Lines for modules that only one test needs.
sub load_also {
    my (@names) = @_;
    my $directory = apxs('LIBEXECDIR');
    return join '', map { "LoadModule ${_}_module $directory/mod_$_.so\n" } grep { -e "$directory/mod_$_.so" } @names;
}

sub make_certificates {
    system(root() . '/tools/certificates', '--test', certs()) == 0 or croak 'tools/certificates failed';
}

# Pages of given sizes, none of which repeats within itself. A missing byte or a byte too much changes the digest.
sub make_documents {
    my %sizes = (empty => 0, '1' => 1, '1k' => 1 << 10, '5k' => 5_000, '16k' => 16_384, '100k' => 100_000, '1m' => (1 << 20) + 7, '20m' => 20_000_000, '200m' => 200_000_000);
    for my $name (keys %sizes) {
        open my $file, '>:raw', docs() . "/$name.bin" or croak "$name.bin: $!";
        print {$file} pattern($sizes{$name});
        close $file or croak "$name.bin: $!";
    }
    return;
}

# LENGTH bytes, the same ones at each call.
sub pattern {
    my ($length) = @_;
    my $block = '';
    $block .= Digest::SHA::sha512($_) for 1 .. 1024;    # 64 KiB
    my $count = int($length / length $block) + 1;
    my $text  = '';
    $text .= pack('N', $_) . substr $block, 4 for 1 .. $count;
    return substr $text, 0, $length;
}

# A port that nobody else has, not even a test that runs at the same time: each is given once. The kernel chooses those of
# clients from 32768 on.
sub free_port {
    my $folder = root() . '/ports';
    -d $folder or mkdir $folder or -d $folder or croak "$folder: $!";
    for (1 .. 1000) {
        my $port = 10_000 + int rand 22_000;
        sysopen my $claim, "$folder/$port", O_CREAT | O_EXCL | O_WRONLY or next;
        return $port if IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1', LocalPort => $port, ReuseAddr => 1);
    }
    croak 'no free port';
}

# --- Configuration --------------------------------------------------------------------------------------------------

my $count = 0;

# Writes a ServerRoot for CONFIG. Options: base => 0 leaves out all but the modules, modules => text replaces those,
# module => file of another mod_ssl, mpm, threads => ThreadsPerChild, log_level.
sub new {
    my ($class, $config, %option) = @_;
    my $self = bless {root => sprintf('%s/run/%d-%d', root(), $$, ++$count), ports => []}, $class;
    make_path(map { "$self->{root}/$_" } qw(conf logs));
    $self->{option} = \%option;
    $self->configure($config);
    return $self;
}

# Replaces the configuration; a running server takes it up with `graceful`.
sub configure {
    my ($self, $config) = @_;
    my %option = %{$self->{option}};
    $config = $self->expand(($option{base} // 1) ? $self->base . $config : $config);
    my $listen = join '', map { "Listen 127.0.0.1:$_\n" } grep { defined } @{$self->{ports}};
    open my $file, '>', $self->conf_file or croak $self->conf_file . ": $!";
    print {$file} $option{modules} // load_modules(@option{qw(mpm module)}), $listen, $config;
    close $file or croak $self->conf_file . ": $!";
    return;
}

sub base {
    my ($self) = @_;
    my $threads = $self->{option}{threads} // 16;
    my $level   = $self->{option}{log_level} // 'info ssl:debug';
    my $prefork = ($self->{option}{mpm} // mpm()) eq 'prefork';
    my $mpm     = $prefork
        ? "StartServers 4\nMinSpareServers 2\nMaxSpareServers 20\nMaxRequestWorkers 30"
        : "StartServers 1\nThreadsPerChild $threads\nMinSpareThreads 1\nMaxSpareThreads " . 3 * $threads . "\nMaxRequestWorkers " . 2 * $threads;
    my $script_socket = $prefork ? '' : 'ScriptSock @ROOT@/cgid';
    return <<"END";
ServerRoot "\@ROOT@"
DefaultRuntimeDir "\@ROOT@"
PidFile "\@ROOT@/httpd.pid"
ServerName localhost
ErrorLog logs/error_log
LogLevel $level
KeepAliveTimeout 60
CustomLog logs/access_log "%v %H \\"%r\\" %>s %X"
TypesConfig /dev/null
AddType text/html .html .shtml
DocumentRoot "\@DOCS@"
<Directory />
    Require all granted
</Directory>
$script_socket
ScriptAlias /cgi/ "\@CGI@/"
$mpm
END
}

sub expand {
    my ($self, $text) = @_;
    my $certs = certs();
    my %value = (ROOT => $self->{root}, CERTS => $certs, DOCS => docs(), CGI => cgi());
    for my $type (qw(rsa ecdsa ed25519)) {
        $value{uc $type} = "SSLCertificateFile $certs/localhost-$type.pem\nSSLCertificateKeyFile $certs/localhost-$type.key";
    }
    $text =~ s/\@PORT(\d*)\@/$self->port($1 || 1)/ge;
    $text =~ s/\@([A-Z0-9]+)\@/$value{$1} \/\/ croak "\@$1\@ is unknown"/ge;
    return $text;
}

sub port {
    my ($self, $number) = @_;
    return $self->{ports}[($number // 1) - 1] //= free_port();
}

sub conf_file { $_[0]{root} . '/conf/httpd.conf' }

# --- Running --------------------------------------------------------------------------------------------------------

sub start {
    my ($class, @arguments) = @_;
    my $self    = $class->new(@arguments);
    my $outcome = $self->try_start;
    return $self if $outcome eq 'runs';
    croak "httpd did not start ($outcome):\n" . $self->output . $self->error_log;
}

# A test that dies must not leave servers behind, and a crash in one of them must not go unnoticed. Crashes after the
# request to end do not count: httpd's own threads race there now and then.
my (%running, $crashed);

sub note_crash {
    my ($self) = @_;
    my @lines = $self->error_log =~ /^(.*exit signal.*)$/mg;
    # A test that kills processes says so.
    @lines = grep { !/exit signal Killed \(9\)/ } @lines if $self->{killed};
    return unless @lines;
    $crashed = 1;
    print STDERR map { "$_\n" } 'a process of the server crashed:', @lines;
    return;
}

END {
    my $status = $?;
    $_->stop for grep { defined } values %running;
    $? = $status || ($crashed ? 1 : 0);
}

# 'runs', or 'exit N'.
sub try_start {
    my ($self) = @_;
    my $pid = fork // croak "fork: $!";
    if (!$pid) {
        POSIX::setsid();    # httpd ends by a signal to its whole process group, which must not be ours
        open STDIN,  '<',  '/dev/null'                 or POSIX::_exit(99);
        open STDOUT, '>>', "$self->{root}/logs/output" or POSIX::_exit(99);
        open STDERR, '>&', \*STDOUT                    or POSIX::_exit(99);
        exec httpd(), '-DFOREGROUND', '-f', $self->conf_file or POSIX::_exit(99);
    }
    $self->{pid} = $pid;
    $running{$pid} = $self;
    Scalar::Util::weaken($running{$pid});
    my $deadline = time + PATIENCE;
    while (time < $deadline) {
        if (waitpid($pid, WNOHANG) == $pid) {
            delete $running{delete $self->{pid}};
            return $? & 127 ? 'signal ' . ($? & 127) : 'exit ' . ($? >> 8);
        }
        return 'runs' if $self->error_log =~ /resuming normal operations/;
        sleep 0.02;
    }
    $self->stop;
    return 'silence';
}

# Runs `httpd -t` or another command line on the configuration; returns the exit status and the output.
sub command {
    my ($self, @arguments) = @_;
    my $pid = open my $pipe, '-|' // croak "fork: $!";
    if (!$pid) {
        open STDERR, '>&', \*STDOUT or POSIX::_exit(99);
        exec httpd(), '-f', $self->conf_file, @arguments or POSIX::_exit(99);
    }
    my $output = do { local $/; <$pipe> // '' };
    close $pipe;
    return ($? >> 8, $output);
}

sub is_running {
    my ($self) = @_;
    return 0 unless $self->{pid};
    return 1 if waitpid($self->{pid}, WNOHANG) == 0;
    delete $self->{pid};
    return 0;
}

sub graceful {
    my ($self) = @_;
    my $before = () = $self->error_log =~ /resuming normal operations/g;
    kill USR1 => $self->{pid} or croak "the server is gone: $!";
    $self->wait_for(sub { my $now = () = $self->error_log =~ /resuming normal operations/g; $now > $before }, 'a graceful restart');
    return;
}

sub stop {
    my ($self) = @_;
    my $pid = delete $self->{pid} or return;
    delete $running{$pid};
    $self->note_crash;
    kill TERM => $pid;
    return if wait_until(sub { waitpid($pid, WNOHANG) != 0 });
    kill KILL => $pid;
    waitpid $pid, 0;
    return;
}

sub DESTROY {
    my ($self) = @_;
    local ($@, $!, $?);
    $self->stop;
    return;
}

# Waits until CONDITION returns true; false when it never does.
sub wait_until {
    my ($condition) = @_;
    my $deadline = time + PATIENCE;
    until ($condition->()) {
        return 0 if time > $deadline;
        sleep 0.02;
    }
    return 1;
}

# As wait_until; croaks with the error log when CONDITION never returns true.
sub wait_for {
    my ($self, $condition, $what) = @_;
    return 1 if wait_until($condition);
    my @lines = split /^/m, $self->error_log;
    splice @lines, 0, -20 if @lines > 20;
    croak "waited in vain for $what; the error log ends with:\n", @lines;
}

# --- Logs -----------------------------------------------------------------------------------------------------------

sub slurp {
    my ($path) = @_;
    open my $file, '<:raw', $path or return '';
    local $/;
    return <$file> // '';
}

sub error_log  { slurp("$_[0]{root}/logs/error_log") }
sub access_log { slurp("$_[0]{root}/logs/" . ($_[1] // 'access_log')) }
sub output     { slurp("$_[0]{root}/logs/output") }

# Waits for a line of the error log (they may come after the client's last byte).
sub wait_log {
    my ($self, $pattern) = @_;
    return $self->wait_for(sub { $self->error_log =~ $pattern }, "the log line $pattern");
}

1;
