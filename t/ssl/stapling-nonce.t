# A client that puts a nonce into its wish for an OCSP response: it gets the response that all get, which is fetched without one.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use Staples ();
use TestHttpd ();

plan skip_all => 'no compiler' unless TestHttpd::which('gcc');
my $program = TestHttpd::root() . '/status';
my $said    = qx(gcc -O1 -o $program @{[TestHttpd::root()]}/t/clients/status.c -lssl -lcrypto 2>&1);
is $?, 0, 'the client' or BAIL_OUT($said);

my $pki   = Staples->new;
my $httpd = TestHttpd->start("SSLStaplingCache shmcb:\@ROOT@/staples(65536)\nSSLUseStapling on\n" . Staples::vhost($pki->certificate('a', path => 'good')));

sub ask { my ($version, $nonce) = @_; my $answer = qx($program ${\ $httpd->port} $version localhost $nonce 2>&1); chomp $answer; return $answer }

if (TestHttpd::stock()) {
    is ask('1.3', 'a' x 16), 'its nonce',     'the distribution\'s module passes the nonce on, if it asks in this handshake';
    is ask('1.3', 'b' x 16), 'another nonce', '... and keeps what came for others';
}
else {
    Staples::wait_stapled($httpd, 'good');
    my $before = $pki->responder->count('good');
    is ask($_, 'a' x 16), 'no nonce', "TLS $_: a response, without the nonce" for '1.2', '1.3';
    is $pki->responder->count('good'), $before, '... and nobody is asked for it';
}
done_testing;
