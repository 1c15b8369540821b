# Client certificates of a test's own, and hosts that ask for them.
#
#   my $clients = ClientCertificate->new;
#   my $httpd = TestHttpd->start($clients->optional . ...);       # lines for a virtual host: may send one
#   Curl::get($url, $clients->options('/CN=somebody'));           # curl with a certificate of this subject
package ClientCertificate;

use strict;
use warnings FATAL => 'all';

use Carp qw(croak);
use File::Temp ();
use TestHttpd ();

sub new {
    my ($class) = @_;
    my $self = bless {folder => File::Temp->newdir, made => {}}, $class;
    chmod 0755, $self->{folder} or croak "$self->{folder}: $!";
    $self->_openssl(qw(req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=Clients -keyout ca.key -out ca.pem));
    return $self;
}

sub _openssl {
    my ($self, @arguments) = @_;
    my $pid = fork // croak "fork: $!";
    if (!$pid) {
        chdir $self->{folder} or exit 1;
        open STDERR, '>', 'messages' or exit 1;
        exec 'openssl', @arguments or exit 1;
    }
    waitpid $pid, 0;
    $? == 0 or croak "openssl @arguments: " . TestHttpd::slurp("$self->{folder}/messages");
    return;
}

sub ca { "$_[0]{folder}/ca.pem" }

# The lines of a virtual host that a client may send a certificate to.
sub optional {
    my ($self) = @_;
    my $ca = $self->ca;
    return "SSLVerifyClient optional\nSSLCACertificateFile $ca\n" if TestHttpd::stock();
    return "SSLOpenSSLConfCmd VerifyMode Request\nSSLOpenSSLConfCmd VerifyCAFile $ca\n";
}

# Options for curl: a certificate of that subject (as `openssl req -subj` takes it), made at the first call.
sub options {
    my ($self, $subject) = @_;
    my $name = $self->{made}{$subject} //= do {
        my $name = 'client' . keys %{$self->{made}};
        $self->_openssl(qw(req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -utf8 -subj), $subject, '-keyout', "$name.key", '-out', "$name.csr");
        $self->_openssl(qw(x509 -req -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -in), "$name.csr", '-out', "$name.pem");
        $name;
    };
    return ('--cert', "$self->{folder}/$name.pem", '--key', "$self->{folder}/$name.key");
}

1;
