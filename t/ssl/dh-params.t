# DH and curve parameters in the first certificate file, as a handshake shows them; automatic ones without.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use Keys ();
use TestHttpd ();

my $folder = Keys::folder();
my $ours   = !TestHttpd::stock();
my $key    = TestHttpd::certs() . '/localhost-rsa.key';
my $leaf   = TestHttpd::slurp(Keys::certificate('rsa'));

sub parameters {
    my ($name, $command, @arguments) = @_;
    Keys::openssl($command, '-out', "$folder/$name", @arguments);
    return TestHttpd::slurp("$folder/$name");
}

# The group of RFC 7919, and one that is quickly made.
my $dh     = parameters('dh',   qw(genpkey -genparam -algorithm DH -pkeyopt group:ffdhe3072));
my $weak   = parameters('weak', qw(dhparam -dsaparam 1024));
my $curve  = parameters('curve', qw(ecparam -name secp384r1));
like $dh, qr/BEGIN DH PARAMETERS/, 'there are parameters';

# What the server sends for a key exchange: "DH, 2048 bits" or "ECDH, prime256v1, 256 bits".
sub exchange {
    my ($httpd, @arguments) = @_;
    push @arguments, '-servername', 'localhost' unless grep { $_ eq '-servername' } @arguments;
    my $output = qx(openssl s_client -connect 127.0.0.1:${\ $httpd->port } -tls1_2 @arguments </dev/null 2>&1);
    return $output =~ /^Server Temp Key: (.*)$/m ? $1 : ($output =~ /(alert[^:\n]*|handshake failure)/ ? "failure: $1" : 'failure');
}

my @dhe   = qw(-cipher DHE-RSA-AES128-GCM-SHA256:@SECLEVEL=1);
my @ecdhe = qw(-cipher ECDHE-RSA-AES128-GCM-SHA256);
my $auto  = 'DH, 2048 bits';
my $first = 'X25519, 253 bits';
my $p384  = qr/secp384r1, 384 bits/;

for my $case (
    # name, first file, further lines, DHE, ECDHE, messages, whether the C module does the same
    ['none',                   [],                      '', $auto,           $first, undef, 1],
    ['DH',                     [$dh],                   '', 'DH, 3072 bits', $first, qr/debug.*AH02540: Custom DH parameters \(3072 bits\) for localhost:443 loaded from \S+\.pem/, 1],
    ['DH, too weak',           [$weak],                 '', $auto,           $first, undef, 1],
    ['DH, weak, but allowed',  [$weak], "SSLCipherSuite HIGH:\@SECLEVEL=1\n", 'DH, 1024 bits', $first, qr/AH02540: Custom DH parameters \(1024 bits\)/, 1],
    ['a curve',                [$curve],                '', $auto,           $p384,  qr/debug.*AH02541: ECDH curve secp384r1 for localhost:443 specified in \S+\.pem/, 0],
    ['a curve, then DH',       [$curve, $dh],           '', 'DH, 3072 bits', $p384,  qr/AH02540: Custom DH parameters \(3072 bits\).*AH02541: ECDH curve secp384r1/s, 0],
    ['DH, then a curve',       [$dh, $curve],           '', 'DH, 3072 bits', $p384,  qr/AH02540: Custom DH parameters \(3072 bits\).*AH02541: ECDH curve secp384r1/s, 1],
    ['DH twice',               [$dh, $weak],            '', 'DH, 3072 bits', $first, undef, 1],
    ['broken DH',              ["-----BEGIN DH PARAMETERS-----\nAAAA\n-----END DH PARAMETERS-----\n"], '', $auto, $first, undef, 0],
) {
    my ($name, $blocks, $lines, $dhe, $ecdhe, $message, $same) = @$case;
    next unless $ours || $same;
    for my $order ('behind', 'before') {
        my $file  = Keys::write_file("$order.pem", $order eq 'before' ? (@$blocks, $leaf) : ($leaf, @$blocks));
        my $httpd = TestHttpd->start("<VirtualHost *:\@PORT@>\nServerName localhost\nSSLEngine on\nSSLCertificateFile $file\nSSLCertificateKeyFile $key\n$lines</VirtualHost>\n");
        subtest "$name, $order the certificate" => sub {
            is exchange($httpd, @dhe), $dhe, 'DHE';
            like exchange($httpd, @ecdhe), ref $ecdhe ? $ecdhe : qr/\A\Q$ecdhe\E\z/, 'ECDHE';
            like $httpd->error_log, $message, 'the log' if $message;
            unlike $httpd->error_log, qr/AH0254[01]/, 'the log' unless $message || $dhe ne $auto;
            is exchange($httpd, @ecdhe, '-curves', 'X25519'), $ecdhe eq $first ? $first : 'failure: alert handshake failure', 'the curve is the only one' if ref $ecdhe;
        };
        $httpd->stop;
    }
}

# Only the first file counts.
my $other = Keys::write_file('other.pem', TestHttpd::slurp(Keys::certificate('ecdsa')), $dh, $curve);
my $httpd = TestHttpd->start(Keys::host(['rsa', $key]) =~ s{(?=</VirtualHost>)}{"SSLCertificateFile $other\nSSLCertificateKeyFile " . TestHttpd::certs() . "/localhost-ecdsa.key\n"}er);
is exchange($httpd, @dhe), $auto, 'parameters in the second file are not looked at';
unlike $httpd->error_log, qr/AH0254[01]/, '... nor logged';
$httpd->stop;

# Hosts that differ in nothing but the parameters in their files.
my $with    = Keys::write_file('with.pem', $leaf, $dh);
my $without = Keys::write_file('without.pem', $leaf);
sub named { my ($name, $file) = @_; return "<VirtualHost *:\@PORT@>\nServerName $name\nSSLEngine on\nSSLCertificateFile $file\nSSLCertificateKeyFile $key\n</VirtualHost>\n" }
$httpd = TestHttpd->start(named('localhost', $without) . named('with.test', $with) . named('again.test', $with) . named('without.test', $without));
is_deeply {map { $_ => exchange($httpd, @dhe, '-servername', $_) } qw(localhost with.test again.test without.test)},
    {'localhost' => $auto, 'with.test' => 'DH, 3072 bits', 'again.test' => 'DH, 3072 bits', 'without.test' => $auto}, 'each host has its own';
is_deeply [sort $httpd->error_log =~ /AH02540: Custom DH parameters \(3072 bits\) for (\S+):443/g], [('again.test') x 2, ('with.test') x 2], '... which the log says of each';
$httpd->stop;

# A certificate with a larger key gets stronger parameters.
Keys::openssl("req -x509 -newkey rsa:4096 -nodes -subj /CN=localhost -days 3 -keyout $folder/large.key -out $folder/large.pem");
$httpd = TestHttpd->start("<VirtualHost *:\@PORT@>\nServerName localhost\nSSLEngine on\nSSLCertificateFile $folder/large.pem\nSSLCertificateKeyFile $folder/large.key\n</VirtualHost>\n");
is exchange($httpd, @dhe), 'DH, 4096 bits', 'automatic parameters are as strong as the key';
done_testing;
