# Tables of configurations that must run, or must be refused with a given message.
#
#   StartUp::check('SSLEngine maybe', 'vhost', syntax => qr/must be On or Off/);
#
# Place: `global` before all virtual hosts, `vhost` in one that is otherwise complete, `bare` in one that has SSLEngine on and no
# certificate, `location` in a section of the complete one, `htaccess` in a file below it, `proxy` in a <Proxy> section of it.
# Outcome: `runs` (and a request is answered), `plain` (the same without TLS), `syntax` (refused while reading: on the terminal, exit status 1), `fatal` (refused
# after reading: in the error log, exit status 1), `500` (for htaccess). The pattern must match the messages.
package StartUp;

use strict;
use warnings FATAL => 'all';

use Test::More;
use TestHttpd ();
use TlsClient ();

# The hosts of one row; NUMBER tells ports and folders apart where rows share a server.
sub configuration {
    my ($lines, $place, $number) = @_;
    $number //= 1;
    my %at = map { $_ => $_ eq $place ? $lines : '' } qw(global vhost bare location htaccess proxy);
    my $certificate = $place eq 'bare' ? '' : '@ECDSA@';
    my $modules = $place eq 'proxy' ? "<IfModule !proxy_module>\n" . TestHttpd::load_also('proxy') . "</IfModule>\n" : '';
    my $section = $place eq 'proxy' ? "<Proxy \"https://localhost:1/\">\n$at{proxy}\n</Proxy>" : '';
    return <<"END";
$modules$at{global}
<VirtualHost *:\@PORT$number@>
    ServerName localhost
    SSLEngine on
    $certificate
    $at{vhost}
    $at{bare}
    $section
    <Location /1k.bin>
        $at{location}
    </Location>
    <Directory "\@ROOT@/with-htaccess-$number">
        AllowOverride All
    </Directory>
    Alias /with-htaccess "\@ROOT@/with-htaccess-$number"
</VirtualHost>
END
}

# The folder with the .htaccess file of such a host.
sub make_htaccess {
    my ($httpd, $lines, $number) = @_;
    my $folder = "$httpd->{root}/with-htaccess-" . ($number // 1);
    mkdir $folder;
    for my $page (['.htaccess', "$lines\n"], ['page.html', '']) {
        open my $file, '>', "$folder/$page->[0]" or die "$page->[0]: $!";
        print {$file} $page->[1];
        close $file;
    }
    return;
}

# A request to the host of a row.
sub answers {
    my ($httpd, $number, $place, $outcome) = @_;
    my $port = $httpd->port($number);
    if ($outcome eq 'plain') {
        my $answer = qx(curl --silent --max-time 30 http://127.0.0.1:$port/1k.bin | wc -c);
        return is $answer + 0, 1 << 10, 'the server speaks plain HTTP';
    }
    my $path   = $place eq 'htaccess' ? '/with-htaccess/page.html' : '/1k.bin';
    my $client = TlsClient->new(port => $port, sni => 'localhost', ca => undef);
    my $answer = eval { $client->handshake->get($path) } // {status => $@};
    return is $answer->{status}, $outcome eq '500' ? 500 : 200, 'the server answers';
}

sub check {
    my ($lines, $place, $outcome, $pattern, $title) = @_;
    my $name  = ($title // "$place: " . ($lines =~ s/\n/; /gr)) . " - $outcome";
    my $httpd = TestHttpd->new(configuration($lines, $place));
    make_htaccess($httpd, $lines) if $place eq 'htaccess';
    my ($result, $messages);
    if ($outcome eq 'syntax') {
        (my $status, $messages) = $httpd->command('-t');    # a start would say the same, and take longer
        $result = "exit $status";
    }
    else {
        $result   = $httpd->try_start;
        $messages = $httpd->output . $httpd->error_log;
    }
    subtest $name => sub {
        if ($outcome =~ /^(?:runs|plain|500)$/) {
            is $result, 'runs', 'the server runs' or diag $messages;
            if ($result eq 'runs') {
                answers($httpd, 1, $place, $outcome);
                $messages = $httpd->output . $httpd->error_log;
            }
        }
        else {
            is $result, 'exit 1', 'the server ends with status 1';
            if ($outcome eq 'syntax') {
                my ($line) = $messages =~ /AH00526: Syntax error on line (\d+) of /;
                my $wrong  = defined $line ? (split /\n/, TestHttpd::slurp($httpd->conf_file))[$line - 1] : undef;
                my %known  = map { (s/^\s+|\s+$//gr) => 1 } split /\n/, $httpd->expand($lines);
                ok defined $wrong && $known{$wrong =~ s/^\s+|\s+$//gr}, 'with the line' or diag $messages;
            }
            else { like $messages, qr/AH00016: Configuration Failed/, 'with the line that httpd says of it' }
            unlike $messages, qr/resuming normal operations/, 'and never runs';
        }
        like $messages, $pattern, 'and says why' if $pattern;
        unlike $messages, qr/\bpanicked\b/, 'nothing panicked';
    };
    $httpd->stop;
    return;
}

sub check_table {
    check(@$_) for @_;
    return;
}

1;
