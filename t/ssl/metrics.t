# `SetHandler ssl-metrics`: what the module has done, for programs that read OpenMetrics. Each event is made to happen, and exactly its
# counter moves.
use strict;
use warnings FATAL => 'all';
use IO::Socket::INET ();
use Test::More;
use lib 'lib', 't/lib';
use ClientPki ();
use Curl ();
use Responder ();
use TestHttpd ();
use Ticket ();
use TlsClient ();

plan skip_all => 'the distribution\'s module has no figures' if TestHttpd::stock();

my $pki       = ClientPki->new;
my $responder = Responder->start;
$pki->root('ca');
$pki->root('other');
my @good  = $pki->issue('good', by => 'ca');
my @alien = $pki->issue('alien', by => 'other');
my $certs = TestHttpd::certs();
my $config = <<"END";
Protocols h2 http/1.1
SSLSessionCache shmcb
# No key is replaced while the test runs.
SSLSessionTicketKeyLifetime 4294967295
<Location /metrics>
    SetHandler ssl-metrics
</Location>
<Location /secret>
    SetHandler ssl-metrics
    Require ip 192.0.2.1
</Location>
<VirtualHost *:\@PORT@>
    ServerName localhost
    SSLEngine on
    \@ECDSA@
    SSLCACertificateFile ${\ $pki->file('ca') }
    <Location /again>
        SSLVerifyClient require
    </Location>
    <Location /never>
        SSLRequire 1 == 2
    </Location>
</VirtualHost>
<VirtualHost *:\@PORT@>
    ServerName other.example.test
    SSLEngine on
    SSLProtocol TLSv1.2
    \@ECDSA@
</VirtualHost>
<VirtualHost *:\@PORT2@>
    ServerName plain.example.test
    <Location /tls>
        SSLRequireSSL
    </Location>
</VirtualHost>
<VirtualHost *:\@PORT3@>
    ServerName client.example.test
    SSLEngine on
    \@ECDSA@
    SSLVerifyClient optional
    SSLCACertificateFile ${\ $pki->file('ca') }
</VirtualHost>
<VirtualHost *:\@PORT4@>
    ServerName lenient.example.test
    SSLEngine on
    \@ECDSA@
    SSLVerifyClient optional_no_ca
    SSLCACertificateFile ${\ $pki->file('ca') }
</VirtualHost>
<VirtualHost *:\@PORT5@>
    ServerName ocsp.example.test
    SSLEngine on
    \@ECDSA@
    SSLSessionTickets off
    SSLVerifyClient require
    SSLCACertificateFile ${\ $responder->folder }/ca.pem
    SSLOCSPEnable leaf
    SSLOCSPDefaultResponder ${\ $responder->url('good') }
    SSLOCSPOverrideResponder on
    SSLOCSPUseRequestNonce off
</VirtualHost>
<VirtualHost *:\@PORT6@>
    SSLEngine on
    \@ECDSA@
    RequestReadTimeout handshake=1
</VirtualHost>
END
my $httpd = TestHttpd->start(TestHttpd::load_also(qw(authz_host reqtimeout)) . $config);
my $plain = 'http://localhost:' . $httpd->port(2);

sub figures {
    my ($text) = @_;
    $text //= Curl::get("$plain/metrics")->{body};
    return {map { /^mod_ssl_(\S+) (\d+)$/ ? ($1, $2) : () } split /\n/, $text};
}

