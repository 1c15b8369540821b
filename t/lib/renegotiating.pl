# A backend with TLS 1.2 that begins another handshake when it has a part of the request: lib/Backend.pm starts it.
#
#   renegotiating.pl FILE OTHER      two files with a certificate and its key each
#
# /same and /other: when the head is there, with the certificate of the first or the second handshake's file.
# /upload: in the middle of the body. The answer is the length and digest of the body, and how often hands were shaken again.
use strict;
use warnings FATAL => 'all';
use Digest::SHA ();
use IO::Socket::INET ();
use Net::SSLeay ();

use constant {CLEAR_MODE => 78, AUTO_RETRY => 4, FULL_HANDSHAKES => 0x10000};    # SSL_OP_NO_SESSION_RESUMPTION_ON_RENEGOTIATION
$SIG{PIPE} = 'IGNORE';
Net::SSLeay::initialize();
my ($file, $other) = @ARGV;
my $context = Net::SSLeay::CTX_new_with_method(Net::SSLeay::TLS_server_method()) or die 'SSL_CTX_new';
Net::SSLeay::CTX_set_max_proto_version($context, 0x303);
Net::SSLeay::CTX_set_options($context, FULL_HANDSHAKES);
# A read comes back when it has seen a message of a handshake.
Net::SSLeay::CTX_ctrl($context, CLEAR_MODE, AUTO_RETRY, 0);
my $listener = IO::Socket::INET->new(Listen => 9, LocalAddr => '127.0.0.1') or die "listen: $!";
$| = 1;
print $listener->sockport, "\n";

sub use_pair {
    my ($ssl, $pair) = @_;
    Net::SSLeay::use_certificate_file($ssl, $pair, 1) && Net::SSLeay::use_PrivateKey_file($ssl, $pair, 1) or die "$pair";
    return;
}

# Data, or nothing when a message of a handshake has come instead; the connection is over when that fails.
sub some {
    my ($ssl) = @_;
    my ($data, $got) = Net::SSLeay::read($ssl, 65_536);
    return $data if $got > 0;
    my $error = Net::SSLeay::get_error($ssl, $got);
    return '' if $error == Net::SSLeay::ERROR_WANT_READ();
    die 'read: ', $error, ' ', Net::SSLeay::ERR_error_string(Net::SSLeay::ERR_get_error()), "\n";
}

# How many have come to their end.
sub handshakes { return Net::SSLeay::CTX_sess_accept_good($context) }

sub again { my ($ssl) = @_; Net::SSLeay::renegotiate($ssl) && Net::SSLeay::do_handshake($ssl) == 1 or die "renegotiate\n"; return }

sub serve {
    my ($ssl) = @_;
    Net::SSLeay::accept($ssl) == 1 or die "accept\n";
    while (1) {
        my $text = '';
        $text .= some($ssl) until $text =~ /\r\n\r\n/;
        my ($head, $body) = split /\r\n\r\n/, $text, 2;
        my ($path)   = $head =~ /^\S+ (\S+)/;
        my ($length) = $head =~ /^Content-Length: (\d+)/mi;
        print "request $path\n";
        my $before = handshakes();
        if ($path =~ /(same|other)/) {
            use_pair($ssl, $1 eq 'same' ? $file : $other);
            again($ssl);
            some($ssl) until handshakes() > $before;
            print "shaken $path\n";
        }
        my $digest = Digest::SHA->new(256);
        $digest->add($body);
        my $count = length $body;
        my $begun;
        while ($count < ($length // 0)) {
            if ($path =~ /upload/ && $count > 1_000_000 && !$begun++) { again($ssl) }
            my $data = some($ssl);
            $digest->add($data);
            $count += length $data;
        }
        my $answer = "$count " . $digest->hexdigest . ' ' . (handshakes() - $before) . "\n";
        Net::SSLeay::write($ssl, "HTTP/1.1 200 OK\r\nContent-Length: " . length($answer) . "\r\n\r\n$answer");
    }
}

while (my $socket = $listener->accept) {
    my $ssl = Net::SSLeay::new($context);
    use_pair($ssl, $file);
    Net::SSLeay::set_fd($ssl, fileno $socket);
    eval { serve($ssl) };
    print "end $@";
    Net::SSLeay::free($ssl);
    close $socket;
}
