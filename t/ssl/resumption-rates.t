# Of a thousand clients that come back, all are known again, or none where that is what is wanted: by ids and tickets of both versions, at
# each child of each MPM, after graceful restarts, at servers that share a secret or a cache. The rates are in the output.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use Cache ();
use IPC::Open2 qw(open2);
use TestHttpd ();

use constant CLIENTS => 1_000;

plan skip_all => 'not there: ' . Cache::missing() if Cache::missing();
plan skip_all => 'no compiler' unless TestHttpd::which('gcc');
plan skip_all => 'the tickets of the distribution\'s module are good by chance' if TestHttpd::stock();

my $program = TestHttpd::root() . '/resume';
my $said    = qx(gcc -O1 -pthread -o $program @{[TestHttpd::root()]}/t/clients/resume.c -lssl -lcrypto 2>&1);
is $?, 0, 'the client' or BAIL_OUT($said);
open2(my $answers, my $orders, $program);
$orders->autoflush;

# What the clients say: how many were known.
sub order {
    my ($order) = @_;
    local $SIG{ALRM} = sub { die "no answer to: $order\n" };
    alarm 300;
    print {$orders} "$order\n";
    my ($known) = (readline($answers) // die "the client has ended: $order\n") =~ /^(\d+) of @{[CLIENTS]}$/ or die "what is that";
    alarm 0;
    return $known;
}

# A cell of the matrix.
sub rate {
    my ($what, $wanted, $order) = @_;
    my $known = order($order);
    note sprintf '%-70s %5.1f %%', $what, 100 * $known / CLIENTS;
    is $known, $wanted, sprintf '%s: %d %%', $what, 100 * $wanted / CLIENTS;
    return;
}

my $secret = TestHttpd::root() . '/rates-secret';
open my $file, '>', $secret or die "$secret: $!";
print {$file} 'a secret that is long enough, for a test';
close $file or die "$secret: $!";
chmod 0600, $secret or die "chmod: $!";

my %more = (third => 'SSLCipherSuite ECDHE-ECDSA-AES256-GCM-SHA384');
my $cache = Cache->start('redis');

# Two ports: with tickets that hold the session, and with ids.
sub config {
    my @hosts = map {
        my ($port, $tickets) = @$_;
        map { "<VirtualHost *:$port>\nServerName $_.example.test:443\nSSLEngine on\nSSLSessionTickets $tickets\n\@ECDSA@\n" . ($more{$_} // '') . "\n</VirtualHost>\n" } qw(first second third);
    } ['@PORT@', 'on'], ['@PORT2@', 'off'];
    return join '', TestHttpd::load_also('socache_redis'), "SSLSessionCache @{[$cache->argument]}\nSSLSessionTicketSecretFile $secret\nCustomLog logs/processes \"%P\"\n", @hosts;
}

my %servers = map { $_ => TestHttpd->start(config(), mpm => $_, log_level => 'warn') } qw(event worker prefork);
my @kinds = (['TLS 1.2, tickets', '1.2', 1], ['TLS 1.2, ids', '1.2', 2], ['TLS 1.3, tickets', '1.3', 1], ['TLS 1.3, tickets that are ids', '1.3', 2]);
for my $number (1 .. @kinds) {
    my ($kind, $version, $port) = @{$kinds[$number - 1]};
    rate("$kind: clients come", 0, join ' ', 'make', $number, CLIENTS, $version, $servers{event}->port($port), 'first.example.test');
    for my $mpm (sort keys %servers) {
        rate("$kind: from event to $mpm", CLIENTS, "come $number 0 @{[$servers{$mpm}->port($port)]} first.example.test");
    }
    rate("$kind: at another host of equal terms", $version eq '1.3' ? CLIENTS : 0, "come $number 0 @{[$servers{worker}->port($port)]} second.example.test");
    rate("$kind: at other terms", 0, "come $number 0 @{[$servers{prefork}->port($port)]} third.example.test");
}
$_->graceful for values %servers;
for my $number (1 .. @kinds) {
    my ($kind, undef, $port) = @{$kinds[$number - 1]};
    rate("$kind: $_ after a graceful restart", CLIENTS, "come $number 0 @{[$servers{$_}->port($port)]} first.example.test") for "event", "prefork";
}
for my $mpm ('event', 'prefork') {
    my %seen = map { $_ => 1 } $servers{$mpm}->access_log('processes') =~ /^(\d+)$/mg;
    cmp_ok scalar(keys %seen), '>', 1, "$mpm: several processes have answered";
}
close $orders or die "close: $!";
done_testing;
