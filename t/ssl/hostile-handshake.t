# First messages that no client sends: of other protocols, of old versions, malformed, huge, with garbage where the server may have
# something stored. It refuses or goes on; either way it answers in bounds, and serves others.
use strict;
use warnings FATAL => 'all';
use Carp qw(croak);
use Test::More;
use lib 'lib', 't/lib';
use IO::Select ();
use IO::Socket::INET ();
use TestHttpd ();
use TlsClient ();

my $httpd = TestHttpd->start(<<'END');
Timeout 20
SSLSessionCache shmcb
<VirtualHost *:@PORT@>
    ServerName localhost
    SSLEngine on
    @ECDSA@
</VirtualHost>
<VirtualHost *:@PORT@>
    ServerName other.example.test
    SSLEngine on
    @ECDSA@
    SSLSessionTickets off
</VirtualHost>
END

# What the server says to these bytes, and nothing behind them.
sub says {
    my (@pieces) = @_;
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $httpd->port) or die "connect: $!";
    local $SIG{PIPE} = 'IGNORE';
    setsockopt $socket, Socket::IPPROTO_TCP(), Socket::TCP_NODELAY(), 1;
    syswrite $socket, $_ for @pieces;
    shutdown $socket, 1;
    my $all = '';
    while (IO::Select->new($socket)->can_read(TlsClient::PATIENCE())) { sysread $socket, $all, 65_536, length $all or last }
    return $all;
}

# The records of an answer: 'alert N', 'server hello', or numbers.
sub records {
    my ($bytes) = @_;
    my @found;
    while (length $bytes >= 5) {
        my ($type, $version, $length) = unpack 'C n n', $bytes;
        my $payload = substr $bytes, 5, $length;
        substr $bytes, 0, 5 + $length, '';
        push @found, $type == 21 && $length == 2 ? 'alert ' . ord substr $payload, 1 : $type == 22 && $payload =~ /\A\x02/ ? 'server hello' : $type;
    }
    return @found ? $found[0] : length $bytes ? "$bytes" : 'nothing';
}

# --- A ClientHello in parts ---------------------------------------------------------------------------------------------
sub hello {
    my (%option) = @_;
    my $client = TlsClient->new(sni => 'localhost', %option);
    $client->step;
    return parse($client->outgoing);
}

sub parse {
    my ($flight) = @_;
    my ($message) = unpack 'x5 x4 a*', $flight;
    my ($version, $random, $id, $ciphers, $compression, $extensions) = unpack 'n a32 C/a n/a C/a n/a', $message;
    my @list;
    while (length $extensions) {
        my ($type, $data) = unpack 'n n/a', $extensions;
        push @list, [$type, $data];
        substr $extensions, 0, 4 + length $data, '';
    }
    return {version => $version, random => $random, id => $id, ciphers => $ciphers, compression => $compression, extensions => \@list};
}

sub body {
    my ($hello) = @_;
    my $extensions = join '', map { pack 'n n/a*', @$_ } @{$hello->{extensions}};
    return pack 'n a32 C/a* n/a* C/a* n/a*', @{$hello}{qw(version random id ciphers compression)}, $extensions;
}

