# Whoever resumes a session of TLS-SRP can name another user than the one who has logged in: such sessions are not resumed.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use Keys ();
use TestHttpd ();

my $folder = Keys::folder();
my $client = "$folder/srp";
my $said   = qx(gcc -O1 -Wno-deprecated-declarations -o $client @{[TestHttpd::root()]}/t/clients/srp.c -lssl -lcrypto 2>&1);
plan skip_all => "no client with TLS-SRP: $said" if $?;

my $users = Keys::write_file('users', '');
for my $user (['alice', 'password of alice', 'info of alice'], ['admin', 'password of admin', 'info of admin']) {
    my ($name, $password, $info) = @$user;
    Keys::openssl('srp', '-add', '-srpvfile', $users, '-gn', '2048', '-passout', "'pass:$password'", '-userinfo', "'$info'", $name);
}
my $hosts = join '', map { <<"END" } (['plain.test', ''], ['seed.test', 'SSLSRPUnknownUserSeed "seed"']);
<VirtualHost *:\@PORT\@>
    ServerName $_->[0]
    SSLEngine on
    \@RSA\@
    SSLCipherSuite SRP:HIGH
    SSLOptions +StdEnvVars
    SSLSRPVerifierFile $users
    $_->[1]
</VirtualHost>
END
my $httpd = TestHttpd->start("SSLSessionCache shmcb:\@ROOT\@/cache(512000)\n$hosts");

sub visits {
    my ($host, $user, $password, $kind) = @_;
    return qx($client @{[$httpd->port]} $host alice 'password of alice' '$user' '$password' $kind 2>&1);
}

for my $kind (qw(tickets ids)) {
    my $seen = visits('plain.test', 'admin', 'not the password', $kind);
    like $seen, qr/^alice new\n.*^SSL_SRP_USER=alice$/ms, "$kind: alice logs in";
    SKIP: {
        skip 'the distribution lets admin in', 6 if TestHttpd::stock();
        like $seen, qr/^admin refused$/m, '... but admin does not, with the session of alice';
        unlike $seen, qr/SSL_SRP_USER=admin/, '... nor is called so';
        $seen = visits('plain.test', 'admin', 'password of admin', $kind);
        like $seen, qr/^admin new\n.*^SSL_SRP_USER=admin$/ms, "$kind: with the right password it is a login of its own";
        $seen = visits('plain.test', 'alice', 'password of alice', $kind);
        like $seen, qr{^alice new\n.*^alice new$}ms, "$kind: the same user logs in again, too";
        $seen = visits('seed.test', 'nobody', 'any', $kind);
        like $seen, qr/^nobody refused$/m, "$kind: an unknown user is not let in by the session of alice";
        unlike $seen, qr/SSL_SRP_USER=nobody/, '... nor is called so';
    }
}
done_testing;
