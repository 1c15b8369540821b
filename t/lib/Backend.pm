# Backends for mod_proxy: Python's ssl (lib/backend.py says with what options), openssl s_server, nginx.
#
#   my $backend = Backend->python('--cert', $file, '--verify', 'require', '--ca', $ca);
#   ... $backend->port ... $backend->said ...       # a line for each connection and request
#   my $backend = Backend->hostile('--cert', $file);          # one that misbehaves (lib/hostile.py)
#   my $backend = Backend->renegotiating($file, $other);      # one that shakes hands again (lib/renegotiating.pl)
#   my $backend = Backend->command('openssl', 's_server', ...);   # listens on @PORT@; $backend->type("R\n")
package Backend;

use strict;
use warnings FATAL => 'all';

use Carp qw(croak);
use File::Temp ();
use IO::Handle ();
use IO::Socket::INET ();
use POSIX ();
use TestHttpd ();
use Time::HiRes qw(sleep time);

sub python  { my ($class, @options) = @_; return $class->_program('backend.py', @options) }
sub hostile { my ($class, @options) = @_; return $class->_program('hostile.py', @options) }
sub renegotiating { my ($class, @files) = @_; return $class->_program('renegotiating.pl', @files) }

# One that prints its port first.
sub _program {
    my ($class, $program, @options) = @_;
    my $self = $class->_run([$program =~ /py$/ ? 'python3' : 'perl', TestHttpd::root() . "/t/lib/$program", @options]);
    $self->wait_for(qr/^(\d+)$/m);
    ($self->{port}) = $self->said =~ /^(\d+)$/m;
    return $self;
}

sub command {
    my ($class, @command) = @_;
    my $port = TestHttpd::free_port();
    my $self = $class->_run([map { s/\@PORT\@/$port/gr } @command]);
    $self->{port} = $port;
    my $deadline = time + TestHttpd::PATIENCE;
    until (IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port)) {
        croak "@command does not listen: " . $self->said if time > $deadline;
        sleep 0.02;
    }
    return $self;
}

sub nginx {
    my ($class, $server) = @_;
    my $folder = File::Temp->newdir;
    my $port   = TestHttpd::free_port();
    my $config = <<"END";
daemon off; master_process off; pid $folder/pid; error_log $folder/error;
events { worker_connections 64; }
http {
    access_log $folder/access; client_max_body_size 0;
    client_body_temp_path $folder/1; proxy_temp_path $folder/2; fastcgi_temp_path $folder/3; uwsgi_temp_path $folder/4; scgi_temp_path $folder/5;
    server { listen 127.0.0.1:$port ssl http2; $server }
}
END
    open my $file, '>', "$folder/conf" or croak "nginx: $!";
    print {$file} $config;
    close $file or croak "nginx: $!";
    my $self = $class->_run([TestHttpd::which('nginx') // '/usr/sbin/nginx', '-p', "$folder", '-e', "$folder/error", '-c', "$folder/conf"]);
    @$self{qw(port folder)} = ($port, $folder);
    my $deadline = time + TestHttpd::PATIENCE;
    until (IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port)) {
        croak 'nginx does not listen: ' . TestHttpd::slurp("$folder/error") . $self->said if time > $deadline;
        sleep 0.02;
    }
    return $self;
}

sub _run {
    my ($class, $command) = @_;
    my $log = File::Temp->new;
    pipe my $read, my $write or croak "pipe: $!";
    my $pid = fork // croak "fork: $!";
    if (!$pid) {
        open STDIN,  '<&', $read or POSIX::_exit(99);
        open STDOUT, '>>', "$log" or POSIX::_exit(99);
        open STDERR, '>&', \*STDOUT or POSIX::_exit(99);
        close $write;
        exec @$command or POSIX::_exit(99);
    }
    $write->autoflush(1);
    return bless {pid => $pid, log => $log, input => $write}, $class;
}

sub port { $_[0]{port} }
sub said { TestHttpd::slurp("$_[0]{log}") }

# What was said since the last call.
sub news {
    my ($self) = @_;
    my $all = $self->said;
    my $new = substr $all, $self->{seen} // 0;
    $self->{seen} = length $all;
    return $new;
}

sub type { my ($self, $text) = @_; print { $self->{input} } $text; return }

sub wait_for {
    my ($self, $pattern) = @_;
    my $deadline = time + TestHttpd::PATIENCE;
    until ($self->said =~ $pattern) {
        croak "waited in vain for $pattern; the backend has said:\n" . $self->said if time > $deadline;
        sleep 0.02;
    }
    return 1;
}

sub DESTROY {
    my ($self) = @_;
    local ($@, $!, $?);
    kill KILL => $self->{pid};
    waitpid $self->{pid}, 0;
    return;
}

1;