sub handshake_message { my ($type, $body) = @_; return pack 'C Cn a*', $type, length($body) >> 16, length($body) & 0xffff, $body }
sub framed { my ($bytes, $type) = @_; return join '', map { pack 'C n n/a*', $type // 22, 0x301, $_ } unpack '(a16384)*', $bytes }
sub written { my ($hello) = @_; return framed(handshake_message(1, body($hello))) }

# The same hello with other parts, or with extensions replaced (undef removes) or put in front.
sub with {
    my ($hello, %change) = @_;
    my $extensions = delete $change{replace};
    my $added      = delete $change{add} // [];
    my %new        = (%$hello, %change);
    $new{extensions} = [@$added, map { my $type = $_->[0]; $extensions && exists $extensions->{$type} ? defined $extensions->{$type} ? [$type, $extensions->{$type}] : () : $_ } @{$hello->{extensions}}];
    return written(\%new);
}

sub extension {
    my ($hello, $type) = @_;
    my ($found) = grep { $_->[0] == $type } @{$hello->{extensions}};
    return $found ? $found->[1] : croak("no extension $type");
}

my %hello = ('1.2' => hello(version => '1.2'), '1.3' => hello(version => '1.3'), both => hello());
is records(says(written($hello{$_}))), 'server hello', "$_: a hello that was taken apart and put together" for sort keys %hello;

# --- Not TLS, or not this TLS ---------------------------------------------------------------------------------------------
my $v2 = pack('C n n n n', 1, 2, 3, 0, 16) . "\1\0\x80" . 'c' x 16;
my $v2_for_tls = pack('C n n n n', 1, 0x303, 6, 0, 32) . "\0\xc0\x2b\0\xc0\x2c" . 'c' x 32;
my @refused = (
    ['SSL 2',                       pack('n', 0x8000 | length $v2) . $v2],
    ['SSL 2, cut off',              substr pack('n', 0x8000 | length $v2) . $v2, 0, 12],
    ['SSL 2 with a huge length',    "\xff\xff\1\0\2" . 'x' x 40_000],
    ['a heartbeat',                 framed("\1\x40\0", 24)],
    ['application data',            framed('GET / HTTP/1.0', 23)],
    ['a change of ciphers',         framed("\1", 20)],
    ['an alert',                    framed("\2\x28", 21)],
    ['many warnings',               framed("\1\x5a", 21) x 1_000],
    ['a type that nobody knows',    framed('x' x 100, 99)],
    ['a ServerHello',               framed(handshake_message(2, body($hello{'1.2'})))],
    ['a Finished',                  framed(handshake_message(20, 'x' x 12))],
    ['a KeyUpdate',                 framed(handshake_message(24, "\1"))],
    ['an empty message',            framed(handshake_message(1, ''))],
    ['a record of nothing',         "\x16\3\1\0\0" x 3],
    ['records of nothing',          "\x16\3\1\0\0" x 10_000],
    ['a record of 65535 bytes',     "\x16\3\1\xff\xff" . 'x' x 65_535],
    ['a record of 16385 bytes',     pack('C n n/a*', 22, 0x301, handshake_message(1, 'x' x 16_381))],
    ['a message of 16 MB',          framed("\1\xff\xff\xff" . 'x' x 200_000)],
    ['a message of 200 KB',         framed(handshake_message(1, 'x' x 200_000))],
    ['version 9.9',                 "\x16\x09\x09" . substr written($hello{both}), 3],
    ['DTLS',                        "\x16\xfe\xfd\0\0\0\0\0\0\0\0" . substr written($hello{'1.2'}), 3],
    ['SSH',                         "SSH-2.0-OpenSSH_9.2p1\r\n"],
    ['the PROXY protocol',          "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n" . written($hello{both})],
    ['a session id of 33 bytes',    with($hello{'1.2'}, id => 'x' x 33)],
    ['a session id of 255 bytes',   with($hello{'1.2'}, id => 'x' x 255)],
    ['an odd number of ciphers',    with($hello{'1.2'}, ciphers => "\xc0\x2b\xc0")],
    ['no ciphers',                  with($hello{'1.2'}, ciphers => '')],
    ['no compression method',       with($hello{'1.2'}, compression => '')],
    ['deflate alone',               with($hello{'1.2'}, compression => "\1")],
    ['SSL 3',                       with($hello{'1.2'}, version => 0x300)],
    ['TLS 1.0',                     with($hello{'1.2'}, version => 0x301)],
    (map { my ($version, $type) = @$_; ["$version: extension $type twice", with($hello{$version}, add => [[$type, extension($hello{$version}, $type)]])] }
        (map { my $version = $_; map { [$version, $_] } 0, 10, 13, 35 } '1.2', '1.3'), ['1.3', 43], ['1.3', 51]),
    ['1.3: no key share and no group in common', with($hello{'1.3'}, replace => {51 => undef, 10 => pack 'n/a*', "\x7f\x7f"})],
    ['1.3: a key share of one byte', with($hello{'1.3'}, replace => {51 => pack 'n/a*', pack 'n n/a*', 29, 'x'})],
    ['1.3: a malformed key share',   with($hello{'1.3'}, replace => {51 => "\xff\xff"})],
    ['1.3: versions of nothing',     with($hello{'1.3'}, replace => {43 => "\0"})],
    ['1.3: a pre-shared key that is not last', with($hello{'1.3'}, add => [[45, "\1\1"], [41, 'x' x 100]])],
    ['1.2: curves of odd length',    with($hello{'1.2'}, replace => {10 => "\0\3\0\x17\0"})],
    ['no signature algorithms',      with($hello{'1.2'}, replace => {13 => "\0\0"})],
);
for my $case (@refused) {
    my ($what, $bytes) = @$case;
    my $answer = says($bytes);
    like records($answer), qr/\A(?:alert \d+|nothing)\z/, "$what: " . records($answer);
    ok length $answer < 100, '... in few bytes';
}
unlike records(says(pack('n', 0x8000 | length $v2_for_tls) . $v2_for_tls)), qr/[^a-z0-9 ]/, 'SSL 2 that offers TLS 1.2: refused or answered';

# --- Odd, but sound: the handshake goes on ------------------------------------------------------------------------------------
sub psk {
    my ($identity, $binder, $age) = @_;
    return pack 'n/a* n/a*', pack('n/a* N', $identity, $age // 1), pack 'C/a*', $binder;
}
my @accepted = (
    ['garbage of 32 bytes for a session id', with($hello{'1.2'}, id => join '', map { chr($_ * 7) } 1 .. 32)],
    ['a session id of NULs',                 with($hello{'1.2'}, id => "\0" x 32)],
    ['1.3: a session id',                    with($hello{'1.3'}, id => "\xff" x 32)],
    (map { ["garbage of $_ bytes for a ticket", with($hello{'1.2'}, replace => {35 => join '', map { chr($_ * 11 & 0xff) } 1 .. $_})] } 1, 15, 16, 31, 32, 33, 47, 48, 49, 79, 80, 200, 1_000, 30_000),
    (map { ["1.3: garbage of $_ bytes for a ticket", do { my %copy = %{$hello{'1.3'}}; $copy{extensions} = [@{$copy{extensions}}, [41, psk('g' x $_, 'b' x 32)]]; written(\%copy) }] } 1, 16, 32, 48, 64, 80, 200, 1_000, 30_000),
    ['an extension of 60,000 bytes',         with($hello{both}, add => [[0xfafa, 'x' x 60_000]])],
    ['4,000 extensions that nobody knows',   with($hello{both}, add => [map { [0x4000 + $_, 'x'] } 1 .. 4_000])],
    ['an extension that nobody knows twice', with($hello{both}, add => [[0xfafa, ''], [0xfafa, 'x']])],
    ['30,000 ciphers',                       with($hello{both}, ciphers => $hello{both}{ciphers} . "\xfa\xfa" x 30_000)],
    ['255 compression methods',              with($hello{'1.2'}, compression => join '', map { chr } 0 .. 254)],
    ['no name',                              with($hello{both}, replace => {0 => undef})],
    ['a heartbeat extension',                with($hello{'1.2'}, add => [[15, "\1"]])],
    ['an ALPN list of 48,000 bytes',         with($hello{both}, add => [[16, pack 'n/a*', join '', map { pack 'C/a*', "p$_" } 10_000 .. 17_999]])],
);
for my $case (@accepted) {
    my ($what, $bytes) = @$case;
    my $answer = says($bytes);
    is records($answer), 'server hello', "$what: goes on";
    ok length $answer < 10_000, '... within bounds';
}

# Names and lists that may be refused, or passed over.
my %odd = (
    'an empty name'                 => [0, pack 'n/a*', pack 'C n/a*', 0, ''],
    'a name of 255 bytes'           => [0, pack 'n/a*', pack 'C n/a*', 0, 'n' x 255],
    'a name of 256 bytes'           => [0, pack 'n/a*', pack 'C n/a*', 0, 'n' x 256],
    'a name of 60,000 bytes'        => [0, pack 'n/a*', pack 'C n/a*', 0, 'n' x 60_000],
    'a name with NUL'               => [0, pack 'n/a*', pack 'C n/a*', 0, "localhost\0.example.test"],
    'a name that is not UTF-8'      => [0, pack 'n/a*', pack 'C n/a*', 0, "\xff\xfe\x80"],
    'a name with line breaks'       => [0, pack 'n/a*', pack 'C n/a*', 0, "x\r\nInjected: 1"],
    'an address'                    => [0, pack 'n/a*', pack 'C n/a*', 0, '[::1]'],
    'a name with a port'            => [0, pack 'n/a*', pack 'C n/a*', 0, 'localhost:443'],
    'a name with a final dot'       => [0, pack 'n/a*', pack 'C n/a*', 0, 'localhost.'],
    'a name of dots'                => [0, pack 'n/a*', pack 'C n/a*', 0, '....'],
    'a path'                        => [0, pack 'n/a*', pack 'C n/a*', 0, '../../etc/passwd'],
    'wildcards'                     => [0, pack 'n/a*', pack 'C n/a*', 0, '*'],
    'two names'                     => [0, pack 'n/a*', pack('C n/a*', 0, 'localhost') . pack 'C n/a*', 0, 'other.example.test'],
    'a name of another type'        => [0, pack 'n/a*', pack 'C n/a*', 9, 'localhost'],
    'a list that is too short'      => [0, "\0\x20\0\0\x09localhost"],
    'a list of nothing'             => [0, "\0\0"],
    'nothing for a list'            => [0, ''],
    'an empty ALPN list'            => [16, "\0\0"],
    'an empty name in ALPN'         => [16, "\0\4\2h2\0"],
    'a malformed ALPN list'         => [16, "\0\3\x09h2"],
    'ALPN with controls'            => [16, pack 'n/a*', pack 'C/a*', "\r\nInjected\0\e[31m"],
    'a malformed status request'    => [5, "\xff\xff\xff\xff"],
    'a status request of 60,000 bytes' => [5, "\1" . pack('n/a*', 'x' x 30_000) . pack 'n/a*', 'y' x 30_000],
    'a malformed max_fragment_length'  => [1, "\x09"],
    'early data'                    => [42, ''],
    'a cookie'                      => [44, pack 'n/a*', 'c' x 1_000],
    'SRP of a user of 60,000 bytes' => [12, pack 'C/a*', 'u' x 255],
    'post_handshake_auth of 5 bytes' => [49, 'xxxxx'],
    'renegotiation_info of 12 bytes' => [0xff01, pack 'C/a*', 'x' x 12],
);
for my $what (sort keys %odd) {
    my ($type, $data) = @{$odd{$what}};
    for my $version ('1.2', '1.3') {
        my $answer = says(with($hello{$version}, replace => {$type => undef}, add => [[$type, $data]]));
        like records($answer), qr/\A(?:alert \d+|nothing|server hello)\z/, "TLS $version, $what: " . records($answer);
        ok length $answer < 10_000, '... within bounds';
    }
}

# A hello in two segments, cut at every byte; in records cut there; and one that ends there.
my $whole = written($hello{both});
my ($segments, $messages, $ends) = ({}, {}, {});
for my $at (1 .. length($whole) - 1) {
    $segments->{records(says(substr($whole, 0, $at), substr $whole, $at))}++;
    $ends->{says(substr $whole, 0, $at)}++ if $at % 5 == 0;
    my $message = substr $whole, 5;
    next if $at >= length $message;
    $messages->{records(says(framed(substr $message, 0, $at) . framed(substr $message, $at)))}++;
}
is_deeply [keys %$segments], ['server hello'], 'a hello in two segments, cut at every byte';
is_deeply [keys %$messages], ['server hello'], 'a hello in two records, cut at every byte';
is_deeply [keys %$ends],     [''],             'a hello that ends early gets no answer';

# --- The server is as before ----------------------------------------------------------------------------------------------
for my $version ('1.2', '1.3') {
    my $client = TlsClient->new(port => $httpd->port, sni => 'localhost', version => $version)->handshake;
    is $client->get('/1k.bin')->{status}, 200, "TLS $version: others are served";
}
my $log = $httpd->error_log;
unlike $log, qr/panic|exit signal/, 'no panic, and no process ended';
unlike $log, qr/^Injected|[^\n -~]/m, 'the log is plain text';
unlike $log, qr/:(?:crit|alert|emerg)\]/, 'nothing is worse than an error';
done_testing;
