# Lists of revoked certificates: which are looked at, how far, what their absence means; changes while the server runs.
use strict;
use warnings FATAL => 'all';
use POSIX ();
use Test::More;
use lib 'lib', 't/lib';
use ClientPki ();
use TestHttpd ();
use TlsClient ();

my $pki = ClientPki->new;
$pki->root($_) for qw(one two);
$pki->issue('mid', by => 'one', ca => 1);
my %client = (
    good  => [$pki->issue('good', by => 'one')],
    bad   => [$pki->issue('bad', by => 'one')],
    below => [$pki->issue('below', by => 'mid', chain => ['mid'])],
    other => [$pki->issue('other', by => 'two')],
);
my $ca = 'SSLCACertificateFile ' . $pki->file('one');
my $both = $pki->write('both.crl', TestHttpd::slurp($pki->crl('one', revoked => ['bad'])) . TestHttpd::slurp($pki->crl('mid')));
my $list = $pki->crl('one', revoked => ['bad']);
my $other = $pki->crl('mid', file => 'other.crl');
my $old  = $pki->crl('one', file => 'old.crl', to => '20210101000000Z');
$pki->crl('one', revoked => ['mid'], file => 'mid-revoked.crl');
my $revoked = $pki->write('chain.crl', TestHttpd::slurp($pki->file('one') =~ s/one\.pem\z/mid-revoked.crl/r) . TestHttpd::slurp($other));

my $serial = 0;
sub host {
    my ($lines) = @_;
    $serial++;
    return "<VirtualHost *:\@PORT$serial\@>\nServerName localhost\nSSLEngine on\n\@ECDSA\@\nSSLVerifyClient require\nSSLVerifyDepth 5\n$ca\n$lines\n</VirtualHost>\n";
}

sub outcome {
    my ($port, $version, $cert, %more) = @_;
    my $client = TlsClient->new(port => $port, version => $version, ca => undef, @$cert, %more);
    my $answer = eval { $client->handshake->get('/1k.bin', Host => 'localhost') };
    return ($answer->{status}, $client) if $answer;
    my ($alert) = $client->alerts;
    return (defined $alert ? "alert $alert" : "failed: $@", $client);
}

