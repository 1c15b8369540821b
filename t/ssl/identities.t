# Certificates and keys are known by their content: however many hosts name them, whatever their files are called, and over
# restarts.
use strict;
use warnings FATAL => 'all';
use File::Copy qw(copy);
use File::Path qw(make_path);
use Test::More;
use lib 'lib', 't/lib';
use TestHttpd ();
use TlsClient ();

my ($certs, $folder) = (TestHttpd::certs(), TestHttpd::root() . "/run/identities-$$");
make_path($folder);

# A new pair of files for NAME under STEM.
sub make_pair {
    my ($stem, $name) = @_;
    system(qw(openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj), "/CN=$name", '-addext',
        "subjectAltName=DNS:$name", '-keyout', "$folder/$stem.key", '-out', "$folder/$stem.pem") == 0 or die 'openssl req';
    return;
}

sub replace_file {
    my ($from, $to) = @_;
    my @times = (stat "$folder/$to")[8, 9];
    copy("$folder/$from", "$folder/$to") or die "$from: $!";
    utime @times, "$folder/$to" or die "utime: $!";    # the time of the file must not matter
    return;
}

{
    open my $silence, '>&', \*STDERR or die;
    open STDERR, '>', '/dev/null' or die;
    make_pair($_, 'same.test') for qw(first second);
    make_pair('other', 'other.test');
    open STDERR, '>&', $silence or die;
}
copy("$folder/first.$_", "$folder/copy.$_") or die for qw(pem key);

my $hosts = join '', map { host("h$_.test", $_ % 2 ? 'first' : 'copy') } 1 .. 40;

sub host {
    my ($name, $stem) = @_;
    return <<"END";
<VirtualHost *:\@PORT\@>
    ServerName $name
    SSLEngine on
    SSLCertificateFile $folder/$stem.pem
    SSLCertificateKeyFile $folder/$stem.key
</VirtualHost>
END
}

my $httpd = TestHttpd->start($hosts . host('other.test', 'other') . <<"END");
<VirtualHost *:\@PORT\@>
    ServerName both.test
    SSLEngine on
    \@RSA\@
    SSLCertificateFile $folder/other.pem
    SSLCertificateKeyFile $folder/other.key
</VirtualHost>
END

sub fingerprint {
    my ($client) = @_;
    return Net::SSLeay::X509_get_fingerprint($client->certificate, 'sha256');
}

sub served {
    my ($name, %option) = @_;
    return fingerprint(TlsClient->new(port => $httpd->port, sni => $name, ca => undef, %option)->handshake);
}

sub of_file {
    my ($stem) = @_;
    my $text = qx(openssl x509 -in $folder/$stem.pem -noout -fingerprint -sha256);
    return $text =~ /=(\S+)/ ? $1 : die $text;
}

my $summary = qr/Init: (\d+) identities from (\d+) files, (\d+) of which were new/;

SKIP: {
    skip 'no such line', 1 if TestHttpd::stock();
    # h1.test and its likes share one although they name copies; the second pass over the configuration parses nothing.
    my @passes = $httpd->error_log =~ /$summary/g;
    is_deeply [@passes[-3 .. -1]], [3, 8, 0], 'three identities from eight files, all known';
}

for my $version ('1.2', '1.3') {
    is served('h1.test',    version => $version), of_file('first'), "TLS $version: a host";
    is served('h40.test',   version => $version), of_file('first'), "TLS $version: a host that names a copy";
    is served('other.test', version => $version), of_file('other'), "TLS $version: a host with a certificate of its own";
    is served('both.test',  version => $version), of_file('other'), "TLS $version: a host with two, ECDSA";
    isnt served('both.test', version => $version, sigalgs => 'rsa_pss_rsae_sha256:rsa_pkcs1_sha256'), of_file('other'), "TLS $version: a host with two, RSA";
    # Only that host has an RSA certificate: none of the others may lend it, or be lent it.
    for my $name ('h1.test', 'other.test') {
        my $client = TlsClient->new(port => $httpd->port, sni => $name, version => $version, ca => undef, sigalgs => 'rsa_pss_rsae_sha256:rsa_pkcs1_sha256');
        ok $client->handshake_error, "TLS $version: no RSA certificate at $name";
    }
}

# A session of one host is not resumed at another, although they share a context.
for my $version ('1.2', '1.3') {
    my $client = TlsClient->new(port => $httpd->port, sni => 'h1.test', version => $version, ca => undef)->handshake;
    $client->get('/1.bin', Host => 'h1.test');
    my $session = $client->session;
    for my $case (['h1.test', 1], ['h2.test', 0], ['other.test', 0]) {
        my ($name, $resumed) = @$case;
        my $again = TlsClient->new(port => $httpd->port, sni => $name, version => $version, ca => undef, session => $session)->handshake;
        is $again->reused, $resumed, "TLS $version: a session of h1.test at $name";
        is $again->get('/1.bin', Host => $name)->{status}, 200, '... which works';
    }
}

# A restart takes over what has changed, and only that.
replace_file("second.$_", "first.$_") for qw(pem key);
$httpd->graceful;
$httpd->wait_for(sub { served('h1.test') eq of_file('second') }, 'the new certificate');
is served('h1.test'), of_file('second'), 'after a restart: the new certificate';
is served('h2.test'), of_file('copy'),   '... not where the copy is named';
is served('other.test'), of_file('other'), '... nor elsewhere';
SKIP: {
    skip 'no such line', 1 if TestHttpd::stock();
    my @passes = $httpd->error_log =~ /$summary/g;
    is_deeply [@passes[-3 .. -1]], [4, 8, 2], '... and only its files were parsed';
}
done_testing;
