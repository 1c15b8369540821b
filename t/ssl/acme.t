# Certificates from an authority by way of mod_md: one proved by http-01, one by tls-alpn-01 (RFC 8737). The authority is
# Pebble, with a name server that says 127.0.0.1 to every name; both are Debian's, of the package pebble.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use IO::Socket::INET ();
use POSIX ();
use TestHttpd ();
use TlsClient ();

my $mod_md = TestHttpd::apxs('LIBEXECDIR') . '/mod_md.so';
plan skip_all => 'mod_md is not there: install libapache2-mod-md or a newer apache2-bin' unless -e $mod_md;
for my $program (qw(pebble pebble-challtestsrv setpriv)) {
    plan skip_all => "$program is not there: Debian's packages pebble and util-linux have it" unless TestHttpd::which($program);
}

my @children;

# A program in the background, which ends with this one at the latest.
sub background {
    my ($log, %run) = @_;
    my $pid = fork // die "fork: $!";
    if (!$pid) {
        @ENV{keys %{$run{env}}} = values %{$run{env}} if $run{env};
        open STDIN,  '<', '/dev/null' or POSIX::_exit(99);
        open STDOUT, '>', $log        or POSIX::_exit(99);
        open STDERR, '>&', \*STDOUT   or POSIX::_exit(99);
        exec 'setpriv', '--pdeathsig', 'KILL', @{$run{command}} or POSIX::_exit(99);
    }
    push @children, $pid;
    return;
}

END {
    my $status = $?;
    for my $pid (@children) {
        kill TERM => $pid;
        waitpid $pid, 0;
    }
    $? = $status;
}

my ($acme, $management, $dns) = map { TestHttpd::free_port() } 1 .. 3;
my $httpd = TestHttpd->new(<<"END", log_level => 'info ssl:debug md:debug');
LoadModule md_module $mod_md
MDStoreDir "\@ROOT@/md"
MDCertificateAuthority https://127.0.0.1:$acme/dir
MDCACertificateFile "${\ TestHttpd::ca()}"
MDCertificateAgreement accepted
MDContactEmail admin\@example.test
MDPortMap http:\@PORT@ https:\@PORT2@
MDRetryDelay 1s
<MDomain http.example.test>
    MDCAChallenges http-01
</MDomain>
<MDomain alpn.example.test>
    MDCAChallenges tls-alpn-01
    MDPrivateKeys secp256r1 rsa2048
</MDomain>
<VirtualHost *:\@PORT@>
    ServerName http.example.test
</VirtualHost>
<VirtualHost *:\@PORT2@>
    ServerName http.example.test
    SSLEngine on
</VirtualHost>
<VirtualHost *:\@PORT2@>
    ServerName alpn.example.test
    SSLEngine on
    Protocols http/1.1 acme-tls/1
</VirtualHost>
END
my $root = $httpd->{root};

open my $file, '>', "$root/pebble.json" or die "pebble.json: $!";
print {$file} <<"END";
{"pebble": {
    "listenAddress": "127.0.0.1:$acme",
    "managementListenAddress": "127.0.0.1:$management",
    "certificate": "${\ TestHttpd::certs()}/localhost-rsa.pem",
    "privateKey": "${\ TestHttpd::certs()}/localhost-rsa.key",
    "httpPort": ${\ $httpd->port(1)},
    "tlsPort": ${\ $httpd->port(2)},
    "ocspResponderURL": "",
    "externalAccountBindingRequired": false
}}
END
close $file or die "pebble.json: $!";

