# Chains of clients: several ways to a root, long ones, and links that may not be what they are.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use ClientPki ();
use File::Temp ();
use POSIX ();
use TestHttpd ();
use TlsClient ();

my $ours = !TestHttpd::stock();
my $pki  = ClientPki->new;
my @past = (from => '20200101000000Z', to => '20210101000000Z');

# An authority with a certificate of each of two roots, and the roots with certificates of each other. One root is expired.
$pki->root($_) for qw(left right);
$pki->root('gone');
$pki->issue('gone-root', by => 'gone', ca => 1, key => 'gone', subject => '/O=Clients/CN=gone', @past);
for my $by (qw(left right)) {
    $pki->issue("mid-$by", by => $by, ca => 1, key => 'mid', subject => '/O=Clients/CN=mid');
    $pki->issue("late-$by", by => $by, ca => 1, key => 'mid', subject => '/O=Clients/CN=mid', @past);
}
$pki->issue('mid-gone', by => 'gone', ca => 1, key => 'mid', subject => '/O=Clients/CN=mid');
$pki->issue('right-by-left', by => 'left', ca => 1, key => 'right', subject => '/O=Clients/CN=right');
$pki->issue('right-by-gone', by => 'gone', ca => 1, key => 'right', subject => '/O=Clients/CN=right');
my $serial = 0;
my %sent;

# A client of the authority that sends these above its certificate.
sub below_mid {
    my (@chain) = @_;
    my $name = 'leaf-' . join '-', @chain;
    return $sent{$name} //= [$pki->issue($name, by => 'mid-left', chain => \@chain)];
}

# All roots of a test in one file, with lists of revoked certificates.
my %lists = (
    left  => sub { TestHttpd::slurp($pki->crl('left', @_, file => 'l' . ++$serial)) },
    right => sub { TestHttpd::slurp($pki->crl('right', @_, file => 'r' . ++$serial)) },
    mid   => sub { TestHttpd::slurp($pki->crl('mid-left', file => 'm' . ++$serial)) },
);
my $left_revokes = $pki->write('left-revokes.crl', $lists{left}->(revoked => ['mid-left']) . $lists{right}->() . $lists{mid}->());
my $nobody       = $pki->write('nobody.crl', $lists{left}->() . $lists{right}->() . $lists{mid}->());

