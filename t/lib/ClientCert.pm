# Certificates of clients with any contents, built byte by byte: also those that no tool would make.
#
#   my $ca   = ClientCert->authority;                     # a root, and an issuer with the names of a table below it
#   my $file = $ca->issue(subject => ClientCert::name(['CN', 'x']), serial => '00FFEE01', san => [...], ...);
#   TlsClient->new(..., cert => $file, key => $ca->key)   # the file holds the certificate and that of its issuer
#   ... $ca->root ...                                     # for SSLOpenSSLConfCmd VerifyCAFile
package ClientCert;

use strict;
use warnings FATAL => 'all';

use Carp qw(croak);
use Keys ();
use MIME::Base64 ();
use POSIX qw(strftime);

# --- DER --------------------------------------------------------------------------------------------------------------

sub der {
    my ($tag, @contents) = @_;
    my $contents = join '', @contents;
    my $length   = length $contents;
    my $head     = $length < 128 ? chr $length : do { my $bytes = pack('N', $length) =~ s/\A\0+//r; chr(0x80 | length $bytes) . $bytes };
    return chr($tag) . $head . $contents;
}

sub sequence { return der(0x30, @_) }
sub set      { return der(0x31, sort @_) }

sub oid {
    my ($first, $second, @rest) = split /\./, $_[0];
    return der(0x06, chr($first * 40 + $second), map { my $n = $_; my $text = chr($n & 0x7f); $text = chr(0x80 | $n & 0x7f) . $text while $n >>= 7; $text } @rest);
}

# Tags of strings: utf8 unless said otherwise.
my %string = (utf8 => 0x0c, printable => 0x13, t61 => 0x14, ia5 => 0x16, visible => 0x1a, universal => 0x1c, bmp => 0x1e, numeric => 0x12, octet => 0x04, null => 0x05);

sub string { my ($type, $text) = @_; return der($string{$type} // croak("type $type"), $text) }

my %type = (
    C => '2.5.4.6', ST => '2.5.4.8', L => '2.5.4.7', O => '2.5.4.10', OU => '2.5.4.11', CN => '2.5.4.3', title => '2.5.4.12', initials => '2.5.4.43',
    GN => '2.5.4.42', SN => '2.5.4.4', description => '2.5.4.13', UID => '0.9.2342.19200300.100.1.1', x500UniqueIdentifier => '2.5.4.45',
    serialNumber => '2.5.4.5', street => '2.5.4.9', postalCode => '2.5.4.17', DC => '0.9.2342.19200300.100.1.25', pseudonym => '2.5.4.65',
    emailAddress => '1.2.840.113549.1.9.1',
);

sub attribute {
    my ($name, $text, $type) = @_;
    $type //= {emailAddress => 'ia5', DC => 'ia5', C => 'printable'}->{$name} // 'utf8';
    return sequence(oid($type{$name} // $name), string($type, $text));
}

# A name of [TYPE, TEXT, STRING TYPE] ..., in certificate order; an array of such arrays has several values.
sub name { return sequence(map { ref $_->[0] ? set(map { attribute(@$_) } @$_) : set(attribute(@$_)) } @_) }

# Alternative names.
sub dns   { return der(0x82, $_[0]) }
sub email { return der(0x81, $_[0]) }
sub uri   { return der(0x86, $_[0]) }
sub ip    { return der(0x87, $_[0]) }
sub directory { return der(0xa4, $_[0]) }
sub other { my ($oid, $value) = @_; return der(0xa0, oid($oid), der(0xa0, $value)) }
sub upn   { return other('1.3.6.1.4.1.311.20.2.3', $_[1] // string(utf8 => $_[0])) }

# Extensions.
sub extension { my ($oid, $value) = @_; return sequence(oid($oid), string(octet => $value)) }
sub san       { return extension('2.5.29.17', sequence(@_)) }

sub utc { return der(0x17, strftime('%y%m%d%H%M%SZ', gmtime $_[0])) }

# --- Authorities ------------------------------------------------------------------------------------------------------

my $sha256 = sequence(oid('2.16.840.1.101.3.4.2.1'));

# How an authority signs: the identifier of the algorithm, and what openssl is to be told.
my %algorithm = (
    rsa     => [sequence(oid('1.2.840.113549.1.1.11'), string(null => '')), 'dgst', '-sha256'],
    pss     => [
        sequence(oid('1.2.840.113549.1.1.10'), sequence(der(0xa0, $sha256), der(0xa1, sequence(oid('1.2.840.113549.1.1.8'), $sha256)), der(0xa2, der(0x02, "\x20")))),
        'dgst', '-sha256', '-sigopt', 'rsa_padding_mode:pss', '-sigopt', 'rsa_pss_saltlen:32',
    ],
    ed25519 => [sequence(oid('1.3.101.112')), 'pkeyutl', '-rawin'],
);
# Keys that a client can have.
my %key = (
    ecdsa     => [qw(EC -pkeyopt ec_paramgen_curve:P-256)],
    rsa       => [qw(RSA -pkeyopt rsa_keygen_bits:2048)],
    'rsa-pss' => [qw(RSA-PSS -pkeyopt rsa_keygen_bits:2048)],
    ed25519   => [qw(ED25519)],
);

my $count = 0;

sub authority {
    my ($class) = @_;
    my $self = bless {root_name => name(['CN', 'Client root'])}, $class;
    my %type = (root => 'rsa', issuer => 'rsa', modern => 'ed25519');
    $self->{$_} = new_key("$_-ca", $type{$_}) for sort keys %type;
    $self->{key} = new_key('client', 'ecdsa');
    $self->{modern_name} = name(['CN', 'Modern intermediate']);
    $self->{issuer_name} = name(['C', 'DE'], ['O', 'Spec Örg, Inc.'], ['OU', 'A'], ['OU', 'B'], ['CN', 'Spec Intermediate']);
    my $ca = sequence(oid('2.5.29.19'), der(0x01, "\xff"), string(octet => sequence(der(0x01, "\xff"))));
    $self->{root_pem}   = $self->sign(subject => $self->{root_name},   issuer => $self->{root_name}, by => 'root', key => $self->{root},   extensions => [$ca]);
    $self->{issuer_pem} = $self->sign(subject => $self->{issuer_name}, issuer => $self->{root_name}, by => 'root', key => $self->{issuer}, extensions => [$ca]);
    $self->{modern_pem} = $self->sign(subject => $self->{modern_name}, issuer => $self->{root_name}, by => 'root', key => $self->{modern}, extensions => [$ca]);
    $self->{root_file}  = Keys::write_file('client-root.pem', $self->{root_pem});
    return $self;
}

# The file of a new key of a type.
sub new_key {
    my ($name, $type) = @_;
    my $file = Keys::folder() . "/$name.key";
    Keys::openssl(qw(genpkey -quiet -algorithm), @{$key{$type}}, '-out', $file);
    return $file;
}

sub root       { $_[0]{root_file} }
sub key        { $_[0]{key} }
sub issuer_pem { $_[0]{issuer_pem} }

sub public_key {
    my ($key) = @_;
    my $der = qx(openssl pkey -in $key -pubout -outform DER);
    croak "openssl pkey: $?" if $?;
    return $der;
}

# PEM of a certificate. Options: subject, issuer, by ('root', 'issuer', 'modern'), algorithm (of the signature: rsa, pss, ed25519),
# key, serial (hex of the contents), version (3), start, end (DER of the times), extensions.
sub sign {
    my ($self, %option) = @_;
    my ($algorithm, @command) = @{$algorithm{$option{algorithm} // ($option{by} eq 'modern' ? 'ed25519' : 'rsa')}};
    my $extensions = $option{extensions} // [];
    my $now        = time;
    my $body       = sequence(
        ($option{version} // 3) > 1 ? der(0xa0, der(0x02, chr(($option{version} // 3) - 1))) : (),
        der(0x02, pack('H*', $option{serial} // sprintf '4%07x', ++$count)),
        $algorithm,
        $option{issuer},
        sequence($option{start} // utc($now - 86_400), $option{end} // utc($now + 10 * 86_400 + 3_600)),
        $option{subject},
        public_key($option{key}),
        @$extensions ? der(0xa3, sequence(@$extensions)) : (),
    );
    my $file = Keys::write_file('to-be-signed', $body);
    my @files = $command[0] eq 'dgst' ? ('-sign', $self->{$option{by}}, '-out', "$file.signature", $file) : ('-sign', '-inkey', $self->{$option{by}}, '-out', "$file.signature", '-in', $file);
    Keys::openssl(@command, @files);
    my $der = sequence($body, $algorithm, der(0x03, "\0", TestHttpd::slurp("$file.signature")));
    return "-----BEGIN CERTIFICATE-----\n" . (MIME::Base64::encode($der, '') =~ s/(.{1,64})/$1\n/gr) . "-----END CERTIFICATE-----\n";
}

# A file with a certificate of a client, and its issuer's.
sub issue {
    my ($self, %option) = @_;
    my $by  = $option{by} // 'issuer';
    my $pem = $self->sign(issuer => $self->{"${by}_name"}, by => $by, key => $self->{key}, %option);
    return Keys::write_file('client' . ++$count . '.pem', $pem, $self->{"${by}_pem"});
}

1;
