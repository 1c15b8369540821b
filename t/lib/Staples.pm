# Certificates of servers whose responder is a Responder, and what is stapled to them.
#
#   my $pki = Staples->new;
#   $pki->certificate('a', path => 'good', type => 'ec')   # lines for a vhost; its responder is /good
#   $pki->responder                                        # see Responder
#   Staples::stapled($httpd, name => 'localhost')          # 'good', 'revoked', 'unknown', 'none', 'error trylater' ...
package Staples;

use strict;
use warnings FATAL => 'all';

use Responder ();
use TestHttpd ();

sub new {
    my ($class) = @_;
    return bless {responder => Responder->start}, $class;
}

sub responder { $_[0]{responder} }
sub folder    { $_[0]{responder}->folder }

# Makes a certificate and gives the lines for it. path: where its responder is, undef for none; url: the whole of
# it; extensions: further lines; type: ec or rsa; name: whose it is; chain => 0: without its issuer.
sub certificate {
    my ($self, $file, %option) = @_;
    my $responder = $self->{responder};
    my $url       = $option{url} // (defined $option{path} ? $responder->url($option{path}) : undef);
    my $name      = $option{name} // 'localhost';
    my $lines     = "basicConstraints=CA:false\nsubjectAltName=DNS:$name\n" . ($option{extensions} // '');
    $lines .= "authorityInfoAccess=OCSP;URI:$url\n" if defined $url;
    $responder->issue($file, $lines, $option{type});
    $responder->index_of($_) for qw(good revoked unknown);
    my $folder = $self->folder;
    my $text   = TestHttpd::slurp("$folder/$file.pem");
    $text .= TestHttpd::slurp("$folder/ca.pem") if $option{chain} // 1;
    $responder->write_file("$file.chain", $text);
    return "SSLCertificateFile $folder/$file.chain\nSSLCertificateKeyFile $folder/$file.key\n";
}

# Writes a response about a certificate.
sub response {
    my ($self, $file, $out, $status, $signer, %option) = @_;
    my $responder = $self->{responder};
    $responder->openssl("ocsp -no_nonce -issuer ca.pem -cert $file.pem -reqout $file.question");
    $responder->write_file($out, $responder->sign("$file.question", $status // 'good', $signer // 'ca', %option));
    return $self->folder . "/$out";
}

sub vhost {
    my ($lines, $name) = @_;
    return "<VirtualHost *:\@PORT@>\nServerName ${\($name // 'localhost')}\nSSLEngine on\n$lines\n</VirtualHost>\n";
}

# What s_client prints of a handshake in which it asks for a response.
sub shown {
    my ($httpd, %option) = @_;
    my $name    = $option{name}    // 'localhost';
    my $version = $option{version} // 'tls1_3';
    my $more    = $option{options} // '';
    return qx(openssl s_client -connect 127.0.0.1:${\ $httpd->port} -servername $name -$version -status $more </dev/null 2>&1);
}

sub stapled {
    my $text = shown(@_);
    return "no handshake: $text" unless $text =~ /^(?:New|Reused), TLS/m;
    return 'none' if $text =~ /OCSP response: no response sent/ || $text !~ /OCSP response/i;
    return lc "error $1" if $text =~ /OCSP Response Status: (\w+) \(0x[1-9]/;
    return $text =~ /Cert Status: (\w+)/ ? $1 : $text;
}

# Waits until that is stapled.
sub wait_stapled {
    my ($httpd, $wanted, %option) = @_;
    my $last = '';
    my $wait = eval { $httpd->wait_for(sub { ($last = stapled($httpd, %option)) eq $wanted }, "$wanted to be stapled"); 1 };
    return $wait ? $wanted : "$last; $@";
}

1;
