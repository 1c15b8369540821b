# A kernel that has nothing to read, takes less than it is given, or nothing, at each call of a connection: clients get the
# same as without.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use ClientPki ();
use Digest::SHA qw(sha256_hex);
use TestHttpd ();
use TlsClient ();

plan skip_all => 'its resumptions differ' if TestHttpd::stock();
plan skip_all => 'no compiler' unless TestHttpd::which('gcc');

use constant CALLS => 14;    # of each kind, one after the other, get a fault

my $shim = TestHttpd::root() . "/faults-$$.so";
my $said = qx(gcc -O1 -Wall -Wextra -Werror -shared -fPIC -o $shim @{[TestHttpd::root()]}/t/clients/faults.c -ldl 2>&1);
is $?, 0, 'the shim' or BAIL_OUT($said);
my $script = TestHttpd::root() . "/faults-$$";

sub faults {
    my ($text) = @_;
    open my $file, '>', $script or die "$script: $!";
    print {$file} $text;
    close $file or die "$script: $!";
    return;
}

my $pki = ClientPki->new;
$pki->root('one');
my @cert = $pki->issue('good', by => 'one');
my $ca   = $pki->file('one');

my $without = TestHttpd::stock() ? '' : "SSLAsyncHandshake off\nSSLAsyncOutput off\n";
my $config  = "SSLSessionCache shmcb\n" . join '', map { <<"END" } '', $without;
<VirtualHost *:\@PORT${\ ++our $number}\@>
    ServerName localhost
    SSLEngine on
    \@ECDSA\@
    SSLVerifyClient optional
    SSLCACertificateFile $ca
    $_
</VirtualHost>
END
faults('');
my $httpd = do {
    local @ENV{qw(LD_PRELOAD FAULTS)} = ($shim, $script);
    TestHttpd->start($config, log_level => 'info');
};

my $body     = TestHttpd::pattern(100_000);
my $large    = (1 << 20) + 7;
my $expected = join "\n", sha256_hex(TestHttpd::pattern(1 << 10)), sha256_hex(TestHttpd::pattern($large)), '100000 ' . sha256_hex($body) . "\n", sha256_hex(TestHttpd::pattern(1 << 10)),
    'close_notify';

# What a client gets for a few requests.
sub answers {
    my ($client) = @_;
    my @got = map { sha256_hex($client->get($_)->{body}) } '/1k.bin', '/1m.bin';
    $client->send(TlsClient::request_text('POST', '/cgi/sha256', 'Content-Length' => length $body) . $body);
    push @got, $client->answer('POST')->{body}, sha256_hex($client->get('/1k.bin', Connection => 'close')->{body});
    my $end = $client->receive_all . ($client->got_close_notify ? 'close_notify' : 'nothing');
    keep_session($client);
    return join "\n", @got, $end;
}

# Without this mark OpenSSL would throw the session away with the connection.
sub keep_session { my ($client) = @_; Net::SSLeay::set_shutdown($client->{ssl}, 3); return }

sub connected { my ($port, $version, @more) = @_; return TlsClient->new(port => $port, sni => 'localhost', version => $version, @more)->handshake }

my @faults = map { my $call = $_; ("$call * eagain 0", map { ("$call $_ eagain 0", "$call $_ short 1") } 1 .. CALLS) } 'read', 'write';
push @faults, 'read * short 100', 'write * short 3000';

for my $port ($httpd->port(1), $httpd->port(2)) {
    my $where = $port == $httpd->port(1) ? 'without a thread' : 'with a thread';
    for my $version ('1.2', '1.3') {
        my %way = (full => [], 'with a certificate' => \@cert);
        faults('');
        my $last = connected($port, $version);
        $last->get('/1k.bin');
        keep_session($last);
        $way{resumed} = [session => $last->session];
        for my $way (sort keys %way) {
            my @wrong;
            for my $faults ('', @faults) {
                faults($faults);
                my $got = eval {
                    my $client = connected($port, $version, @{$way{$way}});
                    my $answers = ($client->reused ? "resumed\n" : '') . answers($client);
                    # A ticket of TLS 1.3 is good once.
                    ($last, $way{resumed}) = ($client, [session => $client->session]) if $version eq '1.3' && $way eq 'resumed';
                    $answers;
                };
                my $wanted = ($way eq 'resumed' ? "resumed\n" : '') . $expected;
                push @wrong, "'$faults': " . ($got // $@) if ($got // '') ne $wanted;
            }
            is "@wrong", '', "$where, TLS $version, $way: the same with all faults";
        }
    }
}
my @complaints = grep { /:(?:warn|error|crit|alert|emerg)\]/ && !/AH01882|AH10034/ || /AH0(?:199[1-5]|200[678])/ } split /^/m, $httpd->error_log;
is "@complaints", '', 'nobody complains';
done_testing;