my $number = 0;
sub trusts { my (@names) = @_; return 'SSLCACertificateFile ' . $pki->bundle('trust' . ++$number . '.pem', @names) }
my %trust = map { $_ => trusts(split /\+/) } qw(left right left+right gone-root gone-root+right left+mid-right right+mid-left mid-left left+late-left);
my $chain = 'SSLCARevocationCheck chain';
my @table = (
    # What is trusted, other lines, what is sent above the leaf, outcome, and that of optional_no_ca if it does not forgive that.
    ['left',            '', ['mid-left'],              'SUCCESS'],
    ['right',           '', ['mid-right'],             'SUCCESS'],
    ['right',           '', ['mid-left'],              'alert 48'],
    ['left',            '', [],                        'alert 48'],
    ['left+right',      '', ['mid-left', 'mid-right'], 'SUCCESS'],
    # The first that fits is taken, and the other way is not looked for.
    ['left',            '', ['mid-left', 'mid-right'], 'SUCCESS'],
    ['left',            '', ['mid-right', 'mid-left'], 'alert 48'],
    ['right',           '', ['mid-left', 'mid-right'], 'alert 48'],
    # One that is expired is passed over for one that is not, whatever the order.
    ['left+right',      '', ['late-left', 'mid-right'], 'SUCCESS'],
    ['left+right',      '', ['mid-left', 'late-right'], 'SUCCESS'],
    ['left+right',      '', ['late-left'],              'alert 45'],
    ['right',           '', ['late-left', 'mid-right'], 'SUCCESS'],
    # What the server has itself comes first.
    ['left+mid-right',  '', [],                         'alert 48', 'alert 48'],
    ['left+mid-right',  '', ['mid-left'],               'alert 48', 'alert 48'],
    ['right+mid-left',  '', ['mid-right'],              'alert 48', 'alert 48'],
    ['left+late-left',  '', ['mid-left'],               'alert 45'],
    # An authority that is not a root is no anchor.
    ['mid-left',        '', [],                         'alert 48', 'alert 48'],
    ['mid-left',        '', ['mid-left'],               'alert 48', 'alert 48'],
    # A root that is expired, alone and beside one by which there is another way.
    ['gone-root',       '', ['mid-gone'],               'alert 45'],
    ['gone-root+right', '', ['mid-gone', 'mid-right'],  'alert 45'],
    ['gone-root+right', '', ['mid-right', 'mid-gone'],  'SUCCESS'],
    # By a certificate of one root for the other.
    ['left',            '', ['mid-right', 'right-by-left'],                  'SUCCESS'],
    ['left+right',      '', ['mid-right', 'right-by-left'],                  'SUCCESS'],
    ['right',           '', ['mid-right', 'right-by-left'],                  'SUCCESS'],
    ['right',           '', ['mid-right', 'right-by-gone', 'gone-root'],     'SUCCESS'],
    ['gone-root',       '', ['mid-right', 'right-by-gone'],                  'alert 45'],
    # Revoked by one root, not by the other.
    ['left+right',      "$chain\nSSLCARevocationFile $nobody",       ['mid-left'],              'SUCCESS'],
    ['left+right',      "$chain\nSSLCARevocationFile $left_revokes", ['mid-left'],              'alert 44'],
    ['left+right',      "$chain\nSSLCARevocationFile $left_revokes", ['mid-right'],             'SUCCESS'],
    ['left+right',      "$chain\nSSLCARevocationFile $left_revokes", ['mid-left', 'mid-right'], 'alert 44'],
    ['left+right',      "$chain\nSSLCARevocationFile $left_revokes", ['mid-right', 'mid-left'], 'SUCCESS'],
);

# Links that are not what they should be: above a leaf "victim", below a root "one".
$pki->root('one');
my $ca_lines = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n";
$pki->issue('good-leaf', by => 'one');
$pki->issue('no-sign',   by => 'one', extensions => "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,cRLSign\n");
$pki->issue('no-ca',     by => 'one', extensions => "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,keyCertSign\n");
$pki->issue('servers',   by => 'one', extensions => "${ca_lines}extendedKeyUsage=serverAuth\n");
$pki->issue('clients',   by => 'one', extensions => "${ca_lines}extendedKeyUsage=clientAuth\n");
$pki->issue('top',       by => 'one', extensions => "basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign\n");
$pki->issue('below-top', by => 'top', ca => 1);
$pki->issue('narrow',    by => 'one', extensions => "${ca_lines}nameConstraints=critical,permitted;DNS:example.org\n");
$pki->issue('fake-one',  ca => 1, key => 'fake', subject => '/O=Clients/CN=one');
my %bad = (
    'a link that is no CA'              => ['alert 48', $pki->issue('v1', by => 'good-leaf', chain => ['good-leaf'])],
    'a CA that may not sign'            => ['alert 48', $pki->issue('v2', by => 'no-sign', chain => ['no-sign'])],
    'a link that says it is no CA'      => ['alert 48', $pki->issue('v3', by => 'no-ca', chain => ['no-ca'])],
    'a CA of servers'                   => ['alert 43', $pki->issue('v4', by => 'servers', chain => ['servers'])],
    'a CA of clients'                   => ['SUCCESS', $pki->issue('v5', by => 'clients', chain => ['clients'])],
    'a CA that may have none below it'  => ['alert 48', $pki->issue('v6', by => 'below-top', chain => ['below-top', 'top'])],
    'a name outside of the limits'      => ['alert 46', $pki->issue('v7', by => 'narrow', chain => ['narrow'], extensions => "subjectAltName=DNS:example.com\nextendedKeyUsage=clientAuth\n")],
    'a name inside of them'             => ['SUCCESS', $pki->issue('v8', by => 'narrow', chain => ['narrow'], extensions => "subjectAltName=DNS:a.example.org\nextendedKeyUsage=clientAuth\n")],
    'an extension that nobody knows'    => ['alert 46', $pki->issue('v9', by => 'one', extensions => "1.2.3.4.5=critical,ASN1:NULL\n")],
    'a purpose of its own'              => ['alert 43', $pki->issue('v10', by => 'one', eku => 'serverAuth')],
    'any purpose'                       => ['alert 43', $pki->issue('v11', by => 'one', eku => 'anyExtendedKeyUsage')],
    'the name of the CA, another key'   => ['alert 48', $pki->issue('v12', by => 'fake-one')],
    '... with that CA'                  => ['alert 48', $pki->issue('v13', by => 'fake-one', chain => ['fake-one'])],
    'itself as its chain'               => ['SUCCESS', $pki->issue('v15', by => 'clients', chain => [('clients') x 20])],
);

