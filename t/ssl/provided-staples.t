# OCSP responses that other modules have, stapled to the certificate.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use Digest::SHA qw(sha1_hex);
use MIME::Base64 qw(decode_base64);
use Mock ();
use TestHttpd ();

my ($C, $certs) = ('@CERTS@', TestHttpd::certs());
my $scratch = TestHttpd::root() . "/home/ocsp-$$";
mkdir $scratch or die "$scratch: $!";

sub run { my (@command) = @_; system("@command >$scratch/log 2>&1") == 0 or die "@command:\n", TestHttpd::slurp("$scratch/log"); return }

# A response that says "good" about a certificate, signed by its issuer.
sub make_response {
    my ($name) = @_;
    my ($serial) = qx(openssl x509 -in $certs/$name.pem -noout -serial) =~ /serial=(\w+)/ or die 'serial';
    open my $index, '>', "$scratch/index" or die "index: $!";
    print {$index} "V\t401231235959Z\t\t$serial\tunknown\t/CN=x\n";
    close $index;
    run("openssl ocsp -issuer $certs/intermediate.pem -cert $certs/$name.pem -reqout $scratch/request.der");
    run("openssl ocsp -index $scratch/index -CA $certs/intermediate.pem -rsigner $certs/intermediate.pem -rkey $certs/intermediate.key -ndays 1 -reqin $scratch/request.der -respout $scratch/$name.der");
    return "$scratch/$name.der";
}
my %response = map { $_ => make_response($_) } qw(localhost-rsa alpha);

