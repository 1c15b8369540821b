# SSLPolicy: what each one lets clients negotiate, and that lines of their own win.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use JSON::PP ();
use StartUp ();
use TestHttpd ();
use TlsClient ();

plan skip_all => 'the distribution\'s module does not have it' if TestHttpd::stock();

# What a client of one version gets: version, cipher and whether there is a ticket; undef if it is refused. Client's ciphers and level are open.
sub negotiate {
    my ($port, $version, @more) = @_;
    my $flag = {'1.0' => 'tls1', '1.1' => 'tls1_1', '1.2' => 'tls1_2', '1.3' => 'tls1_3'}->{$version};
    my $text = qx(openssl s_client -connect 127.0.0.1:$port -$flag -cipher 'ALL:\@SECLEVEL=0' @more </dev/null 2>&1);
    my ($cipher) = $text =~ /^New, \S+, Cipher is ([\w-]+)/m;
    my ($group)  = $text =~ /^Server Temp Key: ([\w-]+)/m;
    return !$cipher || $cipher eq 'NONE' ? undef : {cipher => $cipher, group => $group, ticket => $text =~ /TLS session ticket:/ ? 1 : 0};
}

my %policies = (
    # protocol versions; ciphers of TLS 1.2 that are and are not negotiated
    modern       => [['1.3'], [], ['ECDHE-RSA-AES128-GCM-SHA256']],
    intermediate => [['1.2', '1.3'], [qw(ECDHE-RSA-AES128-GCM-SHA256 ECDHE-RSA-AES256-GCM-SHA384 ECDHE-RSA-CHACHA20-POLY1305)], [qw(AES128-SHA ECDHE-RSA-AES128-SHA256 DHE-RSA-AES128-GCM-SHA256 ECDHE-RSA-CAMELLIA128-SHA256)]],
    old          => [['1.0', '1.1', '1.2', '1.3'], [qw(ECDHE-RSA-AES128-GCM-SHA256 AES128-SHA ECDHE-RSA-AES256-SHA384 AES256-GCM-SHA384)], [qw(DHE-RSA-AES128-GCM-SHA256 ECDHE-RSA-CAMELLIA128-SHA256 NULL-SHA256)]],
);
my $number = 0;
my %port   = map { ($_ => ++$number) } sort keys %policies;
my $hosts  = join '', map { "<VirtualHost *:\@PORT$port{$_}@>\nServerName localhost\nSSLEngine on\n\@RSA@\nSSLPolicy $_\n</VirtualHost>\n" } sort keys %policies;
my $httpd  = TestHttpd->start($hosts);
for my $policy (sort keys %policies) {
    my ($versions, $good, $bad) = @{$policies{$policy}};
    my $port = $httpd->port($port{$policy});
    for my $version ('1.0', '1.1', '1.2', '1.3') {
        my $seen   = negotiate($port, $version);
        my $spoken = grep { $_ eq $version } @$versions;
        is defined $seen, !!$spoken, "$policy: TLS $version is " . ($spoken ? 'spoken' : 'refused');
        is $seen->{ticket}, 0, '... without tickets' if $version eq '1.2' && $seen;
    }
    is((negotiate($port, '1.2', '-cipher', "$_:\@SECLEVEL=0") // {})->{cipher}, $_, "$policy: $_ is negotiated") for @$good;
    is negotiate($port, '1.2', '-cipher', "$_:\@SECLEVEL=0"), undef, "$policy: $_ is not" for @$bad;
    for my $suite (qw(TLS_AES_128_GCM_SHA256 TLS_AES_256_GCM_SHA384 TLS_CHACHA20_POLY1305_SHA256)) {
        is negotiate($port, '1.3', '-ciphersuites', $suite)->{cipher}, $suite, "$policy: $suite is negotiated";
    }
    is negotiate($port, '1.3', '-ciphersuites', 'TLS_AES_128_CCM_SHA256'), undef, "$policy: TLS_AES_128_CCM_SHA256 is not";
    is negotiate($port, '1.3', '-groups', 'X25519')->{group}, 'X25519', "$policy: X25519";
    is negotiate($port, '1.3', '-groups', 'P-521'), undef, "$policy: not P-521";
    my $reverse = negotiate($port, '1.3', '-ciphersuites', 'TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256_GCM_SHA384')->{cipher};
    is $reverse, $policy eq 'old' ? 'TLS_AES_256_GCM_SHA384' : 'TLS_CHACHA20_POLY1305_SHA256', "$policy: whose order counts";
}
$httpd->stop;

# Lines win before and after the policy, in the same place; the policy of a host wins over lines of the main server.
my $host = sub { my ($port, $lines) = @_; return "<VirtualHost *:\@PORT$port@>\nServerName localhost\nSSLEngine on\n\@RSA@\n$lines\n</VirtualHost>\n" };
$httpd = TestHttpd->start("SSLProtocol TLSv1.2\nSSLSessionTickets on\n"
    . $host->(1, "SSLProtocol TLSv1.2\nSSLPolicy modern\nSSLCipherSuite ECDHE-RSA-AES256-GCM-SHA384\nSSLSessionTickets on")
    . $host->(2, 'SSLPolicy modern')
    . $host->(3, "SSLPolicy old\nSSLPolicy Intermediate")
    . $host->(4, "SSLPolicy intermediate\nSSLOpenSSLConfCmd Curves P-521")
    . $host->(5, ''));
my $own = negotiate($httpd->port(1), '1.2');
is $own->{cipher}, 'ECDHE-RSA-AES256-GCM-SHA384', 'ciphers behind the policy';
is $own->{ticket}, 1, '... tickets';
is negotiate($httpd->port(1), '1.3'), undef, '... versions before it';
is negotiate($httpd->port(2), '1.2'), undef, 'the policy of a host, not what the main server says';
ok negotiate($httpd->port(2), '1.3'), '... as it says itself';
is negotiate($httpd->port(3), '1.1'), undef, 'the last policy counts';
is negotiate($httpd->port(4), '1.3', '-groups', 'P-521')->{group}, 'ECDH', 'groups of its own';
is negotiate($httpd->port(4), '1.3', '-groups', 'X25519'), undef, '... and no others';
is negotiate($httpd->port(5), '1.3'), undef, 'a host without a policy has what the main server says';
$httpd->stop;

# A policy of the main server, in hosts with and without lines of their own.
$httpd = TestHttpd->start("SSLPolicy modern\n" . $host->(1, '') . $host->(2, 'SSLProtocol TLSv1.2'));
is negotiate($httpd->port(1), '1.2'), undef, 'the main server\'s policy holds for hosts';
ok negotiate($httpd->port(1), '1.3'), '... as a whole';
ok negotiate($httpd->port(2), '1.2'), '... but for what they say';

# Printed on request.
my ($status, $text) = $httpd->command('-t', '-DDUMP_SSL_POLICIES');
is $status, 0, '-t -DDUMP_SSL_POLICIES';
my ($json) = $text =~ /^SSLPolicies: (\{.*^\})/ms;
my $printed = JSON::PP->new->decode($json);
is_deeply [sort keys %$printed], [qw(intermediate modern old)], '... prints all';
is $printed->{modern}{SSLProtocol}, 'TLSv1.3', '... with their values';
like $text, qr/"intermediate".*"modern".*"old"/s, '... by name';
like $text, qr/^Syntax OK$/m, '... and checks the syntax';
($status, $text) = $httpd->command('-t');
unlike $text, qr/SSLPolicies/, 'not without the define';
done_testing;
