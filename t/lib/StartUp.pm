# Tables of configurations that must run, or must be refused with a given message.
#
#   StartUp::check('SSLEngine maybe', 'vhost', syntax => qr/must be On or Off/);
#
# Place: `global` before all virtual hosts, `vhost` in one that is otherwise complete, `bare` in one that has SSLEngine on and no
# certificate, `location` in a section of the complete one, `htaccess` in a file below it.
# Outcome: `runs` (and a request is answered), `plain` (the same without TLS), `syntax` (refused while reading: on the terminal, exit status 1), `fatal` (refused
# after reading: in the error log, exit status 1), `500` (for htaccess). The pattern must match the messages.
package StartUp;

use strict;
use warnings FATAL => 'all';

use Test::More;
use TestHttpd ();
use TlsClient ();

sub configuration {
    my ($lines, $place) = @_;
    my %at = map { $_ => $_ eq $place ? $lines : '' } qw(global vhost bare location htaccess);
    my $certificate = $place eq 'bare' ? '' : '@ECDSA@';
    return <<"END";
$at{global}
<VirtualHost *:\@PORT@>
    ServerName localhost
    SSLEngine on
    $certificate
    $at{vhost}
    $at{bare}
    <Location /1k.bin>
        $at{location}
    </Location>
    <Directory "\@ROOT@/with-htaccess">
        AllowOverride All
    </Directory>
    Alias /with-htaccess "\@ROOT@/with-htaccess"
</VirtualHost>
END
}

sub check {
    my ($lines, $place, $outcome, $pattern) = @_;
    my $name  = "$place: " . ($lines =~ s/\n/; /gr) . " - $outcome";
    my $httpd = TestHttpd->new(configuration($lines, $place));
    if ($place eq 'htaccess') {
        mkdir "$httpd->{root}/with-htaccess";
        open my $file, '>', "$httpd->{root}/with-htaccess/.htaccess" or die "htaccess: $!";
        print {$file} "$lines\n";
        close $file;
        open $file, '>', "$httpd->{root}/with-htaccess/page.html" or die "page: $!";
        close $file;
    }
    my $result   = $httpd->try_start;
    my $messages = $httpd->output . $httpd->error_log;
    subtest $name => sub {
        if ($outcome =~ /^(?:runs|plain|500)$/) {
            is $result, 'runs', 'the server runs' or diag $messages;
            if ($result eq 'runs' && $outcome eq 'plain') {
                my $answer = qx(curl --silent --max-time 30 http://127.0.0.1:${\ $httpd->port}/1k.bin | wc -c);
                is $answer + 0, 1 << 10, 'and speaks plain HTTP';
            }
            elsif ($result eq 'runs') {
                my $path   = $place eq 'htaccess' ? '/with-htaccess/page.html' : '/1k.bin';
                my $client = TlsClient->new(port => $httpd->port, sni => 'localhost', ca => undef);
                my $answer = eval { $client->handshake->get($path) } // {status => $@};
                is $answer->{status}, $outcome eq '500' ? 500 : 200, 'and answers';
                $messages = $httpd->output . $httpd->error_log;
            }
        }
        else {
            is $result, 'exit 1', 'the server ends with status 1';
            my $where = $outcome eq 'syntax' ? $httpd->output : $httpd->error_log;
            my $other = $outcome eq 'syntax' ? qr/AH00526: Syntax error on line \d+ of /m : qr/AH00016: Configuration Failed/;
            like $messages, $other, 'with the line that httpd says of it';
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
