# Encrypted keys, programs that know pass phrases, and configurations with both.
package Keys;

use strict;
use warnings FATAL => 'all';

use Carp qw(croak);
use TestHttpd ();

my ($folder, $count);

# A folder of this test's own.
sub folder {
    return $folder if $folder;
    $folder = TestHttpd::root() . "/keys-$$";
    mkdir $folder or croak "$folder: $!";
    return $folder;
}

sub openssl {
    my (@arguments) = @_;
    my $output = qx(openssl @arguments 2>&1);
    croak "openssl @arguments: $output" if $?;
    return;
}

sub write_file {
    my ($name, @text) = @_;
    my $path = folder() . "/$name";
    open my $file, '>:raw', $path or croak "$path: $!";
    print {$file} @text;
    close $file or croak "$path: $!";
    return $path;
}

sub certificate { return TestHttpd::certs() . "/localhost-$_[0].pem" }

# The key of localhost of a TYPE (rsa, ecdsa, ed25519), encrypted.
sub encrypted {
    my ($type, $phrase, $name) = @_;
    my $path = folder() . '/' . ($name // "$type.key");
    openssl('pkey', '-in', TestHttpd::certs() . "/localhost-$type.key", '-aes256', '-passout', "pass:$phrase", '-out', $path);
    return $path;
}

# A Perl program with a given body. Its calls are noted, see `asked`.
sub program {
    my ($body) = @_;
    my $record = folder() . '/asked';
    my $path   = write_file('program' . ++$count, <<"PROGRAM");
#!/usr/bin/perl
use strict; use warnings; use Cwd qw(getcwd);
\$| = 1;
open my \$record, '>>', '$record' or die;
print {\$record} join('|', \@ARGV, 'in ' . getcwd, map { "\$_=\$ENV{\$_}" } sort keys \%ENV), "\\n";
close \$record;
$body
PROGRAM
    chmod 0755, $path or croak "$path: $!";
    return $path;
}

# The calls since the last question, one line each: arguments, working directory, environment.
sub asked {
    my $path  = folder() . '/asked';
    my @lines = split /\n/, TestHttpd::slurp($path);
    unlink $path;
    return @lines;
}

# One host with certificates of localhost: [TYPE, KEY FILE] ...
sub host {
    my (@pairs) = @_;
    my $lines = join '', map { 'SSLCertificateFile ' . certificate($_->[0]) . "\nSSLCertificateKeyFile $_->[1]\n" } @pairs;
    return "<VirtualHost *:\@PORT@>\nServerName localhost\nSSLEngine on\n$lines</VirtualHost>\n";
}

sub config {
    my ($dialog, @pairs) = @_;
    return "SSLPassPhraseDialog \"$dialog\"\n" . host(@pairs);
}

# The numbers of the messages about keys and dialogs, in order.
sub messages {
    my ($log) = @_;
    return join ' ', $log =~ /\b(AH(?:0196[5-9]|0257[3-9]|0258[0-4]|0256[45]|0231[12]|101[34]\d|1049\d))\b/g;
}

# What comes to the error log during ACTION.
sub logged_by {
    my ($httpd, $action) = @_;
    my $before = length $httpd->error_log;
    $action->();
    return substr $httpd->error_log, $before;
}

END {
    local $?;
    system 'rm', '-rf', $folder if $folder;
}

1;
