# Certificate and key files that are broken in every way: each ends the start with a line that names the file, or works; none of them
# crashes the server, or starts it half.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use Keys ();
use MIME::Base64 ();
use TestHttpd ();
use TlsClient ();

my $ours        = !TestHttpd::stock();
my $folder      = Keys::folder();
my $certificate = Keys::certificate('rsa');
my $key         = TestHttpd::certs() . '/localhost-rsa.key';
my ($pem, $secret) = map { TestHttpd::slurp($_) } $certificate, $key;
my ($leaf)      = $pem =~ /\A(.*?END CERTIFICATE-----\n)/s;
my $issuer      = TestHttpd::slurp(TestHttpd::certs() . '/intermediate.pem');
my $other       = TestHttpd::slurp(TestHttpd::certs() . '/broken/other.key');
my $der         = qx(openssl pkey -in $key -outform DER);
my $bytes       = join '', map { chr(($_ * 7919 >> 3) & 0xff) } 1 .. 5000;
my $long        = "# not a certificate\n" x 500_000;

sub file { my ($name, @text) = @_; return Keys::write_file($name, @text) }
sub made { my ($name, @command) = @_; Keys::openssl(@command, '-out', "$folder/$name"); return "$folder/$name" }

my $unreadable = file('unreadable', $pem, $secret);
chmod 0, $unreadable;
my $sparse = file('sparse', $pem);
truncate $sparse, 1 << 40 or die "truncate: $!";

