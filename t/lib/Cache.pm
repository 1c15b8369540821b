# Programs that keep sessions for several servers: memcached and Redis, on a port of their own.
#
#   my $cache = Cache->start('memcache');           # or 'redis'
#   ... "SSLSessionCache " . $cache->argument ...
#   my $der = $cache->get($key);
#   $cache->set($key, $der);
#
# The program ends with the object. Keys are those of httpd's providers: Cache::key(SESSION).
package Cache;

use strict;
use warnings FATAL => 'all';

use Carp qw(croak);
use IO::Socket::INET ();
use Net::SSLeay ();
use POSIX ();
use TestHttpd ();

my %program = (
    memcache => sub { my ($port) = @_; return ('memcached', qw(-l 127.0.0.1 -m 16 -U 0 -p), $port) },
    redis    => sub { my ($port) = @_; return ('redis-server', qw(--bind 127.0.0.1 --appendonly no), '--save', '', '--port', $port) },
);

sub missing { return join ', ', grep { !TestHttpd::which($_) } qw(memcached redis-server) }

sub start {
    my ($class, $provider) = @_;
    my $self = bless {provider => $provider, port => TestHttpd::free_port()}, $class;
    $self->run;
    return $self;
}

sub run {
    my ($self) = @_;
    my @command = $program{$self->{provider}}->($self->{port});
    my $pid     = $self->{pid} = fork // croak "fork: $!";
    if (!$pid) {
        open STDIN,  '<', '/dev/null' or POSIX::_exit(99);
        open STDOUT, '>', '/dev/null' or POSIX::_exit(99);
        open STDERR, '>&', \*STDOUT or POSIX::_exit(99);
        chdir TestHttpd::root() or POSIX::_exit(99);
        exec @command or POSIX::_exit(99);
    }
    TestHttpd::wait_until(sub { $self->connect }) or croak "$command[0] does not listen";
    return;
}

sub connect { my ($self) = @_; return IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $self->{port}) }

sub argument { my ($self) = @_; return "$self->{provider}:127.0.0.1:$self->{port}" }

# The key of a session (of Net::SSLeay); with TLS 1.3 the ticket is the id.
sub key { my ($id) = @_; return 'mod_ssl-sess:' . unpack 'H*', $id }

sub ask {
    my ($self, $request) = @_;
    my $socket = $self->connect or croak "connect: $!";
    local $SIG{ALRM} = sub { croak "$self->{provider} does not answer" };
    alarm TestHttpd::PATIENCE;
    print {$socket} $request;
    local $/ = "\r\n";
    my $line = readline($socket) // croak 'no answer';
    alarm 0;
    chomp $line;
    return ($line, $socket);
}

sub get {
    my ($self, $key) = @_;
    my ($line, $socket) = $self->ask($self->{provider} eq 'redis' ? "GET $key\r\n" : "get $key\r\n");
    my ($length) = $line =~ /^(?:\$|VALUE \S+ \d+ )(\d+)$/ or return;
    my $value = '';
    while (length $value < $length) {
        read $socket, $value, $length - length $value, length $value or croak 'the value ends too early';
    }
    return $value;
}

sub set {
    my ($self, $key, $value) = @_;
    my $length  = length $value;
    my $request = $self->{provider} eq 'redis'
        ? join '', "*3\r\n", map { '$' . length($_) . "\r\n$_\r\n" } 'SET', $key, $value
        : "set $key 0 300 $length\r\n$value\r\n";
    my ($line) = $self->ask($request);
    $line =~ /^(?:STORED|\+OK)$/ or croak "not stored: $line";
    return;
}

# The keys that there are.
sub keys {
    my ($self) = @_;
    if ($self->{provider} eq 'redis') {
        my ($line, $socket) = $self->ask("KEYS *\r\n");
        my ($count) = $line =~ /^\*(\d+)$/ or croak $line;
        local $/ = "\r\n";
        return map { readline $socket; my $key = readline $socket; chomp $key; $key } 1 .. $count;
    }
    # These lines end without a carriage return, the last one with it.
    my ($lines) = $self->ask("lru_crawler metadump all\r\n");
    return map { s/%([0-9A-Fa-f]{2})/chr hex $1/ger } $lines =~ /^key=(\S+)/mg;
}

# It is there, takes connections, and does not answer: once all of its threads have stopped.
sub pause {
    my ($self) = @_;
    kill STOP => $self->{pid} or croak "STOP: $!";
    TestHttpd::wait_until(sub { !grep { TestHttpd::slurp($_) !~ /\) T / } glob "/proc/$self->{pid}/task/*/stat" })
        or croak 'the cache does not stop';
    return;
}

sub resume { my ($self) = @_; kill CONT => $self->{pid} or croak "CONT: $!"; return }

sub stop {
    my ($self) = @_;
    my $pid = delete $self->{pid} or return;
    kill CONT => $pid;
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

1;
