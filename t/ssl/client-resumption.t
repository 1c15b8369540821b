# Sessions of clients with certificates when time passes, and when the terms change: whoever would not get in by a full handshake does
# not get in by a session.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use POSIX qw(strftime);
use ClientPki ();
use Clock ();
use TestHttpd ();
use TlsClient ();

my $ours = !TestHttpd::stock();
my $pki  = ClientPki->new;
my $hour = 3600;
sub stamp { return strftime('%Y%m%d%H%M%SZ', gmtime time + $_[0]) }
my @short = (from => stamp(-$hour), to => stamp(2 * $hour));
my @long  = (from => stamp(-$hour), to => stamp(48 * $hour));

$pki->root('one');
$pki->root('two');
$pki->issue('mid',   by => 'one', ca => 1, @long);
$pki->issue('short', by => 'one', ca => 1, @short);
my %client = (
    none   => [],
    good   => [$pki->issue('good',  by => 'one', @long)],
    brief  => [$pki->issue('brief', by => 'one', @short)],
    below  => [$pki->issue('below', by => 'mid',   chain => ['mid'],   @long)],
    under  => [$pki->issue('under', by => 'short', chain => ['short'], @long)],
    other  => [$pki->issue('other', by => 'two', @long)],
    passes => [$pki->issue('passes', by => 'two', @short)],
    self   => [$pki->issue('self')],
);
# Lists that are due in two hours, and in two days.
my $due   = $pki->write('due.crl',   TestHttpd::slurp($pki->crl('one', file => 'one-due.crl', to => stamp(2 * $hour))));
my $later = $pki->write('later.crl', TestHttpd::slurp($pki->crl('one', file => 'one-later.crl', to => stamp(48 * $hour))));

# The ways in which a session comes back: version, port, name.
my @ways = (['1.2', 1, 'TLS 1.2, session id'], ['1.2', 2, 'TLS 1.2, ticket'], ['1.3', 1, 'TLS 1.3, stateful ticket'], ['1.3', 2, 'TLS 1.3, ticket']);

# Both kinds of hosts with these lines.
sub hosts {
    my ($lines) = @_;
    return join '', map {
        my $tickets = $_ == 1 ? 'off' : 'on';
        "<VirtualHost *:\@PORT$_\@>\nServerName localhost\nSSLEngine on\n\@ECDSA\@\nSSLSessionTickets $tickets\nSSLSessionCacheTimeout 200000\n"
            . "Header set X-Verify \"%{SSL_CLIENT_VERIFY}s\"\n$lines\n</VirtualHost>\n"
    } 1, 2;
}

