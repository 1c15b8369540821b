# SSLSessionTicketKeyFile: tickets are good at every server with the same file, also after a restart.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use Digest::SHA qw(hmac_sha256 sha512);
use StartUp ();
use TestHttpd ();
use Ticket ();
use TlsClient ();

my $certs = TestHttpd::certs();

sub key_file {
    my ($name, $bytes) = @_;
    open my $file, '>:raw', "$certs/$name" or die "$name: $!";
    print {$file} $bytes;
    close $file or die "$name: $!";
    return "$certs/$name";
}

my $key   = Digest::SHA::sha512('a key');
my %files = (
    good  => key_file('ticket-good',  substr $key, 0, 48),
    long  => key_file('ticket-long',  substr($key, 0, 48) . 'more that nobody reads'),
    other => key_file('ticket-other', substr Digest::SHA::sha512('another key'), 0, 48),
    short => key_file('ticket-short', substr $key, 0, 47),
);

sub host { my ($port, $name, $more) = @_; return "<VirtualHost *:$port>\nServerName $name.example.test:443\nSSLEngine on\n\@ECDSA@\n$more\n</VirtualHost>\n" }
sub keyed { my ($file) = @_; return $file ? "SSLSessionTicketKeyFile $files{$file}" : '' }

# Two hosts on one address; FIRST and SECOND name their files.
sub server {
    my ($first, $second, $more) = @_;
    return TestHttpd->start(host('@PORT@', 'first', keyed($first) . "\n" . ($more // '')) . host('@PORT@', 'second', keyed($second)));
}

sub connect_to {
    my ($httpd, $version, $name, $session) = @_;
    my $client = TlsClient->new(port => $httpd->port, version => $version, sni => "$name.example.test", $session ? (session => $session) : ())->handshake;
    is $client->get('/1k.bin', Host => "$name.example.test")->{status}, 200, 'a request';
    return $client;
}

my $good = server('good', 'other');
my %servers = (
    'the same'                            => [$good, 1, 0],
    'one with the same file'              => [server('good', undef), 1, 0],
    'one whose file is longer'            => [server('long', 'long'), 1, 0],
    'one with another file'               => [server('other', 'other'), 0, 1],
    'one without a file'                  => [server(undef, undef), 0, 0],
    'one without a file in the first host' => [server(undef, 'other'), 0, 1],
    'one with the same file and other ciphers' => [server('good', 'other', 'SSLCipherSuite ECDHE-ECDSA-AES256-GCM-SHA384'), 0, 1],
);

# The distribution's module (built for OpenSSL 3) takes the MAC key from memory that is no longer its own: by chance the
# ticket is good, or not.
if (!TestHttpd::stock()) {
    for my $version ('1.2', '1.3') {
        for my $what (sort keys %servers) {
            my ($httpd, @resumed) = @{$servers{$what}};
            for my $name (qw(first second)) {
                my $resumed = shift @resumed;
                subtest "TLS $version, $name, $what" => sub {
                    my $first  = connect_to($good, $version, $name);
                    my $second = connect_to($httpd, $version, $name, $first->session);
                    is $second->reused, $name eq 'second' && $what eq 'the same' ? 1 : $resumed, 'resumed or not';
                    # Whatever became of it, the next one is resumed there, with the ticket of this one.
                    my $third = connect_to($httpd, $version, $name, $second->session);
                    is $third->reused, 1, 'and so is the next one';
                };
            }
        }
        my $first = connect_to($good, $version, 'first');
        my $other = connect_to($good, $version, 'second', $first->session);
        is $other->reused, 0, "TLS $version: not at another host";
        $good->stop;
        unlink "$good->{root}/logs/error_log";    # whether the server runs is seen there
        is $good->try_start, 'runs', 'a stop and a start';
        my $again = connect_to($good, $version, 'first', $first->session);
        is $again->reused, 1, "TLS $version: resumed after a stop and a start";
        $good->graceful;
        is connect_to($good, $version, 'first', $again->session)->reused, 1, "TLS $version: resumed after a graceful restart";
    }
    $good->wait_log(qr/ssl:debug.*AH02289: TLS session ticket key for first\.example\.test:443 successfully set, creating new session ticket/);
    $good->wait_log(qr/ssl:debug.*AH02290: TLS session ticket key for first\.example\.test:443 successfully set, decrypting existing session ticket/);
}
$good->wait_log(qr/ssl:info.*AH02288: TLS session ticket key for first\.example\.test:443 successfully loaded from \Q$files{good}\E/);

# What is in a ticket: key name, IV, ciphertext, MAC of all before it.
my $shown  = qx(openssl s_client -tls1_2 -servername first.example.test -connect 127.0.0.1:${\ $good->port} </dev/null 2>/dev/null);
my ($dump) = $shown =~ /TLS session ticket:\n((?:    [0-9a-f]+ - .*\n)+)/;
my $ticket = join '', map { my ($hex) = /^ +[0-9a-f]+ - ((?:[0-9a-f]{2}[ -])+)/; pack 'H*', $hex =~ s/[ -]//gr } split /\n/, $dump;
is substr($ticket, 0, 16), substr($key, 0, 16), 'a ticket begins with the name of the key';
my $mac = hmac_sha256(substr($ticket, 0, -32), substr $key, 16, 16);
TestHttpd::stock()
    ? isnt(substr($ticket, -32), $mac, 'the MAC is not by the MAC key of the file')
    : is(substr($ticket, -32), $mac, 'the MAC is by the MAC key of the file');
open my $cipher, '>:raw', "$certs/ticket.enc" or die "ticket.enc: $!";
print {$cipher} substr $ticket, 32, -32;
close $cipher;
my ($secret, $iv) = map { unpack 'H*', $_ } substr($key, 32, 16), substr $ticket, 16, 16;
my $parsed = qx(openssl enc -d -aes-128-cbc -K $secret -iv $iv -in $certs/ticket.enc | openssl sess_id -inform DER -noout -text 2>&1);
like $parsed, qr/Protocol\s*: TLSv1\.2/, 'the cipher key opens it';

# Keys for AES-256, several of them, and tickets that are not what they were.
if (!TestHttpd::stock()) {
    my %bytes = (old => substr($key, 0, 48), new => join('', sha512('new'), sha512('more'), 'x' x 16) =~ s/^(.{80}).*/$1/sr);
    my %path  = map { $_ => key_file("ticket-$_", $bytes{$_}) } keys %bytes;
    is length $bytes{new}, 80, 'a long key';
    my $with = sub { return TestHttpd->start(host('@PORT@', 'first', "SSLSessionTicketKeyFile @_")) };
    my %by   = (old => $with->($path{old}), new => $with->($path{new}), both => $with->("$path{new} $path{old}"), other => $with->($files{other}));
    for my $version ('1.2', '1.3') {
        my %session = map { $_ => connect_to($by{$_}, $version, 'first')->session } qw(old new both);
        my %sealed  = (old => 'old', new => 'new', both => 'new');
        for my $server (sort keys %sealed) {
            my $name = $sealed{$server};
            is Ticket::name($session{$server}), substr($bytes{$name}, 0, 16), "TLS $version: the server with $server seals with the key of $name";
            like Ticket::open_with($session{$server}, 'file', $path{$name}), qr/Protocol\s*: TLSv$version/, '... which an independent program opens';
        }
        for my $row (['old', 'new', 0], ['new', 'old', 0], ['old', 'both', 1], ['new', 'both', 1], ['both', 'new', 1], ['both', 'old', 0], ['both', 'other', 0]) {
            my ($from, $to, $resumed) = @$row;
            my $client = connect_to($by{$to}, $version, 'first', Ticket::copy($session{$from}));
            is $client->reused, $resumed, "TLS $version: from $from to $to";
            is connect_to($by{new}, $version, 'first', $client->session)->reused, 1, '... whose client has a ticket by the new key' if $to eq 'both';
        }
        # The files are exchanged: at the next restart, which need not end anything.
        my $kept = key_file('ticket-kept', $bytes{old});
        my $rolling = $with->("$path{old} $kept");
        my $before  = connect_to($rolling, $version, 'first')->session;
        $rolling->configure(host('@PORT@', 'first', "SSLSessionTicketKeyFile $path{new} $kept"));
        is Ticket::name(connect_to($rolling, $version, 'first')->session), substr($bytes{old}, 0, 16), "TLS $version: before a graceful restart the old key seals";
        $rolling->graceful;
        $rolling->wait_for(sub { Ticket::name(connect_to($rolling, $version, 'first')->session) eq substr $bytes{new}, 0, 16 }, 'the new key');
        is connect_to($rolling, $version, 'first', Ticket::copy($before))->reused, 1, '... after it the new one, and old tickets are good';

        my $ticket = Ticket::of($session{both});
        my %hostile = (
            'another name'      => "\0" x 16 . substr($ticket, 16),
            'the name alone'    => substr($ticket, 0, 16),
            'no ciphertext'     => substr($ticket, 0, 32) . substr($ticket, -32),
            'one byte'          => 'x',
            'one byte less'     => substr($ticket, 0, -1),
            'one byte more'     => "$ticket\0",
            'another block'     => substr($ticket, 0, 32) . 'x' x 16 . substr($ticket, 32),
            'much'              => $ticket . 'x' x 10_000,
            'zeros'             => "\0" x length $ticket,
            map({ my $at = $_; ("byte $at changed" => $ticket ^ ("\0" x ($at % length $ticket) . "\1")) } 0, 15, 16, 31, 32, 60, -33 + length $ticket, -32 + length $ticket, -1 + length $ticket),
        );
        for my $what (sort keys %hostile) {
            my $client = connect_to($by{both}, $version, 'first', Ticket::with($session{both}, $hostile{$what}));
            is $client->reused, 0, "TLS $version, a ticket with $what: a full handshake";
            is connect_to($by{both}, $version, 'first', $client->session)->reused, 1, '... and a ticket that is good';
        }
        is connect_to($by{both}, $version, 'first', Ticket::with($session{both}, $ticket))->reused, 1, "TLS $version: the ticket as it was";
    }
    chmod 0604, $path{old} or die "chmod: $!";
    StartUp::check("SSLSessionTicketKeyFile $path{old}", 'vhost', runs => qr/ssl:warn.*SSLSessionTicketKeyFile: \Q$path{old}\E: everybody on this machine may use it/);
}

# Files that cannot be used. They are looked at even if there are no tickets.
chmod 0, key_file('ticket-unreadable', $key) or die "chmod: $!";
for my $more ('', "\nSSLSessionTickets off") {
    StartUp::check("SSLSessionTicketKeyFile $files{short}$more", 'vhost',
        fatal => qr/ssl:emerg.*AH02287: Failed to read 48 bytes from \Q$files{short}\E: \(70014\) ?End of file found.*AH02312/s);
    StartUp::check("SSLSessionTicketKeyFile $certs/ticket-unreadable$more", 'vhost',
        fatal => qr/ssl:emerg.*AH02286: Failed to open ticket key file \Q$certs\E\/ticket-unreadable: \(13\) ?Permission denied.*AH02312/s);
}
done_testing;
