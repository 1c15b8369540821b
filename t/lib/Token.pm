# A PKCS#11 token of a test's own: SoftHSM, with keys and certificates of localhost in it.
package Token;

use strict;
use warnings FATAL => 'all';

use Keys ();
use TestHttpd ();

sub library { my ($path) = grep { -e } '/usr/lib/softhsm/libsofthsm2.so', '/usr/lib64/pkcs11/libsofthsm2.so', glob '/usr/lib/*/softhsm/libsofthsm2.so'; return $path }
sub engine  { my ($path) = glob '/usr/lib/*/engines-3/pkcs11.so /usr/lib/engines-3/pkcs11.so /usr/lib64/engines-3/pkcs11.so'; return $path }

# What is missing for a token; nothing when all is there.
sub missing { return join ', ', (library() ? () : 'SoftHSM'), (engine() ? () : 'the engine pkcs11'), map { TestHttpd::which($_) ? () : $_ } qw(softhsm2-util pkcs11-tool) }

sub run {
    my (@command) = @_;
    my $output = qx(@command 2>&1);
    die "@command: $output" if $?;
    return;
}

# Makes the token `test` with the PIN 1234, and says in the environment where it is. Objects: rsa, ecdsa, each a key and a certificate.
sub make {
    my $folder = Keys::folder() . '/tokens';
    mkdir $folder or die "$folder: $!";
    $ENV{SOFTHSM2_CONF}      = Keys::write_file('softhsm2.conf', "directories.tokendir = $folder\nobjectstore.backend = file\nlog.level = ERROR\n");
    $ENV{PKCS11_MODULE_PATH} = library();
    run('softhsm2-util --init-token --free --label test --pin 1234 --so-pin 567890');
    my $id = 0;
    for my $type (qw(rsa ecdsa)) {
        $id++;
        my $tool = 'pkcs11-tool --module ' . library() . " --token-label test --login --pin 1234 --id 0$id --label $type";
        run("openssl pkey -in ${\ TestHttpd::certs() }/localhost-$type.key -outform DER -out $folder/key.der");
        run("$tool --write-object $folder/key.der --type privkey --usage-sign");
        run("openssl x509 -in ${\ Keys::certificate($type) } -outform DER -out $folder/cert.der");
        run("$tool --write-object $folder/cert.der --type cert");
    }
    return;
}

# A host whose certificate and key are files or identifiers.
sub config {
    my ($dialog, $certificate, $key, $more) = @_;
    $key = $key ? "SSLCertificateKeyFile \"$key\"\n" : '';
    return "SSLPassPhraseDialog \"$dialog\"\n<VirtualHost *:\@PORT@>\nServerName localhost\nSSLEngine on\nSSLCertificateFile \"$certificate\"\n$key" . ($more // '') . "</VirtualHost>\n";
}

1;
