# Runs the programs of tools/ as an administrator would, and looks at what they made.
#
#   my $run = Tool::run('certificate', 'NAME=www.example.test', "OUT=$folder");     # {status, output}
#   Tool::refused([certificate => 'NAME=-x'], qr/words of the message/, 'what is tested');
#
# Arguments reach the program as they are, without a shell. It has no terminal: `at_terminal` gives it one.
package Tool;

use strict;
use warnings FATAL => 'all';

use Carp qw(croak);
use File::Path qw(make_path);
use POSIX ();
use Test::More;
use TestHttpd ();

my $count = 0;

# A new, empty folder.
sub folder {
    my $folder = sprintf '%s/home/tool-%d-%d', TestHttpd::root(), $$, ++$count;
    make_path($folder);
    return $folder;
}

sub path { TestHttpd::root() . "/tools/$_[0]" }

# Runs a command, a path or a name in PATH, and collects all it says.
sub command {
    my @command = @_;
    my $pid = open my $pipe, '-|' // croak "fork: $!";
    if (!$pid) {
        POSIX::setsid();
        open STDIN,  '<',  '/dev/null' or POSIX::_exit(99);
        open STDERR, '>&', \*STDOUT    or POSIX::_exit(99);
        exec {$command[0]} @command or POSIX::_exit(99);
    }
    my $output = do { local $/; <$pipe> // '' };
    close $pipe;
    return {status => $? & 127 ? "signal $?" : $? >> 8, output => $output};
}

sub run { my ($tool, @arguments) = @_; return command(path($tool), @arguments) }

# The output of a command that must succeed.
sub output_of {
    my $run = command(@_);
    $run->{status} eq '0' or croak "@_: $run->{status}\n$run->{output}";
    return $run->{output};
}

# Runs TOOL at a terminal on which LINES are typed. There is nobody to see a prompt: what is typed ahead waits.
sub at_terminal {
    my ($lines, $tool, @arguments) = @_;
    my $script = folder() . '/typed';
    write_file($script, join '', map { "$_\n" } @$lines);
    my $command = join ' ', map { "'" . s/'/'\\''/gr . "'" } path($tool), @arguments;
    return command('sh', '-c', 'exec script --quiet --return --command "$1" /dev/null <"$2"', 'sh', $command, $script);
}

# Status 1 (or 2), a message, no shell accident, and nothing left behind in FOLDER.
sub refused {
    my ($call, $message, $name, $folder) = @_;
    my $before = $folder ? listing($folder) : '';
    my $run    = run(@$call);
    subtest $name => sub {
        like $run->{status}, qr/^[12]$/, 'exit status';
        like $run->{output}, $message, 'message';
        unlike $run->{output}, qr/not found|syntax error|unexpected|bad substitution/i, 'from the tool, not from the shell';
        is listing($folder), $before, 'nothing was made' if $folder;
    };
    return;
}

# All files below a folder, with type, mode, and target or digest.
sub listing {
    my ($folder) = @_;
    return output_of('sh', '-c', <<'END', 'sh', $folder);
cd "$1" && find . -printf '%p %y %m %l\n' | sort && find . -type f -exec sha256sum {} + | sort
END
}

sub mode { my ($path) = @_; return sprintf '%04o', (stat $path)[2] & 07777 }

sub write_file {
    my ($path, $text) = @_;
    open my $file, '>:raw', $path or croak "$path: $!";
    print {$file} $text;
    close $file or croak "$path: $!";
    return $path;
}

# --- Certificates ---------------------------------------------------------------------------------------------------

sub certificate_text { return output_of('openssl', 'x509', '-in', $_[0], '-noout', '-text') }

# The alternative names, as openssl prints them.
sub names {
    my ($path) = @_;
    return certificate_text($path) =~ /Subject Alternative Name:[^\n]*\n\s*([^\n]*)/ ? $1 : '';
}

sub verifies {
    my ($certificate, $ca) = @_;
    return command('openssl', 'verify', '-CAfile', $ca, $certificate)->{status} eq '0';
}

# An openssl in front of the real one in PATH, which notes arguments and umask of each call. Returns the note's path
# and the PATH to set.
sub watched_openssl {
    my $folder = folder();
    my $real   = TestHttpd::which('openssl');
    write_file("$folder/openssl", <<"END");
#!/bin/sh
printf '%s ' "\$(umask)" "\$@" >>$folder/calls
echo >>$folder/calls
exec $real "\$@"
END
    chmod 0755, "$folder/openssl";
    return ("$folder/calls", "$folder:$ENV{PATH}");
}

1;
