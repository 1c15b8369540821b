# A handshake in the smallest pieces: segments of one byte, records of one byte.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use TestHttpd ();
use TlsClient ();

my $port = TlsClient::common_port('tls');

# The handshake messages of a flight of records, in records of `size` bytes each.
sub reframed {
    my ($flight, $size) = @_;
    my $out = '';
    while (length $flight) {
        my ($type, $version, $length) = unpack 'C n n', $flight;
        my $payload = substr $flight, 5, $length;
        substr $flight, 0, 5 + $length, '';
        $out .= pack('C n n/a*', $type, $version, $_) for $type == 22 ? unpack("(a$size)*", $payload) : $payload;
    }
    return $out;
}

for my $version ('1.2', '1.3') {
    # The whole handshake in segments of one byte.
    my $client = TlsClient->new(port => $port, sni => 'localhost', version => $version);
    until ($client->step) {
        $client->send_raw($_) for split //, $client->outgoing;
        $client->receive_raw;
    }
    $client->send_raw($_) for split //, $client->outgoing;
    is $client->get('/1k.bin')->{status}, 200, "TLS $version: a handshake in segments of one byte";

    # The ClientHello in records of one byte, all in one segment, and one by one.
    for my $how ('in one segment', 'one by one') {
        for my $size (1, 3) {
            $client = TlsClient->new(port => $port, sni => 'localhost', version => $version);
            $client->step;
            my $hello = reframed($client->outgoing, $size);
            if   ($how eq 'one by one') { $client->send_raw($_) for unpack '(a' . (5 + $size) . ')*', $hello }
            else                        { $client->send_raw($hello) }
            is $client->handshake_error, '', "TLS $version: a ClientHello in records of $size bytes, $how";
            is $client->get('/1k.bin')->{status}, 200, '... and a request';
        }
    }
}

# TLS 1.3: the client's Finished and its first request together, and the same byte by byte.
for my $how ('in one segment', 'in bytes') {
    my $client = TlsClient->new(port => $port, sni => 'localhost', version => '1.3');
    until ($client->step) {
        $client->flush;
        $client->receive_raw;
    }
    my $bytes = $client->outgoing . $client->encrypt(TlsClient::request_text('GET', '/1k.bin'));
    $client->send_raw($_) for $how eq 'in bytes' ? split //, $bytes : $bytes;
    ok $client->answer->{body} eq TestHttpd::pattern(1 << 10), "TLS 1.3: Finished and request $how";
}
done_testing;
