# Authorities of a test's own, and certificates of clients with everything that can be wrong with them.
#
#   my $pki = ClientPki->new;
#   $pki->root('one');                                             # an authority
#   $pki->issue('mid', by => 'one', ca => 1);                      # one below it
#   my @cert = $pki->issue('good', by => 'mid');                   # (cert => FILE, key => FILE), for TlsClient
#   $pki->file('one'), $pki->crl('one', revoked => ['bad'])        # names of files
#
# Options of issue: by (itself without it), ca, eku, san, rsa (a key of that kind), days, from and to (YYYYMMDDHHMMSSZ), chain
# (names of what is sent after it), subject, key (of another certificate), extensions (lines of openssl's, in place of those by
# the other options).
package ClientPki;

use strict;
use warnings FATAL => 'all';

use Carp qw(croak);
use File::Temp ();
use TestHttpd ();

sub new {
    my ($class) = @_;
    my $self = bless {folder => File::Temp->newdir, serial => 1000, serial_of => {}}, $class;
    chmod 0755, $self->{folder} or croak "$self->{folder}: $!";
    return $self;
}

sub file { return "$_[0]{folder}/$_[1].pem" }
sub key  { return "$_[0]{folder}/$_[1].key" }

sub _openssl {
    my ($self, @arguments) = @_;
    my $pid = fork // croak "fork: $!";
    if (!$pid) {
        chdir $self->{folder} or exit 1;
        open STDERR, '>', 'messages' or exit 1;
        open STDOUT, '>', '/dev/null' or exit 1;
        exec 'openssl', @arguments or exit 1;
    }
    waitpid $pid, 0;
    $? == 0 or croak "openssl @arguments: " . TestHttpd::slurp("$self->{folder}/messages");
    return;
}

sub write {
    my ($self, $name, $text) = @_;
    open my $file, '>', "$self->{folder}/$name.new" or croak "$name: $!";
    print {$file} $text;
    close $file or croak "$name: $!";
    rename "$self->{folder}/$name.new", "$self->{folder}/$name" or croak "$name: $!";
    return "$self->{folder}/$name";
}

sub new_key { my ($self, $name) = @_; $self->_openssl(qw(genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out), "$name.key"); return }

sub root { my ($self, $name) = @_; $self->issue($name, ca => 1); return $self->file($name) }

sub issue {
    my ($self, $name, %option) = @_;
    my $key = $option{key} // $name;
    $self->_openssl(qw(genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out), "$key.key") if $option{rsa} && !-e $self->key($key);
    $self->new_key($key) unless -e $self->key($key);
    # What it issues is signed with that.
    symlink "$key.key", $self->key($name) if $key ne $name;
    my $subject = $option{subject} // "/O=Clients/CN=$name";
    my $extensions = $option{ca} ? "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n" : "basicConstraints=CA:FALSE\nextendedKeyUsage=" . ($option{eku} // 'clientAuth') . "\n";
    $extensions .= "subjectAltName=$option{san}\n" if $option{san};
    $extensions = $option{extensions} if $option{extensions};
    $self->write("$name.ext", "[e]\nsubjectKeyIdentifier=hash\n$extensions");
    $self->_openssl('req', '-new', '-utf8', '-key', "$key.key", '-subj', $subject, '-out', "$name.csr");
    my $serial = $self->{serial_of}{$name} = $self->{serial}++;
    my $by = $option{by};
    my @time = $option{from} ? ('-not_before', $option{from}, '-not_after', $option{to}) : ('-days', $option{days} // 30);
    my @by = $by ? ('-CA', "$by.pem", '-CAkey', "$by.key") : ('-key', "$key.key");
    if ($option{from}) {
        # Only openssl ca of 3.0 can set the dates.
        $self->write('ca.conf', "[ca]\ndefault_ca=x\n[x]\ndatabase=index\nnew_certs_dir=.\nserial=serial\ndefault_md=sha256\npolicy=p\nunique_subject=no\n[p]\nO=optional\nCN=optional\n");
        $self->write('index', '');
        $self->write('serial', sprintf("%04X\n", $serial));
        $self->_openssl('ca', '-batch', '-config', 'ca.conf', '-notext', '-in', "$name.csr", '-out', "$name.pem", '-cert', "$by.pem", '-keyfile', "$by.key",
            '-startdate', $option{from}, '-enddate', $option{to}, '-extfile', "$name.ext", '-extensions', 'e');
    } else {
        $self->_openssl('x509', '-req', '-in', "$name.csr", @by, '-set_serial', $serial, @time, '-extfile', "$name.ext", '-extensions', 'e', '-out', "$name.pem");
    }
    return $self->client($name, key => $key, chain => $option{chain});
}

# A certificate with what is sent after it.
sub client {
    my ($self, $name, %option) = @_;
    my $file = $self->write("$name.sent", join '', map { TestHttpd::slurp($self->file($_)) } $name, @{$option{chain} // []});
    return (cert => $file, key => $self->key($option{key} // $name));
}

# One file with a certificate, what is sent after it, and its key.
sub combined {
    my ($self, $name, %option) = @_;
    my @files = ((map { $self->file($_) } $name, @{$option{chain} // []}), $self->key($option{key} // $name));
    return $self->write("$name.all", join '', map { TestHttpd::slurp($_) } @files);
}

# One file with the certificates of several.
sub bundle { my ($self, $name, @names) = @_; return $self->write($name, join '', map { TestHttpd::slurp($self->file($_)) } @names) }

# A list of revoked certificates. Options: revoked => [names], to => when the next one is due.
sub crl {
    my ($self, $by, %option) = @_;
    my $index = join '', map { sprintf "R\t300101000000Z\t200101000000Z\t%04X\tunknown\t/CN=%s\n", $self->{serial_of}{$_}, $_ } @{$option{revoked} // []};
    $self->write('crl.index', $index);
    $self->write('crl.number', sprintf "%04X\n", $self->{serial}++);
    $self->write('crl.conf', "[ca]\ndefault_ca=x\n[x]\ndatabase=crl.index\ncrlnumber=crl.number\ndefault_md=sha256\ndefault_crl_days=20\n");
    my $file = $option{file} // "$by.crl";
    my @time = $option{to} ? ('-crl_lastupdate', '20200101000000Z', '-crl_nextupdate', $option{to}) : ();
    $self->_openssl('ca', '-config', 'crl.conf', '-gencrl', '-cert', "$by.pem", '-keyfile', "$by.key", @time, '-out', "$file.tmp");
    rename "$self->{folder}/$file.tmp", "$self->{folder}/$file" or croak "$file: $!";
    return "$self->{folder}/$file";
}

1;