# Chains of 64 certificates, and of more than OpenSSL follows, the root among them.
$pki->issue('link1', by => 'one', ca => 1, key => 'link');
$pki->issue("link$_", by => 'link' . ($_ - 1), ca => 1, key => 'link') for 2 .. 110;
$bad{'links in disorder'} = ['SUCCESS', $pki->issue('v14', by => 'link3', chain => [qw(link1 one link3 link2)])];
my %long = map { $_ => [$pki->issue("long$_", by => 'link' . ($_ - 2), chain => [map { "link$_" } reverse 1 .. $_ - 2])] } 64, 100, 101, 102, 103, 110;

# --- The server ---------------------------------------------------------------------------------------------------------
my (@hosts, %port);
# The port of a host with these lines.
sub host {
    my ($lines) = @_;
    return $port{$lines} //= push @hosts, $lines;
}
my @modes = qw(require optional optional_no_ca);
for my $mode (@modes) {
    host("SSLVerifyClient $mode\nSSLVerifyDepth 5\n$trust{$_->[0]}\n$_->[1]") for @table;
    host("SSLVerifyClient $mode\nSSLVerifyDepth 200\nSSLCACertificateFile " . $pki->file('one'));
}
host("SSLVerifyClient require\nSSLVerifyDepth $_\nSSLCACertificateFile " . $pki->file('one')) for 62, 63;
my $httpd = TestHttpd->start(
    "SSLSessionCache shmcb\n" . join '', map { "<VirtualHost *:\@PORT$_\@>\nServerName localhost\nSSLEngine on\n\@ECDSA\@\n$hosts[$_ - 1]\nHeader set X-Verify \"%{SSL_CLIENT_VERIFY}s\"\nHeader set X-Top \"%{SSL_CLIENT_CERT_CHAIN_61}s\"\n</VirtualHost>\n" } 1 .. @hosts
);