# The name server answers on UDP and TCP of its port; nothing else of it is needed. No IPv6, as httpd does not listen there.
background("$root/logs/dns", command => [
    'pebble-challtestsrv', '-dns01', "127.0.0.1:$dns", '-defaultIPv4', '127.0.0.1', '-defaultIPv6', '',
    '-management', '127.0.0.1:' . TestHttpd::free_port(), map { ("-$_", '') } qw(http01 https01 tlsalpn01),
]);
background("$root/logs/pebble", env => {PEBBLE_VA_NOSLEEP => 1, PEBBLE_WFE_NONCEREJECT => 0, PEBBLE_AUTHZREUSE => 0}, command => [
    'pebble', '-config', "$root/pebble.json", '-dnsserver', "127.0.0.1:$dns",
]);
for my $port ($acme, $management, $dns) {
    $httpd->wait_for(sub { IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port) }, "port $port");
}

sub client { my ($name, %option) = @_; return TlsClient->new(port => $httpd->port(2), sni => $name, ca => undef, %option)->handshake }

sub issuer {
    my ($client) = @_;
    my $issuer = Net::SSLeay::X509_get_issuer_name($client->certificate);
    return Net::SSLeay::X509_NAME_oneline($issuer);
}

is $httpd->try_start, 'runs', 'the server runs without a certificate' or BAIL_OUT $httpd->error_log;
my @names = qw(http.example.test alpn.example.test);
for my $name (@names) {
    like $httpd->error_log, qr/ssl:warn.*AH10085: Init: \Q$name\E:\d+ will respond with '503 Service Unavailable' for now/, "$name: AH10085";
    my $client = client($name);
    unlike issuer($client), qr/Pebble/, "$name: a certificate to go on with";
    is $client->get('/1k.bin', Host => $name)->{status}, 503, "$name: and 503";
}

for my $name (@names) {
    eval { $httpd->wait_log(qr/AH10059: The Managed Domain \Q$name\E has been setup/); 1 }
        or do { diag $_, ":\n", TestHttpd::slurp("$root/logs/$_") for qw(pebble dns); die $@ };
    pass "$name: a certificate has come";
}
for my $row (['http.example.test', 'http-01'], ['alpn.example.test', 'tls-alpn-01']) {
    my ($name, $challenge) = @$row;
    my @set_up = $httpd->error_log =~ /\Q$name\E: set up challenge '([^']+)'/g;
    is_deeply [grep { $_ ne $challenge } @set_up], [], "$name: nothing but $challenge";
    ok scalar @set_up, '... and that has happened';
}
$httpd->graceful;

# Pebble's authority is a new one at each start.
my $authority = "$root/pebble-root.pem";
system 'curl', '--silent', '--fail', '--cacert', TestHttpd::ca(), '--output', $authority, "https://127.0.0.1:$management/roots/0";
like TestHttpd::slurp($authority), qr/BEGIN CERTIFICATE/, "Pebble's root certificate";

# The old generation may still answer for a moment.
for my $row (['http.example.test', 'rsa'], ['alpn.example.test', 'rsa'], ['alpn.example.test', 'ecdsa']) {
    my ($name, $type) = @$row;
    my @sigalgs = (sigalgs => $type eq 'rsa' ? 'RSA-PSS+SHA256:RSA+SHA256' : 'ECDSA+SHA256:RSA+SHA256');
    $httpd->wait_for(sub { issuer(client($name)) =~ /Pebble/ }, "the new certificate of $name");
    my $client = client($name, ca => $authority, @sigalgs);
    is $client->key_type, $type, "$name: $type";
    is $client->chain_length, 2, '... with its chain, which leads to the authority';
    my $answer = $client->get('/1k.bin', Host => $name);
    is_deeply [$answer->{status}, length $answer->{body}], [200, 1 << 10], '... and requests are served';
}

# The challenge is over: there is no answer any more.
SKIP: {
    skip 'the C module goes on with the certificate of the vhost, and serves requests', 1 if TestHttpd::stock();
    my $client = TlsClient->new(port => $httpd->port(2), sni => 'alpn.example.test', ca => undef, alpn => ['acme-tls/1']);
    $client->handshake_error;
    is_deeply [$client->alerts], [120], 'acme-tls/1 is refused afterwards';
}
$httpd->stop;
unlike $httpd->error_log, qr/\bpanic/, 'nothing panicked';
done_testing;
