# A clock that a test moves: servers that were started with it see the time of a file, by libfaketime.
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

sub library { my ($path) = glob '/usr/lib/*/faketime/libfaketimeMT.so.1 /usr/lib/faketime/libfaketimeMT.so.1'; return $path }

sub missing { return library() ? '' : 'faketime' }

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
    local @ENV{qw(LD_PRELOAD FAKETIME_TIMESTAMP_FILE FAKETIME_NO_CACHE FAKETIME_DONT_FAKE_MONOTONIC)} = (library(), $self->{file}, 1, 1);
    return TestHttpd->start(@arguments);
}

1;
