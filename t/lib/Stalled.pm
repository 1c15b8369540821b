# Clients that stop in the middle of a handshake.
#
#   my $client = Stalled::at('half a ClientHello', port => ..., version => '1.2');      # arguments of TlsClient->new
#   Stalled::go_on($client);                 # the rest of the handshake
#   is Stalled::count_open(@clients), 10;    # those whose connection the server has not ended
package Stalled;

use strict;
use warnings FATAL => 'all';

use Carp qw(croak);
use IO::Select ();
use TlsClient ();

# The places, in their order: what of its flights the client sends.
our @PLACES = ('nothing', 'one byte', 'half a ClientHello', 'all but one byte of a ClientHello', 'a ClientHello', 'a part of its second flight',
    'all but one byte of its second flight', 'no request');

my %sends = (
    'nothing'                               => sub { '' },
    'one byte'                              => sub { substr $_[0], 0, 1 },
    'half a ClientHello'                    => sub { substr $_[0], 0, length($_[0]) / 2 },
    'all but one byte of a ClientHello'     => sub { substr $_[0], 0, -1 },
    'a ClientHello'                         => sub { '' },
    'a part of its second flight'           => sub { substr $_[0], 0, 20 },
    'all but one byte of its second flight' => sub { substr $_[0], 0, -1 },
);

sub at {
    my ($place, %option) = @_;
    my $client = TlsClient->new(sni => 'localhost', %option);
    return $client->handshake if $place eq 'no request';
    my $send = $sends{$place} or croak "no place '$place'";
    my ($first) = grep { $PLACES[$_] eq $place } 0 .. $#PLACES;
    $client->step;
    my $flight = $client->outgoing;
    if ($first >= 4) {
        $client->send_raw($flight);
        $flight = '';
        until (length $flight) {
            $client->receive_raw or croak "$place: the server ends the connection";
            $client->step;
            $flight = $client->outgoing;
        }
    }
    my $sent = $send->($flight);
    $client->send_raw($sent);
    $client->{kept} = substr $flight, length $sent;
    return $client;
}

# The rest of the handshake.
sub go_on {
    my ($client) = @_;
    $client->send_raw(delete $client->{kept} // '');
    $client->handshake;
    return $client;
}

# Takes what the server has sent; true when it has ended the connection.
sub has_ended {
    my ($client) = @_;
    $client->receive_raw while !$client->{end} && IO::Select->new($client->socket)->can_read(0);
    return defined $client->{end};
}

sub count_open { return scalar grep { !has_ended($_) } @_ }

1;
