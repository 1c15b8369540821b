# Private keys in every form, plain and encrypted: files that must work, and what the log says of each.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use Keys ();
use MIME::Base64 ();
use TestHttpd ();
use TlsClient ();

my $folder  = Keys::folder();
my $program = Keys::program(q{print "secret\n"});

sub converted {
    my ($name, @arguments) = @_;
    Keys::openssl(@arguments, '-out', "$folder/$name");
    return "$folder/$name";
}

my (@plain, @encrypted);    # name, type, file, whether the log speaks of it
my @with = ('-aes256', '-passout', 'pass:secret');
for my $type (qw(rsa ecdsa ed25519)) {
    my $key = TestHttpd::certs() . "/localhost-$type.key";
    my $der = TestHttpd::slurp(converted("$type.pkcs8.der", 'pkcs8', '-topk8', '-nocrypt', '-in', $key, '-outform', 'DER'));
    push @plain,
        ["$type, PKCS#8",            $type, $key],
        ["$type, PKCS#8, DER",       $type, "$folder/$type.pkcs8.der", 1],
        ["$type, PKCS#8, base64",    $type, Keys::write_file("$type.base64", MIME::Base64::encode($der)), 1];
    push @encrypted,
        ["$type, PKCS#8",            $type, converted("$type.pkcs8.key", 'pkcs8', '-topk8', '-in', $key, '-v2', 'aes256', '-passout', 'pass:secret')],
        ["$type, PKCS#8, scrypt",    $type, converted("$type.scrypt.key", 'pkcs8', '-topk8', '-in', $key, '-scrypt', '-passout', 'pass:secret')],
        ["$type, PKCS#8, DER",       $type, converted("$type.encrypted.der", 'pkcs8', '-topk8', '-in', $key, '-v2', 'aes256', '-passout', 'pass:secret', '-outform', 'DER')];
    next if $type eq 'ed25519';
    my $tool = $type eq 'rsa' ? 'rsa' : 'ec';
    my @form = $type eq 'rsa' ? '-traditional' : ();
    $der = TestHttpd::slurp(converted("$type.traditional.der", $tool, @form, '-in', $key, '-outform', 'DER'));
    push @plain,
        ["$type, traditional",         $type, converted("$type.traditional.key", $tool, @form, '-in', $key)],
        ["$type, traditional, DER",    $type, "$folder/$type.traditional.der", 1],
        ["$type, traditional, base64", $type, Keys::write_file("$type.traditional.base64", MIME::Base64::encode($der)), 1];
    push @encrypted, ["$type, traditional", $type, converted("$type.traditional-encrypted.key", $tool, @form, '-in', $key, @with)];
}
push @encrypted, ['rsa, CRLF', 'rsa', Keys::write_file('crlf.key', TestHttpd::slurp("$folder/rsa.pkcs8.key") =~ s/\n/\r\n/gr)];

for my $case (@plain) {
    my ($name, $type, $file, $is_told) = @$case;
    my $httpd = TestHttpd->new(Keys::config("exec:$program", [$type, $file]));
    subtest "plain: $name" => sub {
        is $httpd->try_start, 'runs', 'the server runs' or return diag $httpd->error_log;
        is(TlsClient->new(port => $httpd->port, sni => 'localhost')->handshake->key_type, $type, 'the handshake works');
        is_deeply [Keys::asked()], [], 'nobody is asked';
        if ($is_told) {
            like $httpd->error_log, qr/info.*AH02576: Attempting to load encrypted \(\?\) private key localhost:443:0\n.*debug.*AH02582: unencrypted localhost:443:0 private key - pass phrase not required/, 'the log';
        }
        else {
            unlike $httpd->error_log, qr/AH0257[56]/, 'the log';
        }
    };
    $httpd->stop;
}
for my $case (@encrypted) {
    my ($name, $type, $file) = @$case;
    next if TestHttpd::stock() && $name =~ /DER/;    # it asks, but does not open it
    my $httpd = TestHttpd->new(Keys::config("exec:$program", [$type, $file]));
    subtest "encrypted: $name" => sub {
        is $httpd->try_start, 'runs', 'the server runs' or return diag $httpd->error_log;
        is(TlsClient->new(port => $httpd->port, sni => 'localhost')->handshake->key_type, $type, 'the handshake works');
        is scalar Keys::asked(), 1, 'the program is asked once';
        like $httpd->error_log, qr/debug.*AH02583: encrypted localhost:443:0 private key - pass phrase requested/, 'the log';
    };
    $httpd->stop;
    Keys::asked();
}

# Certificate and encrypted key in one file.
my $combined = Keys::write_file('combined.pem', TestHttpd::slurp(Keys::certificate('ecdsa')), TestHttpd::slurp("$folder/ecdsa.pkcs8.key"));
my $httpd = TestHttpd->start("SSLPassPhraseDialog exec:$program\n<VirtualHost *:\@PORT@>\nServerName localhost\nSSLEngine on\nSSLCertificateFile $combined\n</VirtualHost>\n");
is(TlsClient->new(port => $httpd->port, sni => 'localhost')->handshake->key_type, 'ecdsa', 'a certificate and its encrypted key in one file');
$httpd->stop;

# The right phrase for a key of another certificate.
$httpd = TestHttpd->new(Keys::config("exec:$program", ['rsa', "$folder/ecdsa.pkcs8.key"]));
is $httpd->try_start, 'exit 1', 'an encrypted key of another certificate';
like $httpd->error_log, qr/emerg.*AH02565: Certificate and private key localhost:443:0 from \S+ and \S+ do not match/, '... is told';
done_testing;