# What a client that asks for a response gets: the status of the certificate in it, or 'none'.
sub stapled {
    my ($httpd, %option) = @_;
    my $name    = $option{name}    // 'localhost';
    my $version = $option{version} // 'tls1_3';
    my $status  = ($option{asks} // 1) ? '-status' : '';
    my $text    = qx(openssl s_client -connect 127.0.0.1:${\ $httpd->port} -servername $name -$version $status -CAfile $certs/root.pem </dev/null 2>&1);
    return "no handshake: $text" unless $text =~ /Verification: OK|Verify return code: 0/;
    return 'none' if $text =~ /OCSP response: no response sent/ || $text !~ /OCSP response/i;
    return $text =~ /Cert Status: (\w+)/ ? $1 : $text;
}

sub id_of {
    my ($name) = @_;
    my ($base64) = TestHttpd::slurp("$certs/$name.pem") =~ /-----BEGIN CERTIFICATE-----\n(.*?)-----END/s or die $name;
    return sha1_hex(decode_base64($base64));
}

sub vhost {
    my ($lines, $name) = @_;
    return "<VirtualHost *:\@PORT@>\nServerName ${\($name // 'localhost')}\nSSLEngine on\n$lines\n</VirtualHost>\n";
}

my $rsa = id_of('localhost-rsa');
for my $row (
    # what; lines; priming in one pass; AH10177 in one pass; stapled; who is asked for it
    ['nobody', '@RSA@', ["core prime localhost: $rsa, certificates: 2, declined", 'optional prime localhost: issuer fits, declined'], 0, 'none', qr/^$/],
    ['httpd\'s hook', "\@RSA@\nMock core prime $response{'localhost-rsa'}", ["core prime localhost: $rsa, certificates: 2, taken"], 1, 'good', qr/^core response for localhost: [1-9]\d+ bytes$/],
    ['our hook', "\@RSA@\nMock optional prime $response{'localhost-rsa'}", ["core prime localhost: $rsa, certificates: 2, declined", 'optional prime localhost: issuer fits, taken'], 1, 'good',
        qr/optional response for localhost, certificate known$/],
    ['both, the first takes it', "\@RSA@\nMock core prime $response{'localhost-rsa'}\nMock optional prime $response{'localhost-rsa'}", ["core prime localhost: $rsa, certificates: 2, taken"], 1, 'good', qr/core response for localhost/],
    ['without a response now', "\@RSA@\nMock core prime none", ["core prime localhost: $rsa, certificates: 2, taken"], 1, 'none', qr/^core response for localhost: 0 bytes$/],
    ['our hook without a response now', "\@RSA@\nMock optional prime none", ["core prime localhost: $rsa, certificates: 2, declined", 'optional prime localhost: issuer fits, taken'], 1, 'none',
        qr/optional response for localhost, certificate known$/],
    ['issuer from the chain file', "SSLCertificateFile $C/localhost-rsa-leaf.pem\nSSLCertificateKeyFile $C/localhost-rsa.key\nSSLCertificateChainFile $C/intermediate.pem\nMock core prime $response{'localhost-rsa'}",
        ["core prime localhost: $rsa, certificates: 2, taken"], 1, 'good', qr/core response for localhost/],
    ['by SSLOpenSSLConfCmd', "SSLOpenSSLConfCmd Certificate $C/localhost-rsa.pem\nSSLOpenSSLConfCmd PrivateKey $C/localhost-rsa.key\nMock core prime $response{'localhost-rsa'}",
        ["core prime localhost: $rsa, certificates: 2, taken"], 1, 'good', qr/core response for localhost/],
    ['of another module', "Mock core cert $C/localhost-rsa.pem $C/localhost-rsa.key\nMock core prime $response{'localhost-rsa'}",
        ["core prime localhost: $rsa, certificates: 2, taken"], 1, 'good', qr/core response for localhost/],
) {
    my ($what, $lines, $primes, $taken, $stapled, $asked) = @$row;
    my $httpd = TestHttpd->start(Mock::load() . vhost($lines));
    is_deeply [Mock::calls($httpd->error_log, qr/ prime /)], [@$primes, @$primes], "$what: priming, in both passes";
    my @lines = $httpd->error_log =~ /ssl:debug.*AH10177: OCSP stapling added via hook$/mg;
    is scalar @lines, 2 * $taken, '... AH10177';
    is stapled($httpd, asks => 0), 'none', '... a client that does not ask';
    is_deeply [Mock::calls($httpd->error_log, qr/ response /)], [], '... nobody is asked for it';
    is stapled($httpd, version => $_), $stapled, "... stapled: $stapled ($_)" for qw(tls1_2 tls1_3);
    my $calls = join "\n", Mock::calls($httpd->error_log, qr/ response /);
    like $_, $asked, '... who is asked' for (split /\n/, $calls) ? (split /\n/, $calls)[-1] : '';
    $httpd->stop;
}

# Without an issuer there is nothing to ask an authority: nobody is primed.
{
    my $httpd = TestHttpd->start(Mock::load() . vhost("SSLCertificateFile $C/localhost-rsa-leaf.pem\nSSLCertificateKeyFile $C/localhost-rsa.key\nMock core prime $response{'localhost-rsa'}"));
    is_deeply [Mock::calls($httpd->error_log, qr/ prime /)], [], 'no issuer: no priming';
}

# What others have is left to them, also with SSLUseStapling; and nobody else is asked.
{
    my $httpd = TestHttpd->start(Mock::load() . "SSLStaplingCache shmcb\nSSLUseStapling on\nSSLStaplingForceURL http://127.0.0.1:1/\n" . vhost("\@RSA@\nMock core prime $response{'localhost-rsa'}"));
    is stapled($httpd), 'good', 'with SSLUseStapling on';
    unlike $httpd->error_log, qr/AH0194[01]|AH02604|querying/, '... no responder is asked';
}

# Each certificate by itself, and each vhost: the one that SNI names counts.
{
    my $two   = "\@RSA@\nSSLCertificateFile $C/alpha.pem\nSSLCertificateKeyFile $C/alpha.key";
    my $httpd = TestHttpd->start(Mock::load() . vhost($two)
        . vhost("SSLCertificateFile $C/alpha.pem\nSSLCertificateKeyFile $C/alpha.key\nMock core prime $response{alpha}", 'alpha.example.test')
        . vhost("SSLCertificateFile $C/beta.pem\nSSLCertificateKeyFile $C/beta.key", 'beta.example.test')
        . vhost("\@RSA@\nMock optional prime $response{'localhost-rsa'}", 'rsa.example.test'));
    my @ids = map { /core prime localhost: (\w+)/ ? $1 : () } Mock::calls($httpd->error_log, qr/ prime /);
    is_deeply [sort @ids[0, 1]], [sort $rsa, id_of('alpha')], 'two certificates of one vhost: both are primed';
    is @ids, 4, '... once in each pass';
    is stapled($httpd, name => $_->[0]), $_->[1], "$_->[0]: $_->[1]"
        for ['localhost', 'none'], ['alpha.example.test', 'good'], ['beta.example.test', 'none'], ['rsa.example.test', 'good'];
    $httpd->graceful;
    $httpd->wait_for(sub { stapled($httpd, name => 'alpha.example.test') eq 'good' }, 'a response after the restart');
    pass 'after a restart';
}
done_testing;
