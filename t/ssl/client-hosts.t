# Client certificates and virtual hosts: each is entered by its own terms, with any session, over HTTP/1.1 and HTTP/2.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use ClientPki ();
use TestHttpd ();
use TlsClient ();

my $pki = ClientPki->new;
$pki->root($_) for qw(one two);
my %client = (none => [], one => [$pki->issue('by-one', by => 'one')], two => [$pki->issue('by-two', by => 'two')]);
$pki->issue('mid', by => 'two', ca => 1);
$client{deep} = [$pki->issue('deep', by => 'mid', chain => ['mid'])];

# name, lines, who gets in
my %ca = map { $_ => 'SSLCACertificateFile ' . $pki->file($_) } qw(one two);
my @host = (
    ['open',     '',                                                     {none => 1, one => 1, two => 1, deep => 1}],
    ['one',      "SSLVerifyClient require\n$ca{one}",                    {one => 1}],
    ['two',      "SSLVerifyClient require\n$ca{two}",                    {two => 1}],
    ['two-deep', "SSLVerifyClient require\nSSLVerifyDepth 2\n$ca{two}",  {two => 1, deep => 1}],
    ['maybe',    "SSLVerifyClient optional\n$ca{one}",                   {none => 1, one => 1}],
);
my %allowed = map { $_->[0] => $_->[2] } @host;

sub name { return "$_[0].example.test" }

# The same hosts in both orders: the first one is the default, whose context connections are made with.
sub hosts {
    my ($port, $more, @list) = @_;
    return join '', map { "<VirtualHost *:$port>\nServerName " . name($_->[0]) . "\nSSLEngine on\n\@ECDSA\@\n$_->[1]\n$more\n</VirtualHost>\n" } @list;
}

my $show  = "Header set X-Verify \"%{SSL_CLIENT_VERIFY}s\"\nProtocols h2 http/1.1";
my $httpd = TestHttpd->start("SSLSessionCache shmcb\n" . hosts('@PORT@', $show, @host) . hosts('@PORT2@', $show, reverse @host) . hosts('@PORT3@', "$show\nSSLSessionTickets off", @host));

sub enter {
    my ($port, $host, $who, %more) = @_;
    my $client = TlsClient->new(port => $httpd->port($port), sni => name($host), ca => undef, @{$client{$who}}, %more);
    my $answer = eval { $client->handshake->get('/1k.bin', Host => name($more{for} // $host)) };
    return ($answer ? $answer->{status} : 0, $client, $answer);
}

for my $version ('1.2', '1.3') {
    for my $port (1 .. 3) {
        for my $host (map { $_->[0] } @host) {
            for my $who (sort keys %client) {
                my ($status) = enter($port, $host, $who, version => $version);
                is $status, $allowed{$host}{$who} ? 200 : 0, "TLS $version, port $port: $who at $host";
            }
        }
    }
}

# A session of one host is no way into another (CVE-2025-23048), with the certificate or without.
for my $version ('1.2', '1.3') {
    for my $port (1, 3) {
        for my $from (@host) {
            for my $who (sort keys %{$from->[2]}) {
                for my $to (map { $_->[0] } @host) {
                    for my $again (sort keys %client) {
                        next unless $again eq $who || $again eq 'none';
                        # A failed handshake spoils the session on the client's side, and TLS 1.3 uses some only once.
                        my ($status, $made) = enter($port, $from->[0], $who, version => $version);
                        my ($got, $client, $second) = enter($port, $to, $again, version => $version, session => $made->session);
                        my $same = $to eq $from->[0];
                        is $got, $same || $allowed{$to}{$again} ? 200 : 0, "TLS $version, port $port: a session of $who at $from->[0], as $again at $to";
                        next unless $got;
                        is $client->reused, $same ? 1 : 0, $same ? '... resumed' : '... by a full handshake';
                        my $verify = $to eq 'open' || ($same ? $who : $again) eq 'none' ? 'NONE' : 'SUCCESS';
                        is $second->{headers}{'x-verify'}, $verify, "... $verify";
                    }
                }
            }
        }
    }
}

# One host in the handshake and another in the request.
for my $version ('1.2', '1.3') {
    for my $to (qw(one two two-deep maybe)) {
        my ($status) = enter(1, 'open', 'one', version => $version, for => $to);
        is $status, 421, "TLS $version: a connection to open, a request for $to";
    }
    is +(enter(1, 'two-deep', 'deep', version => $version, for => 'two'))[0], 421, "TLS $version: another depth";
}

# HTTP/2 (CVE-2016-4979): the certificate counts for each of its requests, and its absence as well.
SKIP: {
    skip 'mod_http2 does not work with prefork', 1 if TestHttpd::mpm() eq 'prefork';
    my $curl = TestHttpd::which('curl') or skip 'no curl', 1;
    qx($curl --version) =~ /HTTP2/ or skip 'curl without HTTP/2', 1;
    for my $host (map { $_->[0] } @host) {
        for my $who (sort keys %client) {
            my %file = @{$client{$who}};
            my @cert = $who eq 'none' ? () : ('--cert', $file{cert}, '--key', $file{key});
            my $url = 'https://' . name($host) . ':' . $httpd->port;
            open my $pipe, '-|', $curl, qw(-s -k --http2 --max-time 20), '--connect-to', '::127.0.0.1:', @cert, '-o', '/dev/null', '-o', '/dev/null', '-w', '%{http_version} %{http_code}\n', "$url/1k.bin", "$url/1k.bin?2"
                or die "curl: $!";
            my @lines = <$pipe>;
            close $pipe;
            my @served = grep { $_ eq "2 200\n" } @lines;
            is scalar @served, $allowed{$host}{$who} ? 2 : 0, "HTTP/2: $who at $host";
        }
    }
}

# The names that are sent: those of the vhost in force.
sub names {
    my ($port, $host) = @_;
    my $output = qx(openssl s_client -connect 127.0.0.1:$port -servername @{[name($host)]} </dev/null 2>/dev/null);
    return [] unless $output =~ /Acceptable client certificate CA names\n(.*?)\n(?:Client Certificate|Requested|Peer)/s;
    return [sort map { /CN\s*=\s*(\S+)/ ? $1 : () } split /\n/, $1];
}

my $bundle = $pki->bundle('bundle', 'one', 'two', 'one');
my $named = TestHttpd->start(hosts('@PORT@', '', $host[0], $host[1], $host[2], ['both', "SSLVerifyClient optional\nSSLCACertificateFile $bundle"],
    ['asked', "SSLVerifyClient optional\n$ca{one}\nSSLCADNRequestFile " . $pki->file('two')], ['alone', "SSLVerifyClient optional\nSSLCADNRequestFile " . $pki->file('two')]));
for my $row (['open', []], ['one', ['one']], ['two', ['two']], ['both', ['one', 'two']], ['asked', ['two']], ['alone', []]) {
    is_deeply names($named->port, $row->[0]), $row->[1], "the names that $row->[0] sends";
}
done_testing;
