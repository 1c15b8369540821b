# SSLOpenSSLConfCmd: what its commands do at the host that SNI names, beside certificates and sessions.
use strict;
use warnings FATAL => 'all';
use File::Copy qw(copy);
use MIME::Base64 qw(encode_base64);
use Test::More;
use lib 'lib', 't/lib';
use Keys ();
use TestHttpd ();
use TlsClient ();

my $folder = Keys::folder();
my $info   = Keys::write_file('serverinfo.pem', "-----BEGIN SERVERINFO FOR X-----\n", encode_base64(pack('nna*', 1234, 4, 'info')), "-----END SERVERINFO FOR X-----\n");

sub host {
    my ($port, $name, $lines) = @_;
    return "<VirtualHost *:\@PORT$port\@>\nServerName $name.test\nSSLEngine on\n$lines\n</VirtualHost>\n";
}

my $httpd = TestHttpd->start(join '',
    host('',  'rsa',   "\@RSA\@\nSSLOpenSSLConfCmd ServerInfoFile $info"),
    host('',  'same',  "\@RSA\@\nSSLOpenSSLConfCmd ServerInfoFile $info"),
    host('2', 'ecdsa', "\@ECDSA\@\nSSLOpenSSLConfCmd ServerInfoFile $info"),
    host('3', 'plain', "\@ECDSA\@"),
    host('3', 'newer', "\@ECDSA\@\nSSLProtocol all\nSSLOpenSSLConfCmd MinProtocol TLSv1.3"),
    host('3', 'alone', "\@ECDSA\@\nSSLOpenSSLConfCmd MinProtocol TLSv1.3"),
);

sub s_client {
    my ($port, $name, @options) = @_;
    return qx(openssl s_client -connect 127.0.0.1:@{[$httpd->port($port)]} -servername $name.test @options </dev/null 2>&1);
}

# ServerInfoFile belongs to certificates, and there must be some when it is read.
like s_client($_->[0], $_->[1], '-tls1_2 -serverinfo 1234'), qr/BEGIN SERVERINFO FOR EXTENSION 1234/, "$_->[1]: server information" for [1, 'rsa'], [1, 'same'], [2, 'ecdsa'];

# Versions are those of the host.
like s_client(3, 'plain', '-tls1_2'), qr/New, TLSv1\.2/, 'TLS 1.2 where nothing forbids it';
like s_client(3, 'newer', '-tls1_2'), qr/alert protocol version/, 'MinProtocol of the host that is named';
like s_client(3, 'newer', '-tls1_3'), qr/New, TLSv1\.3/, '... which serves others';
SKIP: {
    skip 'the distribution passes it over without SSLProtocol', 1 if TestHttpd::stock();
    like s_client(3, 'alone', '-tls1_2'), qr/alert protocol version/, 'MinProtocol alone';
}
$httpd->stop;

# A command that makes the context stricter than a certificate is does not concern those that are there already.
Keys::openssl(qw(req -x509 -nodes -newkey rsa:1024 -days 10 -subj /CN=small.test -keyout), "$folder/small.key", '-out', "$folder/small.pem");
my $small = "SSLCertificateFile $folder/small.pem\nSSLCertificateKeyFile $folder/small.key";
my $stricter = "SSLCipherSuite DEFAULT\@SECLEVEL=0\nSSLOpenSSLConfCmd CipherString DEFAULT\@SECLEVEL=2";
for my $order (['small', 'large'], ['large', 'small']) {
    my %lines = (small => "$small\n$stricter", large => "\@RSA\@\n$stricter");
    $httpd = TestHttpd->start(join '', map { host('', $_, $lines{$_}) } @$order);
    like s_client(1, 'large', '-cipher DEFAULT@SECLEVEL=0'), qr/New, TLSv1\.3/, "@$order: the host with the larger key";
    like s_client(1, 'small', '-cipher DEFAULT@SECLEVEL=0'), qr/New, TLSv1/, '... and the one with the smaller';
    $httpd->stop;
}

# Who was let in by a CA that is no longer in the file does not come back by a session.
for my $ca (qw(old new)) {
    Keys::openssl(qw(req -x509 -nodes -newkey rsa:2048 -days 10 -subj), "/CN=$ca", '-keyout', "$folder/$ca.key", '-out', "$folder/$ca.pem");
}
Keys::openssl(qw(req -nodes -newkey rsa:2048 -subj /CN=client -keyout), "$folder/client.key", '-out', "$folder/client.csr");
Keys::openssl(qw(x509 -req -in), "$folder/client.csr", '-CA', "$folder/old.pem", '-CAkey', "$folder/old.key", qw(-days 5 -CAcreateserial -out), "$folder/client.pem");
Keys::openssl(qw(rand -out), "$folder/ticket", '48');
SKIP: {
    skip 'the distribution resumes it', 8 if TestHttpd::stock();
    for my $kind (['a file', "VerifyCAFile $folder/ca.pem", "$folder/ca.pem"], ['a folder', "VerifyCAPath $folder/cas", "$folder/cas/old.pem"]) {
        my ($what, $command, $place) = @$kind;
        mkdir "$folder/cas";
        copy("$folder/old.pem", $place) or die "$place: $!";
        my $rehash = sub { Keys::openssl('rehash', "$folder/cas") };
        $rehash->();
        $httpd = TestHttpd->start(host('', 'localhost', "\@RSA\@\nSSLSessionTicketKeyFile $folder/ticket\nSSLOpenSSLConfCmd VerifyMode Require\nSSLOpenSSLConfCmd $command"));
        my $visit = sub {
            my ($version, @options) = @_;
            return qx((printf 'GET /1.bin HTTP/1.0\\r\\nHost: localhost.test\\r\\n\\r\\n'; sleep 1) | openssl s_client -connect 127.0.0.1:@{[$httpd->port]} -servername localhost.test -$version -ign_eof @options 2>&1);
        };
        for my $version (qw(tls1_2 tls1_3)) {
            like $visit->($version, '-cert', "$folder/client.pem", '-key', "$folder/client.key", '-sess_out', "$folder/$version.session"), qr{HTTP/1\.1 200}, "$what, $version: the client is known";
        }
        $place =~ /cas/ ? unlink($place) : copy("$folder/new.pem", $place);
        $rehash->();
        $httpd->graceful;
        unlike $visit->($_, '-sess_in', "$folder/$_.session"), qr{HTTP/1\.1 200}, "$what, $_: it is not any more" for qw(tls1_2 tls1_3);
        $httpd->stop;
    }
}
done_testing;