# name, certificate file, key file (that of localhost without one): what the log must say; undef: the server runs
sub no_certificate { my ($reason) = @_; return qr/emerg.*AH02562: Failed to configure certificate localhost:443:0 \(with chain\), check FILE\n(?:.*SSL Library Error.*\n)*?.*SSL Library Error: .*$reason/ }
my $no_start = 'no start line.*-- Bad file contents or format - or even just a forgotten SSLCertificateKeyFile\?';
my $no_key   = qr/error.*AH02579: Init: Private key not found\n.*emerg.*AH02564: Failed to configure encrypted \(\?\) private key localhost:443:0, check FILE\n/s;
my $mismatch = qr/emerg.*AH02565: Certificate and private key localhost:443:0 from \S+ and \S+ do not match/;
my @certificates = (
    ['CRLF',                       file('crlf.pem', $pem =~ s/\n/\r\n/gr),                  undef],
    ['a byte order mark',          file('bom.pem', "\xef\xbb\xbf", $pem),                   undef],
    ['text before it',             file('text.pem', "Some text\n\n", $pem),                 undef],
    ['no end of the last line',    file('open.pem', $pem =~ s/\n\z//r),                     undef],
    ['NUL behind it',              file('nul-behind.pem', $pem, "\0\0\n"),                  undef],
    ['10 MB of text before it',    file('long.pem', $long, $pem),                           undef],
    ['the leaf twice',             file('twice.pem', $leaf, $leaf),                         undef],
    ['100 issuers',                file('many.pem', $leaf, $issuer x 100),                  undef],
    ['expired',                    TestHttpd::certs() . '/broken/expired.pem',              undef],
    ['not valid yet',              TestHttpd::certs() . '/broken/future.pem',               undef],
    ['CR alone',                   file('cr.pem', $pem =~ s/\n/\r/gr),                      no_certificate($no_start)],
    ['UTF-16',                     file('utf16.pem', "\xff\xfe", map { "$_\0" } split //, $pem), no_certificate($no_start)],
    ['indented',                   file('indented.pem', $pem =~ s/^/  /gmr),                no_certificate($no_start)],
    ['NUL within',                 file('nul-within.pem', substr($pem, 0, 200), "\0", substr $pem, 200), no_certificate('bad base64 decode')],
    ['binary',                     file('binary.pem', $bytes),                              no_certificate($no_start)],
    ['PKCS#12',                    made('p12.pem', "pkcs12 -export -in $certificate -inkey $key -passout pass:"), no_certificate($no_start)],
    ['a request',                  made('request.pem', "req -new -key $key -subj /CN=localhost"), no_certificate($no_start)],
    ['half of the leaf',           file('half.pem', substr $leaf, 0, length($leaf) / 2),    no_certificate('bad end line')],
    ['half of the issuer',         file('half-chain.pem', substr $pem, 0, -100),            no_certificate('bad end line')],
    ['10 MB of text',              file('long-text.pem', $long),                            no_certificate($no_start)],
    ['a line of 10 MB',            file('line.pem', 'x' x 10_000_000),                      no_certificate($no_start)],
    ['a header line without end',  file('header.pem', '-----BEGIN CERTIFICATE' . '-' x 100_000), no_certificate('bad end line')],
    ['the issuer first',           file('order.pem', $issuer, $leaf),                       $mismatch],
    ['512 bits',                   TestHttpd::certs() . '/broken/weak.pem',                 no_certificate('ee key too small')],
    ['unreadable',                 $unreadable,                                             no_certificate('Permission denied')],
    ['a terabyte',                 $sparse,                                                 no_certificate('more than 64 MB')],
);
my @keys = (
    ['CRLF',                       file('crlf.key', $secret =~ s/\n/\r\n/gr),               undef],
    ['a byte order mark',          file('bom.key', "\xef\xbb\xbf", $secret),                undef],
    ['NUL before it',              file('nul-before.key', "\0\0\n", $secret),               undef],
    ['10 MB of text before it',    file('long.key', $long, $secret),                        undef],
    ['twice',                      file('twice.key', $secret, $secret),                     undef],
    ['another one behind it',      file('first.key', $secret, $other),                      undef],
    ['DER and more',               file('more.der', $der, 'more'),                          undef],
    ['base64, CRLF',               file('crlf.base64', MIME::Base64::encode($der, "\r\n")), undef],
    ['another one first',          file('second.key', $other, $secret),                     $mismatch],
    ['NUL within',                 file('nul-within.key', substr($secret, 0, 200), "\0", substr $secret, 200), $no_key],
    ['binary',                     file('binary.key', $bytes),                              $no_key],
    ['half',                       file('half.key', substr $secret, 0, length($secret) / 2), $no_key],
    ['half, DER',                  file('half.der', substr $der, 0, 200),                   $no_key],
    ['10 MB of text',              file('long-text.key', $long),                            $no_key],
    ['10 MB of zeros',             file('zeros.key', "\0" x 10_000_000),                    $no_key],
    ['a public key',               made('public.key', "pkey -in $key -pubout"),             $no_key],
    ['a certificate',              $certificate,                                            $no_key],
    ['PKCS#12',                    "$folder/p12.pem",                                       $no_key],
    ['unreadable',                 $unreadable, qr/emerg.*AH02574: Init: Can't open server private key file FILE.*emerg.*AH02564: Failed to configure encrypted \(\?\) private key localhost:443:0, check FILE\n/s],
    ['a terabyte',                 $sparse,     qr/emerg.*AH02574: Init: Can't open server private key file FILE.*emerg.*AH02564/s],
);

sub check {
    my ($what, $name, $certificate_file, $key_file, $file, $pattern) = @_;
    my $httpd  = TestHttpd->new("<VirtualHost *:\@PORT@>\nServerName localhost\nSSLEngine on\nSSLCertificateFile $certificate_file\nSSLCertificateKeyFile $key_file\n</VirtualHost>\n");
    my $result = $httpd->try_start;
    subtest "$what: $name" => sub {
        if ($pattern) {
            $pattern =~ s/FILE/\Q$file\E/g;
            is $result, 'exit 1', 'the server ends with status 1';
            like $httpd->error_log, qr/$pattern/, 'and says why';
            unlike $httpd->error_log, qr/resuming normal operations/, 'and never runs';
        }
        else {
            is $result, 'runs', 'the server runs' or diag $httpd->error_log;
            is(TlsClient->new(port => $httpd->port, sni => 'localhost', ca => undef)->handshake->get('/1k.bin')->{status}, 200, 'and serves') if $result eq 'runs';
        }
        unlike $httpd->error_log, qr/\bpanic\b/, 'nothing panicked';
    };
    $httpd->stop;
    return;
}

for my $case (@certificates) {
    my ($name, $file, $pattern) = @$case;
    next if !$ours && $name eq 'a terabyte';    # takes it for the certificate it begins with
    check('certificate', $name, $file, $file =~ /weak/ ? $file =~ s/pem$/key/r : $key, $file, $pattern);
}
for my $case (@keys) {
    my ($name, $file, $pattern) = @$case;
    next if !$ours && $name eq 'a terabyte';
    check('key', $name, $certificate, $file, $file, $pattern);
}
check('certificate and key', 'a byte order mark', (file('both.pem', "\xef\xbb\xbf", $pem, $secret)) x 3, undef);
done_testing;
