# A program on a terminal of its own, and somebody who types.
#
#   my $terminal = Terminal->run('/usr/sbin/apache2', '-DFOREGROUND', '-f', $file);
#   $terminal->expect(qr/Enter pass phrase:/);      # waits for it; dies, with what came, when it never comes
#   $terminal->type("secret\n");
#   $terminal->echoes;                              # whether the terminal shows what is typed
#   $terminal->shown;                               # all that appeared, line ends as \n
#   $terminal->outcome;                             # 'exit N' or 'signal N', waits for the end
#
# Pseudo-terminals of Linux, without modules that are not Perl's own.
package Terminal;

use strict;
use warnings FATAL => 'all';

use Carp qw(croak);
use Fcntl qw(O_RDWR O_NOCTTY);
use IO::Select ();
use POSIX qw(:sys_wait_h);
use TestHttpd ();
use Time::HiRes qw(sleep time);

# <asm-generic/ioctls.h>
use constant {TIOCGPTN => 0x80045430, TIOCSPTLCK => 0x40045431};

# Options before the program: {stdout => FILE} sends what it prints there, not to the terminal.
sub run {
    my ($class, @command) = @_;
    my $option = ref $command[0] ? shift @command : {};
    sysopen my $master, '/dev/ptmx', O_RDWR | O_NOCTTY or croak "/dev/ptmx: $!";
    my ($number, $unlocked) = (pack("i", 0)) x 2;
    ioctl $master, TIOCGPTN,   $number   or croak "TIOCGPTN: $!";
    ioctl $master, TIOCSPTLCK, $unlocked or croak "TIOCSPTLCK: $!";
    my $path = '/dev/pts/' . unpack 'i', $number;
    # Kept open, so that the terminal lives as long as the test looks at it.
    sysopen my $slave, $path, O_RDWR | O_NOCTTY or croak "$path: $!";
    my $pid = fork // croak "fork: $!";
    if (!$pid) {
        POSIX::setsid();
        # The first terminal that the leader of a session opens becomes the one that controls it.
        sysopen my $own, $path, O_RDWR or POSIX::_exit(99);
        for my $number (0 .. 2) { POSIX::dup2(fileno $own, $number) // POSIX::_exit(99) }
        if ($option->{stdout}) { open STDOUT, '>>', $option->{stdout} or POSIX::_exit(99) }
        close $_ for $master, $slave, $own;
        exec @command or POSIX::_exit(99);
    }
    return bless {pid => $pid, master => $master, slave => $slave, shown => '', seen => 0}, $class;
}

sub pid   { $_[0]{pid} }
sub shown { $_[0]->_read(0); return $_[0]{shown} =~ s/\r\n/\n/gr }

sub _read {
    my ($self, $seconds) = @_;
    my $select = IO::Select->new($self->{master});
    while ($select->can_read($seconds)) {
        sysread $self->{master}, $self->{shown}, 65_536, length $self->{shown} or return;
        $seconds = 0;
    }
    return;
}

# Waits until PATTERN appears behind what an earlier call has found.
sub expect {
    my ($self, $pattern) = @_;
    my $deadline = time + TestHttpd::PATIENCE();
    while (1) {
        pos($self->{shown}) = $self->{seen};
        if ($self->{shown} =~ /$pattern/g) {
            $self->{seen} = pos $self->{shown};
            return 1;
        }
        croak "waited in vain for $pattern on the terminal, which shows:\n" . $self->shown if time > $deadline;
        $self->_read(0.02);
    }
}

# Types TEXT once the terminal does not show it: the reader sets it so before it reads, but after it has asked.
sub answer {
    my ($self, $text) = @_;
    my $deadline = time + TestHttpd::PATIENCE();
    while ($self->echoes) {
        croak "the terminal goes on to show what is typed:\n" . $self->shown if time > $deadline;
        sleep 0.01;
    }
    return $self->type($text);
}

sub type {
    my ($self, $text) = @_;
    syswrite $self->{master}, $text or croak "the terminal: $!";
    return;
}

sub echoes {
    my ($self) = @_;
    my $settings = POSIX::Termios->new;
    $settings->getattr(fileno $self->{slave}) or croak "tcgetattr: $!";
    return $settings->getlflag & &POSIX::ECHO ? 1 : 0;
}

sub outcome {
    my ($self) = @_;
    my $deadline = time + TestHttpd::PATIENCE();
    while ($self->{pid} && time < $deadline) {
        if (waitpid($self->{pid}, WNOHANG) == $self->{pid}) {
            $self->_read(0);
            delete $self->{pid};
            return $self->{outcome} = $? & 127 ? 'signal ' . ($? & 127) : 'exit ' . ($? >> 8);
        }
        $self->_read(0.02);
    }
    return $self->{outcome} // croak "the program goes on; the terminal shows:\n" . $self->shown;
}

sub DESTROY {
    my ($self) = @_;
    local ($@, $!, $?);
    my $pid = delete $self->{pid} or return;
    kill TERM => $pid;
    for (1 .. 500) {
        return if waitpid $pid, WNOHANG;
        sleep 0.02;
    }
    kill KILL => $pid;
    waitpid $pid, 0;
    return;
}

1;
