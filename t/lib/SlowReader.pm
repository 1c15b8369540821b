# Clients that ask for a large file and then take their time.
#
#   my $slow = SlowReader->new($httpd);                  # has asked, reads nothing
#   $slow->sip(5_000_000);                               # reads so much, and stops
#   SlowReader::wait_for($httpd, 1);                     # one response waits without a thread (where that is possible)
#   $slow->finish;                                       # reads the rest: '' or what was wrong
#
# The configuration needs the lines of CONFIG, with the ports 1 (TLS) and 2 (figures, without TLS).
package SlowReader;

use strict;
use warnings FATAL => 'all';

use Curl ();
use TestHttpd ();
use TlsClient ();

use constant SIZE => 20_000_000;

my $body;

sub body { return $body //= TestHttpd::pattern(SIZE) }

# Whether responses can wait without a thread here.
sub possible { return TestHttpd::mpm() eq 'event' && !TestHttpd::stock() }

sub config {
    my ($lines, $vhost_lines) = @_;
    my $metrics = TestHttpd::stock() ? '' : "<Location /metrics>\nSetHandler ssl-metrics\n</Location>\n";
    my $factor = TestHttpd::mpm() eq 'event' ? "AsyncRequestWorkerFactor 200\n" : '';
    my $protocols = TestHttpd::mpm() eq 'prefork' ? '' : "Protocols h2 http/1.1\n";
    return $factor . $protocols . ($lines // '') . <<'END' . $metrics . <<'END' . ($vhost_lines // '') . "</VirtualHost>\n";
SSLSessionCache shmcb
CustomLog logs/answers "%r|%>s|%X|%B|%O|%D"
<VirtualHost *:@PORT2@>
    <Location /status>
        SetHandler server-status
    </Location>
END
</VirtualHost>
<VirtualHost *:@PORT@>
    ServerName localhost
    SSLEngine on
    @ECDSA@
END
}

# Options: those of TlsClient, path, method, headers => {...}, ask => 0 to ask for nothing.
sub new {
    my ($class, $httpd, %option) = @_;
    my ($path, $method, $headers, $ask) = delete @option{qw(path method headers ask)};
    my $client = TlsClient->new(port => $httpd->port, sni => 'localhost', receive_buffer => 16_384, %option)->handshake;
    my $self = bless {client => $client, method => $method // 'GET'}, $class;
    $self->ask($path // '/20m.bin', %{$headers // {}}) if $ask // 1;
    return $self;
}

sub client { $_[0]{client} }

sub ask {
    my ($self, $path, %header) = @_;
    $self->{client}->send(TlsClient::request_text($self->{method}, $path, %header));
    return;
}

# Reads about so much, and keeps it for `answer`.
sub sip {
    my ($self, $count) = @_;
    my $client = $self->{client};
    my $end = length($client->{in}) + $count;
    $client->_need while length $client->{in} < $end;
    return;
}

# The whole answer, or {error}.
sub answer {
    my ($self) = @_;
    return eval { $self->{client}->answer($self->{method}) } // {status => 0, headers => {}, body => '', error => $@};
}

# Reads the rest of a 20m.bin. Says what is wrong.
sub finish {
    my ($self) = @_;
    my $answer = $self->answer;
    return $answer->{error} if $answer->{error};
    return $answer->{status} == 200 && $answer->{body} eq body() ? '' : "status $answer->{status}, " . length($answer->{body}) . ' bytes';
}

# A file of the server without TLS.
sub plain {
    my ($httpd, $path) = @_;
    return Curl::get('http://localhost:' . $httpd->port(2) . $path)->{body};
}

sub waiting {
    my ($httpd) = @_;
    my ($value) = plain($httpd, '/metrics') =~ /^mod_ssl_responses_waiting (\d+)$/m;
    return $value;
}

# Waits until so many responses wait without a thread; nothing where that is not possible.
sub wait_for {
    my ($httpd, $count) = @_;
    return unless possible();
    $httpd->wait_for(sub { waiting($httpd) == $count }, "$count responses that wait");
    return;
}

# A column of mod_status, such as ConnsAsyncWaitIO.
sub status {
    my ($httpd, $name) = @_;
    my ($value) = plain($httpd, '/status?auto') =~ /^\Q$name\E: (\d+)$/m;
    return $value;
}

# How many descriptors the children of the server have of files with this name (a pattern).
sub descriptors {
    my ($httpd, $name) = @_;
    my $count = 0;
    for my $child (split ' ', qx(pgrep -P $httpd->{pid})) {
        $count += grep { (readlink $_ // '') =~ m{/$name(?: \(deleted\))?\z} } glob "/proc/$child/fd/*";
    }
    return $count;
}

# The lines of the access log for a path, as hashes. Waits for as many as there should be.
sub lines {
    my ($httpd, $path, $count) = @_;
    my @lines;
    my $look = sub {
        @lines = map { my %line; @line{qw(request status end body sent time)} = split /\|/; \%line }
            grep { m{^\w+ \Q$path\E } } split /\n/, $httpd->access_log('answers');
        return @lines >= $count;
    };
    $httpd->wait_for($look, "$count lines in the access log for $path");
    return @lines;
}

1;