# What a client gets: the value of SSL_CLIENT_VERIFY, or "alert NUMBER".
sub outcome {
    my ($lines, $version, $cert, %more) = @_;
    my $client = TlsClient->new(port => $httpd->port(host($lines)), version => $version, ca => undef, @$cert, %more);
    my $answer = eval { $client->handshake->get('/1k.bin', Host => 'localhost') };
    return ($answer->{headers}{'x-verify'} // "status $answer->{status}", $client, $answer) if $answer;
    my ($alert) = $client->alerts;
    return (defined $alert ? "alert $alert" : "failed: $@", $client);
}

for my $version ('1.2', '1.3') {
    for my $row (@table) {
        my ($trusts, $lines, $above, $expected, $strict) = @$row;
        my $what = join ', ', "trust in $trusts", ($lines ? $lines =~ s/\S+\/|\n/ /gr : ()), "sent: @$above";
        for my $mode (@modes) {
            my ($got) = outcome("SSLVerifyClient $mode\nSSLVerifyDepth 5\n$trust{$trusts}\n$lines", $version, below_mid(@$above));
            my $now = $expected;
            $now = $version eq '1.2' ? 'GENEROUS' : 'FAILED:' if $mode eq 'optional_no_ca' && $expected eq 'alert 48' && !$strict;
            is $got =~ s/(?<=FAILED:).*//r, $now, "TLS $version, $mode: $what";
        }
    }
}
my $one = 'SSLCACertificateFile ' . $pki->file('one');
for my $version ('1.2', '1.3') {
    for my $what (sort keys %bad) {
        my ($expected, @cert) = @{$bad{$what}};
        for my $mode (@modes) {
            my $now = $expected;
            # These are without an issuer, the others are not what they should be.
            $now = $version eq '1.2' ? 'GENEROUS' : 'FAILED:' if $mode eq 'optional_no_ca' && $what =~ /another key|with that CA/;
            is +(outcome("SSLVerifyClient $mode\nSSLVerifyDepth 200\n$one", $version, \@cert))[0] =~ s/(?<=FAILED:).*//r, $now, "TLS $version, $mode: $what";
        }
    }
    # OpenSSL follows a hundred above the client's.
    for my $count (sort { $a <=> $b } keys %long) {
        for my $mode (@modes) {
            is +(outcome("SSLVerifyClient $mode\nSSLVerifyDepth 200\n$one", $version, $long{$count}))[0], $count > 102 ? 'alert 48' : 'SUCCESS', "TLS $version, $mode: $count certificates";
        }
    }
    is +(outcome("SSLVerifyClient require\nSSLVerifyDepth 62\n$one", $version, $long{64}))[0], $ours ? 'alert 48' : 'alert 80', "TLS $version: 64 certificates, one too many";
    my ($got, $client, $answer) = outcome("SSLVerifyClient require\nSSLVerifyDepth 63\n$one", $version, $long{64});
    is $got, 'SUCCESS', '... as many as allowed';
    like $answer->{headers}{'x-top'}, qr/^-----BEGIN CERTIFICATE-----/, '... and all of them are known';
    my ($again, $second) = outcome("SSLVerifyClient require\nSSLVerifyDepth 63\n$one", $version, $long{64}, session => $client->session);
    is_deeply [$again, $second->reused], ['SUCCESS', 1], '... resumed';
}

# A folder of CAs may have something else in it, which nobody waits for. The distribution's module does.
if ($ours) {
    my $folder = File::Temp->newdir;
    chmod 0755, $folder;
    my ($hash) = split /\n/, qx(openssl x509 -in ${\ $pki->file('one') } -noout -hash);
    symlink $pki->file('one'), "$folder/$hash.0" or die "symlink: $!";
    POSIX::mkfifo("$folder/fifo", 0644) or die "mkfifo: $!";
    symlink '/dev/zero', "$folder/endless.pem" or die "symlink: $!";
    symlink "$folder/nowhere", "$folder/gone.pem" or die "symlink: $!";
    $httpd = TestHttpd->start("<VirtualHost *:\@PORT\@>\nServerName localhost\nSSLEngine on\n\@ECDSA\@\nSSLVerifyClient require\nSSLVerifyDepth 5\nSSLCACertificatePath $folder\nHeader set X-Verify \"%{SSL_CLIENT_VERIFY}s\"\n</VirtualHost>\n");
    my $client = TlsClient->new(port => $httpd->port, ca => undef, @{$bad{'a CA of clients'}}[1 .. 4]);
    is $client->handshake->get('/1k.bin', Host => 'localhost')->{headers}{'x-verify'}, 'SUCCESS', 'a folder of CAs with other things in it';
}
done_testing;
