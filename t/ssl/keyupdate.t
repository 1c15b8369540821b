# TLS 1.3 KeyUpdate between requests. Perl's binding cannot send one, the openssl program can ("K" at the start of a line);
# a relay in between decides what reaches the server in one segment.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use IO::Select ();
use IO::Socket::INET ();
use IPC::Open3 qw(open3);
use TestHttpd ();
use TlsClient ();

my $port  = TlsClient::common_port('tls');
my $relay = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1', LocalPort => 0) or die "listen: $!";

# Starts s_client through the relay; returns functions to type a text, and to move bytes until a condition holds.
sub s_client {
    my $pid = open3(my $typed, my $shown, undef, 'openssl', 's_client', '-connect', '127.0.0.1:' . $relay->sockport,
        '-tls1_3', '-servername', 'localhost', '-CAfile', TestHttpd::ca());
    my $client = $relay->accept;
    my $server = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port) or die "connect: $!";
    my %state  = (pid => $pid, output => '', held => '', hold => 0);
    $state{type} = sub { syswrite $typed, $_[0] };
    $state{until} = sub {
        my ($condition, $what) = @_;
        my $deadline = time + 30;
        my $select   = IO::Select->new($client, $server, $shown);
        until ($condition->()) {
            die "waited in vain for $what; s_client said:\n$state{output}" if time > $deadline || !$select->count;
            for my $handle ($select->can_read(1)) {
                my $count = sysread $handle, my $bytes, 65_536;
                if (!$count) { $select->remove($handle) }
                elsif ($handle == $shown)  { $state{output} .= $bytes }
                elsif ($handle == $server) { syswrite $client, $bytes }
                elsif ($state{hold})       { $state{held} .= $bytes }
                else                       { syswrite $server, $bytes }
            }
        }
    };
    $state{release} = sub { $state{hold} = 0; syswrite $server, $state{held}; $state{held} = '' };
    $state{end} = sub { kill TERM => $pid; waitpid $pid, 0 };
    return \%state;
}

sub answers { my ($state) = @_; my $count = () = $state->{output} =~ m{HTTP/1\.1 200 OK}g; return $count }

# The number of whole TLS records in TEXT.
sub records {
    my ($text) = @_;
    my $count = 0;
    while (length $text >= 5) {
        my $length = 5 + unpack 'x3 n', $text;
        last if length $text < $length;
        substr $text, 0, $length, '';
        $count++;
    }
    return $count;
}

my $request = TlsClient::request_text('GET', '/index.html');

# One after the other: each request after a KeyUpdate.
my $state = s_client();
$state->{until}->(sub { $state->{output} =~ /read R BLOCK|Verify return code/ }, 'the handshake');
for my $number (1 .. 5) {
    $state->{type}->("K\n");
    $state->{until}->(sub { my $count = () = $state->{output} =~ /KEYUPDATE/g; $count >= $number }, 'a KeyUpdate');
    $state->{type}->($request);
    $state->{until}->(sub { answers($state) == $number }, "answer $number");
    pass "request $number after a KeyUpdate is answered";
}
$state->{end}->();

# Request, KeyUpdates, request in one segment. The C module answers the first and never looks at the second. "K" asks for a
# KeyUpdate in return, "k" does not.
SKIP: {
    skip 'the C module stalls here until the keep-alive timeout', 4 if TestHttpd::stock();
    for my $updates ('K', 'KK', 'Kk', 'KkkK') {
        $state = s_client();
        $state->{until}->(sub { $state->{output} =~ /read R BLOCK|Verify return code/ }, 'the handshake');
        $state->{hold} = 1;
        for my $typed ($request, (map { "$_\n" } split //, $updates), $request) {
            my $before = records($state->{held});
            $state->{type}->($typed);
            $state->{until}->(sub { records($state->{held}) > $before }, 'a record');
        }
        $state->{release}->();
        $state->{until}->(sub { answers($state) == 2 }, 'both answers');
        pass "request, $updates, request in one segment: both are answered";
        $state->{end}->();
    }
}
done_testing;
