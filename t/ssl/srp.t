# TLS-SRP: logins by user name and password (SSLSRPVerifierFile, SSLSRPUnknownUserSeed).
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use POSIX ();
use StartUp ();
use TestHttpd ();

plan skip_all => 'this OpenSSL has no SRP' if qx(openssl list -disabled) =~ /^SRP$/m;

my $certs = TestHttpd::certs();

# A database of users; the third column of each is what goes into SSL_SRP_USERINFO.
sub database {
    my ($name, %users) = @_;
    unlink "$certs/$name";
    open my $file, '>', "$certs/$name" or die "$name: $!";
    close $file;
    for my $user (sort keys %users) {
        my ($password, $info) = @{$users{$user}};
        my @info = defined $info ? ('-userinfo', $info) : ();
        open my $out, '-|', 'openssl', 'srp', '-add', '-srpvfile', "$certs/$name", '-gn', '2048', '-passout', "pass:$password", @info, $user
            or die "openssl srp: $!";
        my @ignored = <$out>;
        close $out or die "openssl srp: status $?";
    }
    return "$certs/$name";
}

open my $null, '>&', \*STDERR or die;
open STDERR, '>', '/dev/null' or die;
my $users  = database('users',  alice => ['good password', 'Alice of the first host'], bob => ['other password']);
my $others = database('others', alice => ['password at the second'], carol => ['good password', 'Carol']);
open STDERR, '>&', $null or die;

my $ciphers = 'SSLCipherSuite SRP:HIGH';
my $std     = 'SSLOptions +StdEnvVars';
my $httpd   = TestHttpd->start(<<"END");
<VirtualHost *:\@PORT@>
    ServerName first.example.test
    SSLEngine on
    \@RSA@
    $ciphers
    $std
    SSLSRPVerifierFile $users
</VirtualHost>
<VirtualHost *:\@PORT@>
    ServerName second.example.test
    SSLEngine on
    \@RSA@
    $ciphers
    $std
    SSLSRPVerifierFile $others
    SSLSRPUnknownUserSeed "a secret"
</VirtualHost>
<VirtualHost *:\@PORT@>
    ServerName none.example.test
    SSLEngine on
    \@RSA@
    $ciphers
    $std
</VirtualHost>
<VirtualHost *:\@PORT2@>
    ServerName seeded.example.test
    SSLEngine on
    \@RSA@
    $ciphers
    $std
    SSLSRPVerifierFile $users
    SSLSRPUnknownUserSeed "a secret"
</VirtualHost>
<VirtualHost *:\@PORT3@>
    ServerName seed-alone.example.test
    SSLEngine on
    \@RSA@
    $ciphers
    $std
    SSLSRPUnknownUserSeed "a secret"
</VirtualHost>
<VirtualHost *:\@PORT3@>
    ServerName inner.example.test
    SSLEngine on
    \@RSA@
    $ciphers
    $std
    SSLSRPVerifierFile $users
</VirtualHost>
END