# lines, then what good, bad, below and other get
my @table = (
    ["SSLCARevocationFile $list",                                               [200, 200, 200]],
    ["SSLCARevocationFile $list\nSSLCARevocationCheck none",                    [200, 200, 200]],
    ["SSLCARevocationFile $list\nSSLCARevocationCheck leaf",                    [200, 'alert 44', 'alert 48']],
    ["SSLCARevocationFile $list\nSSLCARevocationCheck leaf no_crl_for_cert_ok", [200, 'alert 44', 200]],
    ["SSLCARevocationFile $both\nSSLCARevocationCheck chain",                   [200, 'alert 44', 200]],
    ["SSLCARevocationFile $list\nSSLCARevocationCheck chain",                   [200, 'alert 44', 'alert 48']],
    ["SSLCARevocationFile $list\nSSLCARevocationCheck chain no_crl_for_cert_ok", [200, 'alert 44', 200]],
    ["SSLCARevocationFile $other\nSSLCARevocationCheck leaf",                   ['alert 48', 'alert 48', 200]],
    ["SSLCARevocationFile $old\nSSLCARevocationCheck leaf",                     ['alert 46', 'alert 46', 'alert 48']],
    ["SSLCARevocationFile $old\nSSLCARevocationCheck leaf no_crl_for_cert_ok", ['alert 46', 'alert 46', 200]],
    ["SSLCARevocationFile $old\nSSLCARevocationCheck chain",                   ['alert 46', 'alert 46', 'alert 48']],
    ["SSLCARevocationFile $old\nSSLCARevocationCheck chain no_crl_for_cert_ok", ['alert 46', 'alert 46', 'alert 46']],
    ["SSLCARevocationFile $revoked\nSSLCARevocationCheck leaf no_crl_for_cert_ok", [200, 200, 200]],
    ["SSLCARevocationFile $revoked\nSSLCARevocationCheck chain no_crl_for_cert_ok", [200, 200, 'alert 44']],
    ["SSLVerifyClient optional\nSSLCARevocationFile $list\nSSLCARevocationCheck leaf", [200, 'alert 44', 'alert 48']],
    ["SSLVerifyClient optional\nSSLCARevocationFile $revoked\nSSLCARevocationCheck chain", [200, 200, 'alert 44']],
    ["SSLVerifyClient optional_no_ca\nSSLCARevocationFile $list\nSSLCARevocationCheck leaf", [200, 'alert 44', 'alert 48']],
    ["SSLVerifyClient optional_no_ca\nSSLCARevocationFile $list\nSSLCARevocationCheck leaf no_crl_for_cert_ok", [200, 'alert 44', 200, 200]],
    ["SSLVerifyClient optional_no_ca\nSSLCARevocationFile $revoked\nSSLCARevocationCheck chain", [200, 200, 'alert 44']],
    ["SSLVerifyClient optional_no_ca\nSSLCARevocationFile $old\nSSLCARevocationCheck leaf no_crl_for_cert_ok", ['alert 46', 'alert 46', 200, 200]],
    ["SSLCARevocationFile $revoked\nSSLCARevocationCheck leaf",                 [200, 200, 200]],
    ["SSLCARevocationFile $revoked\nSSLCARevocationCheck chain",                [200, 200, 'alert 44']],
);
my $httpd = TestHttpd->start("SSLSessionCache shmcb\nLogLevel ssl:debug\n" . join '', map { host($_->[0]) } @table);
for my $version ('1.2', '1.3') {
    for my $index (0 .. $#table) {
        my ($lines, $expected) = @{$table[$index]};
        my @got = map { (outcome($httpd->port($index + 1), $version, $client{$_}))[0] } qw(good bad below other);
        # Nobody vouches for the last one.
        is_deeply \@got, [@$expected, ('alert 48') x (4 - @$expected)], "TLS $version: " . $lines =~ s/\S+\/|\n/ /gr;
    }
}
my $log = $httpd->error_log;
for my $line (
    qr/AH01900: Configuring certificate revocation facility/,
    qr/ssl:warn.* AH01902: Host localhost:\d+: X.509 CRL storage locations configured, but CRL checking \(SSLCARevocationCheck\) is not enabled/,
    qr/CRL checking mode: leaf \(1\)/, qr/CRL checking mode: chain \(2\)/, qr/CRL checking mode: leaf \(5\)/, qr/CRL checking mode: chain \(6\)/,
    qr/AH02276: Certificate Verification: Error \(23\): certificate revoked/,
    qr/AH02276: Certificate Verification: Error \(3\): unable to get certificate CRL/,
    qr/AH02276: Certificate Verification: Error \(12\): CRL has expired/,
) {
    like $log, $line, "logged: $line";
}

# Tries until the answer is the one that is waited for: the server looks at its files once a second.
sub becomes {
    my ($server, $expected, $what, @arguments) = @_;
    my $got;
    $server->wait_for(sub { ($got) = outcome(@arguments); return $got eq $expected }, $what);
    is $got, $expected, $what;
    return;
}

# A newer list beside the one that is there is seen while the server runs.
{
    my $folder = File::Temp->newdir;
    chmod 0755, $folder;
    my ($hash) = split /\n/, qx(openssl crl -in $list -noout -hash);
    my $add = sub {
        my ($file, $number) = @_;
        open my $new, '>', "$folder/new" or die "new: $!";
        print {$new} TestHttpd::slurp($file);
        close $new;
        rename "$folder/new", "$folder/$hash.r$number" or die "rename: $!";
    };
    $add->($pki->crl('one', file => 'first.crl', to => '20380101000000Z'), 0);
    $serial = 0;
    my $server = TestHttpd->start(host("SSLCARevocationCheck leaf\nSSLCARevocationPath $folder"));
    is +(outcome($server->port, '1.3', $client{bad}))[0], 200, 'a folder with a list: not revoked';
    $add->($pki->crl('one', revoked => ['bad'], file => 'second.crl'), 1);
    becomes($server, 'alert 44', 'a newer one beside it', $server->port, '1.3', $client{bad});
    is +(outcome($server->port, '1.3', $client{good}))[0], 200, '... which has not the other';
}

# --- Changes --------------------------------------------------------------------------------------------------------
# The distribution's module reads files at its start only.
if (TestHttpd::stock()) { done_testing; exit }

