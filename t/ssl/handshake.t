# Handshakes and resumptions: every key type, TLS 1.2 and 1.3, with and without session cache and tickets.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use TestHttpd ();
use TlsClient ();

my %sigalgs = (rsa => 'RSA-PSS+SHA256:RSA+SHA256', ecdsa => 'ECDSA+SHA256', ed25519 => 'ed25519');
my %certificates = (
    rsa     => ['@RSA@'],
    ecdsa   => ['@ECDSA@'],
    ed25519 => ['@ED25519@'],
    all     => ['@RSA@', '@ECDSA@', '@ED25519@'],
);

# What the second connection finds. `tickets` counts the TLS 1.3 tickets of a full handshake. Without a store, and
# without keys to make tickets that need none, a ticket is useless: the C module sends two all the same, ours none.
my $useless  = TestHttpd::stock() ? 2 : 0;
my @expected = (
    # SSLSessionCache     tickets   TLS 1.2 resumes   TLS 1.3 resumes   tickets
    ['none',              'on',     1,                1,                2],
    ['none',              'off',    0,                0,                $useless],
    ['nonenotnull',       'on',     1,                1,                2],
    ['nonenotnull',       'off',    0,                0,                $useless],
    ['shmcb:@ROOT@/cache', 'on',    1,                1,                2],
    ['shmcb:@ROOT@/cache', 'off',   1,                1,                2],
);

for my $cache ('none', 'nonenotnull', 'shmcb:@ROOT@/cache') {
    my @rows   = grep { $_->[0] eq $cache } @expected;
    my $config = "SSLSessionCache $cache\n";
    my ($number, %port_number) = (0);
    for my $row (@rows) {
        for my $kind (sort keys %certificates) {
            $port_number{"$row->[1] $kind"} = ++$number;
            $config .= join "\n", "<VirtualHost *:\@PORT$number@>", 'SSLEngine on', "SSLSessionTickets $row->[1]", @{$certificates{$kind}}, "</VirtualHost>\n";
        }
    }
    my $httpd = TestHttpd->start($config);
    for my $row (@rows) {
        my (undef, $tickets, $resumes12, $resumes13, $count13) = @$row;
        for my $kind (sort keys %certificates) {
            for my $type ($kind eq 'all' ? sort keys %sigalgs : $kind) {
                for my $version ('1.2', '1.3') {
                    my %option = (port => $httpd->port($port_number{"$tickets $kind"}), sni => 'localhost', version => $version, sigalgs => $sigalgs{$type});
                    subtest "cache $cache, tickets $tickets, certificate $kind, client $type, TLS $version" => sub {
                        my $first = TlsClient->new(%option)->handshake;
                        is $first->protocol, "TLSv$version", 'the version';
                        is $first->key_type, $type, 'the key type';
                        is $first->reused, 0, 'the first handshake is a full one';
                        is $first->get('/1k.bin')->{status}, 200, 'a request';
                        is scalar($first->sessions), $count13, 'tickets' if $version eq '1.3';
                        my $second = TlsClient->new(%option, session => $first->session)->handshake;
                        is $second->reused, ($version eq '1.3' ? $resumes13 : $resumes12), 'the second connection resumes, or not';
                        ok $second->get('/1k.bin')->{body} eq TestHttpd::pattern(1 << 10), 'a request on it';
                        if ($version eq '1.3' && $resumes13) {
                            my $third = TlsClient->new(%option, session => $second->session)->handshake;
                            is $third->reused, 1, 'a third one with the ticket of the second';
                        }
                    };
                }
            }
        }
    }
}

# No client is left alone because it can do less than the server.
my $httpd = TestHttpd->start(<<'END');
<VirtualHost *:@PORT@>
    SSLEngine on
    @RSA@
    @ECDSA@
</VirtualHost>
END
my $both = TlsClient->new(port => $httpd->port)->handshake;
is $both->protocol, 'TLSv1.3', 'TLS 1.3 is preferred';
my $old = TlsClient->new(port => $httpd->port, version => '1.2', ciphers => 'ECDHE-RSA-AES128-SHA')->handshake;
is $old->cipher,   'ECDHE-RSA-AES128-SHA', 'a client with one RSA suite gets it';
is $old->key_type, 'rsa', '... with the RSA certificate';
done_testing;