sub outcome {
    my ($port, $version, $cert, %more) = @_;
    my $client = TlsClient->new(port => $port, version => $version, ca => undef, sni => 'localhost', @$cert, %more);
    my $answer = eval { $client->handshake->get('/1k.bin', Host => 'localhost') };
    return ($answer->{headers}{'x-verify'} // "status $answer->{status}", $client) if $answer;
    my ($alert) = $client->alerts;
    return (defined $alert ? "alert $alert" : "failed: $@", $client);
}

# OpenSSL uses a session of TLS 1.3 once, and none of a connection that was not closed: a copy of it.
sub copy { return Net::SSLeay::d2i_SSL_SESSION($_[0]) }
sub kept { return Net::SSLeay::i2d_SSL_SESSION($_[0]->session) }

# Two sessions for each way: [way, session, session].
sub sessions {
    my ($httpd, $name, $expected, $what) = @_;
    return map {
        my ($version, $port, $way) = @$_;
        my ($got, $client) = outcome($httpd->port($port), $version, $client{$name});
        is $got, $expected, "$what, $way: $name gets in";
        my $session = kept($client);
        my ($again, $second) = outcome($httpd->port($port), $version, $client{$name}, session => copy($session));
        is $second->reused, 1, '... and comes back by its session';
        # What the resumption gave out is as good as what it came from.
        [$_, $session, kept($second)];
    } @ways;
}

# What becomes of them: RESULT, by a session or not.
sub come_back {
    my ($httpd, $name, $sessions, $expected, $reused, $what) = @_;
    for my $entry (@$sessions) {
        my ($version, $port, $way) = @{$entry->[0]};
        for my $from (@$entry[1, 2]) {
            my ($got, $client) = outcome($httpd->port($port), $version, $client{$name}, session => copy($from));
            is $got, $expected, "$what, $way: $name";
            is $client->reused, $reused, $reused ? '... by the session' : '... without it' if $got !~ /^(?:alert|failed)/;
        }
    }
    return;
}

my $ca   = 'SSLCACertificateFile ' . $pki->file('one');
my $base = "SSLSessionCache shmcb\n";

# --- Time passes ------------------------------------------------------------------------------------------------------
# Name, lines, client, what it gets, what it gets after three hours.
for my $case (
    ['a certificate that lasts',         "SSLVerifyClient require\n$ca",                                    'good',   'SUCCESS',  'SUCCESS'],
    ['no certificate',                   "SSLVerifyClient optional\n$ca",                                   'none',   'NONE',     'NONE'],
    ['a certificate that expires',       "SSLVerifyClient require\n$ca",                                    'brief',  'SUCCESS',  'alert 45'],
    ['one that expires, optional',       "SSLVerifyClient optional\n$ca",                                   'brief',  'SUCCESS',  'alert 45'],
    ['a CA that lasts',                  "SSLVerifyClient require\nSSLVerifyDepth 2\n$ca",                  'below',  'SUCCESS',  'SUCCESS'],
    ['a CA that expires',                "SSLVerifyClient require\nSSLVerifyDepth 2\n$ca",                  'under',  'SUCCESS',  'alert 45'],
    ['a list that lasts',                "SSLVerifyClient require\n$ca\nSSLCARevocationCheck leaf\nSSLCARevocationFile $later", 'good', 'SUCCESS', 'SUCCESS'],
    ['a list that is due',               "SSLVerifyClient require\n$ca\nSSLCARevocationCheck leaf\nSSLCARevocationFile $due",   'good', 'SUCCESS', 'alert 46'],
    ['no issuer, the certificate lasts', "SSLVerifyClient optional_no_ca\n$ca",                             'other',  undef,      undef],
    ['no issuer, it expires',            "SSLVerifyClient optional_no_ca\n$ca",                             'passes', undef,      'alert 45'],
) {
    my ($what, $lines, $name, $first, $then) = @$case;
    my $clock = Clock->new;
    my $httpd = $clock->start($base . hosts($lines));
    if (!defined $first) {
        # The versions say it differently, and the distribution's module forgets it.
        for my $way (@ways) {
            my ($version, $port, $kind) = @$way;
            my $unvouched = $version eq '1.2' ? 'GENEROUS' : 'FAILED:unable to verify the first certificate';
            my ($got, $client) = outcome($httpd->port($port), $version, $client{$name});
            is $got, $unvouched, "$what, $kind: $name gets in";
            $clock->move(3 * $hour);
            my ($again, $second) = outcome($httpd->port($port), $version, $client{$name}, session => copy(kept($client)));
            is $again, $ours ? $then // $unvouched : $version eq '1.2' ? 'SUCCESS' : $unvouched, '... later';
            $clock->move(0);
        }
        next;
    }
    my @sessions = sessions($httpd, $name, $first, $what);
    $clock->move($hour);
    come_back($httpd, $name, \@sessions, $first, 1, "$what, after an hour");
    $clock->move(3 * $hour);
    # The distribution's module does not look.
    come_back($httpd, $name, \@sessions, $ours ? $then : $first, 1, "$what, after three hours") if $first eq $then || $ours;
    come_back($httpd, $name, \@sessions, $first, 1, "$what, after three hours") if $first ne $then && !$ours;
    for my $way (@ways) {
        my ($version, $port, $kind) = @$way;
        is +(outcome($httpd->port($port), $version, $client{$name}))[0], $then, "... $kind, without a session";
    }
}

# A new list comes before the old one is due: a full handshake, and then sessions again.
if ($ours) {
    my $place = $pki->write('changing.crl', TestHttpd::slurp($due));
    my $clock = Clock->new;
    my $httpd = $clock->start($base . hosts("SSLVerifyClient require\n$ca\nSSLCARevocationCheck leaf\nSSLCARevocationFile $place"));
    my @sessions = sessions($httpd, 'good', 'SUCCESS', 'a list that is replaced');
    $clock->move(3 * $hour);
    come_back($httpd, 'good', \@sessions, 'alert 46', 0, 'it is due');
    $pki->write('changing.crl', TestHttpd::slurp($later));
    $httpd->wait_for(sub { (outcome($httpd->port, '1.3', $client{good}))[0] eq 'SUCCESS' }, 'the new list');
    come_back($httpd, 'good', \@sessions, 'SUCCESS', 0, 'replaced');
    sessions($httpd, 'good', 'SUCCESS', 'with the new list');
}

# --- The terms change ----------------------------------------------------------------------------------------------------
# Tickets outlive the configuration with a key file. The distribution's module has no use for them then.
if ($ours) {
    my $key  = $pki->write('ticket.key', join '', map { chr } 1 .. 48);
    my $both = $pki->bundle('both.pem', 'one', 'two');
    @ways = grep { $_->[1] == 2 } @ways;
    # Lines before and after, client, what it gets before and after.
    for my $case (
        ['the same terms',             "SSLVerifyClient require\n$ca",                             "SSLVerifyClient require\n$ca",                    'good',  'SUCCESS', 'SUCCESS', 1],
        ['fewer CAs above',            "SSLVerifyClient require\nSSLVerifyDepth 2\n$ca",           "SSLVerifyClient require\nSSLVerifyDepth 1\n$ca",  'below', 'SUCCESS', 'alert 48'],
        ['a CA that is gone',          "SSLVerifyClient require\nSSLCACertificateFile $both",      "SSLVerifyClient require\n$ca",                    'other', 'SUCCESS', 'alert 48'],
        ['no more unknown issuers',    "SSLVerifyClient optional_no_ca\n$ca",                      "SSLVerifyClient optional\n$ca",                   'other', undef,     'alert 48'],
        ['no more self-signed ones',   "SSLVerifyClient optional_no_ca\n$ca",                      "SSLVerifyClient require\n$ca",                    'self',  undef,     'alert 48'],
        ['a certificate is asked for', "SSLVerifyClient none\n$ca",                                "SSLVerifyClient require\n$ca",                    'none',  'NONE',    undef],
        ['lists of revoked ones',      "SSLVerifyClient require\n$ca",                             "SSLVerifyClient require\n$ca\nSSLCARevocationCheck leaf\nSSLCARevocationFile " . $pki->crl('one', revoked => ['good']), 'good', 'SUCCESS', 'alert 44'],
        ['another purpose',            "SSLVerifyClient none\n$ca",                                "SSLVerifyClient optional\n$ca",                   'none',  'NONE',    'NONE', 0],
    ) {
        my ($what, $before, $after, $name, $first, $then, $reused) = @$case;
        my $httpd = TestHttpd->start(hosts("$before\nSSLSessionTicketKeyFile $key"));
        my @from;
        for my $way (@ways) {
            my ($version, $port) = @$way;
            my ($got, $client) = outcome($httpd->port($port), $version, $client{$name});
            like $got, $first ? qr/\A\Q$first\E\z/ : qr/\AGENEROUS\z|\AFAILED:/, "$what, TLS $version: before";
            push @from, kept($client);
        }
        $httpd->configure(hosts("$after\nSSLSessionTicketKeyFile $key"));
        $httpd->graceful;
        for my $index (0 .. $#ways) {
            my ($version, $port) = @{$ways[$index]};
            my ($got, $client) = outcome($httpd->port($port), $version, $client{$name}, session => copy($from[$index]));
            is $got, $then // ($version eq '1.2' ? 'alert 40' : 'alert 116'), '... and after';
            is $client->reused, $reused, $reused ? '... by the session' : '... without it' if defined $reused;
        }
    }
}
done_testing;