for my $kind (qw(file directory)) {
    my $folder = File::Temp->newdir;
    chmod 0755, $folder;
    my ($hash) = split /\n/, qx(openssl crl -in $list -noout -hash);
    my $place = $kind eq 'file' ? "$folder/lists.pem" : "$folder/$hash.r0";
    my $put = sub {
        my ($file) = @_;
        open my $new, '>', "$folder/new" or die "new: $!";
        print {$new} TestHttpd::slurp($file);
        close $new;
        rename "$folder/new", $place or die "rename: $!";
    };
    my $empty = $pki->crl('one', file => 'empty.crl');
    $put->($empty);
    $serial = 0;
    my $directive = $kind eq 'file' ? "SSLCARevocationFile $place" : "SSLCARevocationPath $folder";
    my $server = TestHttpd->start("SSLSessionCache shmcb\nLogLevel ssl:info\n" . host("SSLCARevocationCheck leaf\n$directive") . host("SSLCARevocationCheck leaf\n$directive\nSSLSessionTickets off"));
    my %session;
    for my $version ('1.2', '1.3') {
        for my $port (1, 2) {
            my ($status, $client) = outcome($server->port($port), $version, $client{bad});
            is $status, 200, "$kind, TLS $version: not revoked";
            my ($again, $second) = outcome($server->port($port), $version, $client{bad}, session => $client->session);
            is $second->reused, 1, '... and resumed';
            $session{$version}{$port} = [$second, $second->session];
        }
    }

    # Revoked: also who has a session.
    $put->($pki->crl('one', revoked => ['bad'], file => 'now.crl'));
    for my $version ('1.2', '1.3') {
        for my $port (1, 2) {
            becomes($server, 'alert 44', "$kind, TLS $version: revoked while the server runs", $server->port($port), $version, $client{bad});
            is +(outcome($server->port($port), $version, $client{bad}, session => $session{$version}{$port}[1]))[0], 'alert 44', '... a session does not help';
            is +(outcome($server->port($port), $version, $client{good}))[0], 200, '... the other is let in';
        }
    }

    # A broken list leaves the one before in force, and that is said once. What was before each process knows for itself.
    my $one_process = TestHttpd::mpm() ne 'prefork';
    $put->($pki->write('broken', "-----BEGIN X509 CRL-----\nnonsense\n-----END X509 CRL-----\n"));
    $server->wait_for(sub { outcome($server->port, '1.3', $client{good}); $server->error_log =~ /ssl:error.* The lists of revoked certificates stay as they were: \S+ does not have usable lists/ }, 'the message');
    is +(outcome($server->port, '1.3', $client{bad}))[0],  'alert 44', "$kind: a broken list: the revoked one stays out" if $one_process;
    is +(outcome($server->port, '1.3', $client{good}))[0], 200, '... the good one gets in';

    # So does what is no file, or has no end: nobody waits for it.
    my $replace = sub { rename "$folder/new", $place or die "rename: $!" };
    for my $odd (
        ['a FIFO',             sub { POSIX::mkfifo("$folder/new", 0644) or die "mkfifo: $!" }],
        ['an endless device',  sub { symlink '/dev/zero', "$folder/new" or die "symlink: $!" }],
        ['a terabyte',         sub { open my $new, '>', "$folder/new" or die "new: $!"; truncate $new, 1 << 40 or die "truncate: $!" }],
        ['a folder',           sub { unlink $place; mkdir "$folder/new" or die "mkdir: $!" }],
    ) {
        my ($what, $make) = @$odd;
        my $before = length $server->error_log;
        $make->();
        $replace->();
        $server->wait_for(sub { outcome($server->port, '1.3', $client{good}); substr($server->error_log, $before) =~ /ssl:error.* The lists of revoked certificates stay as they were: / }, "$what: the message");
        is +(outcome($server->port, '1.3', $client{bad}))[0],  'alert 44', "$kind: $what: the revoked one stays out" if $one_process;
        is +(outcome($server->port, '1.3', $client{good}))[0], 200, '... the good one gets in';
        -d $place ? rmdir $place : unlink $place;
    }
    $put->($empty);
    becomes($server, 200, "$kind: no longer revoked", $server->port, '1.3', $client{bad});

    # Written over in place, to the same size: the time of the file may be the same as well.
    my $swap = $pki->crl('one', revoked => ['bad'], file => 'swap.crl');
    my ($short, $long) = map { TestHttpd::slurp($_) } $empty, $swap;
    my $size = length $long;
    my $fill = sub { my ($text) = @_; open my $file, '+<', $place or die "$place: $!"; print {$file} $text, "\n" x ($size - length $text); close $file };
    $put->($pki->write('padded', $short . "\n" x ($size - length $short)));
    $server->wait_for(sub { outcome($server->port, '1.3', $client{good}); 1 }, 'a look');
    $fill->($long);
    becomes($server, 'alert 44', "$kind: written over in place", $server->port, '1.3', $client{bad});
}
done_testing;
