# A clock that a test moves: servers that were started with it see the time of a file, by t/modules/clock.c.
#
#   my $clock = Clock->new;
#   my $httpd = $clock->start($config);       # as TestHttpd->start
#   $clock->move(3_600);                      # an hour later than now
package Clock;

use strict;
use warnings FATAL => 'all';

use Carp qw(croak);
use TestHttpd ();

my $count = 0;

sub new {
    my ($class) = @_;
    my $self = bless {file => sprintf('%s/clock-%d-%d', TestHttpd::root(), $$, ++$count)}, $class;
    $self->move(0);
    return $self;
}

# SECONDS away from the real clock.
sub move {
    my ($self, $seconds) = @_;
    $self->{offset} = $seconds;
    open my $file, '>', "$self->{file}.new" or croak "$self->{file}: $!";
    printf {$file} "%+d\n", $seconds;
    close $file or croak "$self->{file}: $!";
    rename "$self->{file}.new", $self->{file} or croak "$self->{file}: $!";
    return;
}

sub now { my ($self) = @_; return time + $self->{offset} }

sub start {
    my ($self, @arguments) = @_;
    local @ENV{qw(LD_PRELOAD TEST_CLOCK)} = (TestHttpd::root() . '/modules/clock.so', $self->{file});
    return TestHttpd->start(@arguments);
}

1;