# What a client is told: its variables, or the alert. The client is curl: s_client of OpenSSL 3.0.19 crashes at each login.
sub login {
    my ($port, $name, $user, $password, $ciphers) = @_;
    $port = $httpd->port($port);
    my @who = defined $user ? ('--tlsauthtype', 'SRP', '--tlsuser', $user, '--tlspassword', $password) : ();
    my $pid = open my $out, '-|';
    defined $pid or die "fork: $!";
    if (!$pid) {
        open STDERR, '>&', \*STDOUT or POSIX::_exit(99);
        exec 'curl', qw(--silent --verbose --insecure --http1.1 --tlsv1.2 --tls-max 1.2 --header Connection:close --max-time 30),
            '--resolve', "$name.example.test:$port:127.0.0.1", '--ciphers', $ciphers // 'SRP', @who, "https://$name.example.test:$port/cgi/env"
            or POSIX::_exit(99);
    }
    my $text = do { local $/; <$out> };
    close $out;
    my %seen = map { ($_ => $text =~ /^\Q$_\E=(.*?)\r?$/m ? $1 : undef) } qw(SSL_SRP_USER SSL_SRP_USERINFO SSL_CIPHER SSL_CLIENT_VERIFY HTTPS);
    ($seen{alert}) = map { $_ - 512 } $text =~ /\(IN\), TLS alert, [^(]+ \((\d+)\)/;
    return \%seen;
}

for my $row (
    # port, host, user, password, cipher                              user, info, alert
    [1, 'first',  'alice', 'good password', undef,                       'alice', 'Alice of the first host', undef],
    [1, 'first',  'bob',   'other password', undef,                      'bob', undef, undef],
    [1, 'first',  'alice', 'good password', 'SRP-AES-256-CBC-SHA', 'alice', 'Alice of the first host', undef],
    [1, 'first',  'alice', 'wrong password', undef,                      undef, undef, 20],
    [1, 'first',  'carol', 'good password', undef,                       undef, undef, 115],
    [2, 'seeded', 'alice', 'good password', undef,                       'alice', 'Alice of the first host', undef],
    [2, 'seeded', 'carol', 'good password', undef,                       undef, undef, 20],
    [2, 'seeded', 'alice', 'wrong password', undef,                      undef, undef, 20],
    [3, 'seed-alone', 'alice', 'good password', undef,    undef, undef, 40],
    # A name in the ClientHello alone is no login. The distribution's module takes it for one.
    [1, 'first',  'alice', 'wrong password', 'HIGH',      TestHttpd::stock() ? 'alice' : undef, undef, 'none'],
    [1, 'first',  undef,   undef, 'HIGH',                                 undef, undef, undef],
    )
{
    my ($port, $name, $user, $password, $ciphers, $known, $info, $alert) = @$row;
    subtest "$name: " . ($user // 'no user') . ', ' . ($password // 'no password') . ', ' . ($ciphers // 'SRP') => sub {
        my $seen = login($port, $name, $user, $password, $ciphers);
        is $seen->{SSL_SRP_USER}, $known, 'SSL_SRP_USER';
        is $seen->{SSL_SRP_USERINFO}, $info, 'SSL_SRP_USERINFO';
        if (($alert // '') eq 'none') { is $seen->{HTTPS}, 'on', 'answered' }
        elsif ($known) {
            is $seen->{HTTPS}, 'on', 'the request is answered';
            like $seen->{SSL_CIPHER}, qr/^SRP-/, 'by an SRP cipher';
            is $seen->{SSL_CLIENT_VERIFY}, 'NONE', 'without a client certificate';
        }
        elsif (!defined $user) { is $seen->{HTTPS}, 'on', 'answered without a login' }
        else { is $seen->{alert}, $alert, "the alert"; is $seen->{HTTPS}, undef, 'no answer' }
    };
}

# Each host has its own users. In the distribution's module those of the first host count.
for my $row (
    ['second', 'alice', 'password at the second', 'alice'],
    ['second', 'carol', 'good password',          'carol'],
    ['second', 'alice', 'good password',          undef],
    ['none',   'alice', 'good password',          undef],
    )
{
    my ($name, $user, $password, $known) = @$row;
    my $seen = login(1, $name, $user, $password);
    next if TestHttpd::stock();
    is $seen->{SSL_SRP_USER}, $known, "$name: $user with '$password'";
    is $seen->{HTTPS}, $known ? 'on' : undef, '... the answer';
}
if (!TestHttpd::stock()) {
    my $seen = login(3, 'inner', 'alice', 'good password');
    is $seen->{SSL_SRP_USER}, 'alice', 'a host behind one without users';
}

$httpd->wait_log(qr/ssl:debug.*AH02308: Using SRP verifier file \[\Q$users\E\]/);

# Files that cannot be used.
for my $content ("V\t!\t!\talice\t2048\t\n") {
    open my $file, '>', "$certs/srp-broken" or die "broken: $!";
    print {$file} $content;
    close $file;
    StartUp::check("SSLSRPVerifierFile $certs/srp-broken", 'vhost', fatal => qr/ssl:emerg.*AH02310: Unable to load SRP verifier file \[error \d\].*AH02312/s);
}
chmod 0, "$certs/srp-broken";
StartUp::check("SSLSRPVerifierFile $certs/srp-broken", 'vhost', fatal => qr/ssl:emerg.*AH02310: Unable to load SRP verifier file \[error \d\].*AH02312/s);
StartUp::check("SSLSRPVerifierFile $users", 'bare', fatal => qr/AH02572: Failed to configure at least one certificate and key/);
done_testing;
