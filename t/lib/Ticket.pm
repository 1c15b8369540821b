# The ticket in a client's session (of Net::SSLeay): to look at, and to exchange for another one.
package Ticket;

use strict;
use warnings FATAL => 'all';

use Carp qw(croak);
use Net::SSLeay ();
use TestHttpd ();

use constant TICKET => 0xaa;    # [10] EXPLICIT OCTET STRING of SSL_SESSION

sub of {
    my ($session) = @_;
    my ($field) = grep { $_->[0] == TICKET } elements(contents(Net::SSLeay::i2d_SSL_SESSION($session))) or croak 'no ticket';
    return contents($field->[1]);
}

# The name of the key that it was sealed with.
sub name { return substr of($_[0]), 0, 16 }

# The same session once more. OpenSSL does not resume one for which a newer ticket has come.
sub copy { my ($session) = @_; return Net::SSLeay::d2i_SSL_SESSION(Net::SSLeay::i2d_SSL_SESSION($session)) || croak 'no session' }

# A session that is the same but for its ticket.
sub with {
    my ($session, $ticket) = @_;
    my @fields = map { $_->[0] == TICKET ? encode(TICKET, encode(0x04, $ticket)) : encode(@$_) } elements(contents(Net::SSLeay::i2d_SSL_SESSION($session)));
    return Net::SSLeay::d2i_SSL_SESSION(encode(0x30, join '', @fields)) || croak 'no session';
}

# What an independent program finds in it: the session of the server, as `openssl sess_id` shows it, or nothing.
sub open_with {
    my ($session, @how) = @_;
    my $hex = unpack 'H*', of($session);
    my $der = TestHttpd::root() . "/ticket-$$.der";
    system('python3', TestHttpd::root() . '/t/clients/ticket.py', $der, $hex, @how) == 0 or return '';
    return scalar qx(openssl sess_id -inform DER -in $der -noout -text 2>&1);
}

# --- DER ------------------------------------------------------------------------------------------------------------

sub head {
    my ($der) = @_;
    my ($tag, $length) = unpack 'CC', $der;
    return ($tag, $length, 2) if $length < 0x80;
    my $digits = $length & 0x7f;
    return ($tag, unpack('N', substr "\0\0\0\0" . substr($der, 2, $digits), -4), 2 + $digits);
}

sub contents { my ($der) = @_; my (undef, $length, $head) = head($der); return substr $der, $head, $length }

sub elements {
    my ($der) = @_;
    my @elements;
    while (length $der) {
        my ($tag, $length, $head) = head($der);
        push @elements, [$tag, substr $der, $head, $length];
        $der = substr $der, $head + $length;
    }
    return @elements;
}

sub encode {
    my ($tag, $contents) = @_;
    my $length = length $contents;
    return pack('CC', $tag, $length) . $contents if $length < 0x80;
    return pack('CCn', $tag, 0x82, $length) . $contents;
}

1;