# Runs BODY; what has changed afterwards must be EXPECTED, as NAME => N more.
sub moves {
    my ($what, $body, %expected) = @_;
    my $before = figures();
    $body->();
    my %changed;
    my $look = sub {
        my $after = figures();
        %changed = map { $after->{$_} == $before->{$_} ? () : ($_ => $after->{$_} - $before->{$_}) } keys %$after;
        return !grep { ($changed{$_} // 0) < $expected{$_} } keys %expected;
    };
    eval { $httpd->wait_for($look, "$what to be counted"); 1 } or diag $@;
    is_deeply \%changed, \%expected, $what;
    return;
}
sub full    { return (qq(handshakes_total{kind="full",version="TLSv$_[0]"})    => 1) }
sub resumed { return (qq(handshakes_total{kind="resumed",version="TLSv$_[0]"}) => 1) }
sub failed  { return (qq(handshake_failures_total{cause="$_[0]"})              => 1) }
sub tickets { my ($event, $count) = @_; return (qq(tickets_total{event="$event"}) => $count) }
sub cache   { my ($event) = @_; return (qq(session_cache_total{event="$event"}) => 1) }
sub outcome { my ($event) = @_; return (qq(client_certificates_total{outcome="$event"}) => 1) }
sub refused { my ($event) = @_; return (qq(requests_refused_total{reason="$event"}) => 1) }

# They are kept: a session ends with a connection that nobody has closed.
my @clients;

sub client {
    my ($number, %option) = @_;
    push @clients, TlsClient->new(port => $httpd->port($number), sni => 'localhost', ca => undef, %option);
    return $clients[-1];
}

# Clients that stay would keep processes of the server that are to end.
sub graceful { $_->vanish for @clients; $httpd->graceful; return }

# --- The text ---------------------------------------------------------------------------------------------------------
my $answer = qx(curl --silent --include $plain/metrics);
like $answer, qr{^Content-Type: application/openmetrics-text; version=1\.0\.0; charset=utf-8\r$}m, 'the type';
my ($body) = $answer =~ /\r\n\r\n(.*)/s;
like $body, qr/\n# EOF\n\z/, 'the mark at the end';
my ($family, %known) = ('');
for my $line (split /\n/, $body) {
    if ($line =~ /^# TYPE (\w+) (counter|gauge)$/) { ok !$known{$1}++, "$1 comes once"; $family = $2 eq 'counter' ? "$1_total" : $1; next }
    next if $line =~ /^# (?:HELP|UNIT) \w+ \S|^# EOF$/;
    like $line, qr/^\Q$family\E(?:\{\w+="[^"]*"(?:,\w+="[^"]*")*\})? \d+$/, 'a line of its family';
}
my ($end) = qx(openssl x509 -in $certs/localhost-ecdsa.pem -noout -enddate) =~ /=(.*)/;
my ($seconds) = qx(date -u -d '$end' +%s) =~ /(\d+)/;
is figures()->{first_certificate_end_timestamp_seconds}, $seconds, 'when the certificate expires';
is Curl::status("$plain/metrics", '--request', 'POST', '--data', 'x'), 405, 'no method but GET';
like qx(curl --silent --head $plain/metrics), qr{^HTTP/1\.1 200}, '... and HEAD';
is Curl::status("$plain/secret"), 403, 'access is for Require to decide';
is Curl::status("$plain/1.bin"), 200, 'other pages are not touched';

# --- Handshakes -------------------------------------------------------------------------------------------------------
my %session;
for my $version ('1.2', '1.3') {
    my @issued = tickets(issued => $version eq '1.3' ? 2 : 1);
    moves("TLS $version", sub { my $client = client(1, version => $version)->handshake; $client->get('/1.bin'); $session{$version} = $client->session }, full($version), @issued);
    @issued = $version eq '1.3' ? tickets(issued => 1) : ();
    moves("TLS $version, resumed", sub { client(1, version => $version, session => $session{$version})->handshake->get('/1.bin') }, resumed($version), tickets(used => 1), @issued);
}
# Keys of tickets outlive a configuration.
graceful();
moves('a ticket of before a graceful restart', sub { client(1, version => '1.2', session => Ticket::copy($session{'1.2'}))->handshake->get('/1.bin') }, resumed('1.2'), tickets(used => 1));
my $strange = Ticket::with($session{'1.2'}, 'x' x 16 . substr Ticket::of($session{'1.2'}), 16);
moves('a ticket that no key opens', sub { client(1, version => '1.2', session => $strange)->handshake->get('/1.bin') }, full('1.2'), tickets(unreadable => 1), tickets(issued => 1));
moves('a ticket of another host', sub { client(1, version => '1.2', sni => 'other.example.test', session => client(1, version => '1.2')->handshake->session)->handshake->get('/1.bin', Host => 'other.example.test') },
    'handshakes_total{kind="full",version="TLSv1.2"}' => 2, tickets(refused => 1), tickets(issued => 2));

moves('a client that goes away', sub { my $client = client(1); $client->step; $client->send_raw(substr $client->outgoing, 0, 50); $client->vanish }, failed('closed'));
moves('a client that takes too long', sub { my $client = client(6); $client->send_raw("\x16"); $client->receive_raw }, failed('timeout'));
moves('no version in common', sub { isnt client(1, version => '1.3', sni => 'other.example.test')->handshake_error, '', 'fails' }, failed('negotiation'));
moves('no cipher in common', sub { isnt client(1, version => '1.2', ciphers => 'ECDHE-RSA-AES128-GCM-SHA256')->handshake_error, '', 'fails' }, failed('negotiation'));
moves('an alert of the client', sub { my $client = client(1, version => '1.3', ca => $pki->file('ca')); isnt $client->handshake_error, '', 'fails'; $client->flush }, failed('alert'));
moves('garbage', sub { my $client = client(1); $client->send_raw("\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00"); $client->receive_raw }, failed('other'));
moves('plain HTTP', sub { my $client = client(1); $client->send_raw("GET / HTTP/1.0\r\n\r\n"); $client->receive_raw }, plain_http_total => 1);

# --- Clients, the cache, OCSP -----------------------------------------------------------------------------------------
my %ticket = ('1.2' => [tickets(issued => 1)], '1.3' => [tickets(issued => 2)]);
moves('no certificate', sub { client(3, version => '1.3')->handshake->get('/1.bin') }, full('1.3'), outcome('absent'), @{$ticket{'1.3'}});
moves('a good one', sub { client(3, version => '1.2', @good)->handshake->get('/1.bin') }, full('1.2'), outcome('verified'), @{$ticket{'1.2'}});
moves('one that nobody vouches for', sub { client(4, version => '1.2', @alien)->handshake->get('/1.bin') }, full('1.2'), outcome('unvouched'), @{$ticket{'1.2'}});
moves('one that is refused', sub { isnt client(3, version => '1.2', @alien)->handshake_error, '', 'fails' }, failed('client_certificate'), outcome('refused'));
moves('none where one is required', sub { isnt client(5, version => '1.2')->handshake_error, '', 'fails' }, failed('client_certificate'), outcome('refused'));
my @checked = (cert => $responder->folder . '/client.pem', key => $responder->folder . '/client.key', version => '1.2');
my $stored;
moves('OCSP', sub { my $client = client(5, @checked)->handshake; $client->get('/1.bin'); $stored = $client->session }, full('1.2'), outcome('verified'), cache('stored'), 'ocsp_checks_total{result="answered"}' => 1);
moves('... again', sub { client(5, @checked)->handshake->get('/1.bin') }, full('1.2'), outcome('verified'), cache('stored'), 'ocsp_checks_total{result="kept"}' => 1);
moves('a session by its id', sub { client(5, @checked, session => $stored)->handshake->get('/1.bin') }, resumed('1.2'), outcome('verified'), cache('hit'));
moves('... by one that is not known', sub {
    my $client = client(5, @checked, session => $stored);
    # The id stands behind a byte with its length.
    $client->step;
    my $hello = $client->outgoing;
    substr($hello, 44, 1) ^= "\xff";
    $client->send_raw($hello);
    $client->receive_raw;
    $client->vanish;
}, cache('miss'), failed('closed'));

# --- Requests ---------------------------------------------------------------------------------------------------------
my $tls = client(1)->handshake;
$tls->get('/1.bin');
moves('SSLRequire', sub { is $tls->get('/never/x')->{status}, 403, 'refused' }, refused('requirement'));
moves('another host', sub { is $tls->get('/1.bin', Host => 'other.example.test')->{status}, 421, 'refused' }, refused('misdirected'));
moves('SSLRequireSSL', sub { is Curl::status("$plain/tls/x"), 403, 'refused' }, refused('tls_required'));
my $other = client(1)->handshake;
$other->get('/1.bin');
moves('nothing', sub { is $other->get('/1.bin')->{status}, 200, 'requests that are served' for 1 .. 3 });

my $local = 'https://localhost:' . $httpd->port(1);
# This client wants no tickets.
my @tls12 = qw(--http1.1 --tls-max 1.2);
moves('a renegotiation', sub { is Curl::status("$local/again/x", @tls12, map { ("--$_->[0]", $_->[1]) } ['cert', $good[1]], ['key', $good[3]]), 404, 'is let in' },
    full('1.2'), cache('stored'), 'later_handshakes_total{outcome="done"}' => 1);
moves('one that fails', sub { ok !eval { Curl::status("$local/again/x", @tls12, "--no-show-error") == 200 }, 'is not let in' }, full('1.2'), cache('stored'), 'later_handshakes_total{outcome="failed"}' => 1);

# --- Restarts ---------------------------------------------------------------------------------------------------------
my $before = figures();
graceful();
is_deeply figures(), $before, 'a graceful restart loses nothing';
moves('afterwards', sub { client(1, version => '1.3')->handshake->get('/1.bin') }, full('1.3'), tickets(issued => 2));

# Many clients at once, in all processes: none is lost.
$_->vanish for @clients;
moves('forty clients', sub {
    my @children = map {
        my $pid = fork // die "fork: $!";
        if (!$pid) {
            # A process that dies would take the server with it.
            eval { for (1 .. 10) { my $client = client(1, version => '1.3'); $client->handshake->get('/1.bin'); $client->vanish } 1 } or diag $@;
            POSIX::_exit(0);
        }
        $pid;
    } 1 .. 4;
    waitpid $_, 0 for @children;
}, 'handshakes_total{kind="full",version="TLSv1.3"}' => 40, tickets(issued => 80));
done_testing;
