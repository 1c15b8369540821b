# Clients that answer the question for a handshake or a certificate with what does not belong there: nothing is served, the
# connection ends, nobody waits for ever.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use ClientPki ();
use TestHttpd ();
use TlsClient ();

system('python3', '-c', 'import cryptography') == 0 or plan skip_all => 'python3-cryptography is not installed';
my $ours = !TestHttpd::stock();
my $pki  = ClientPki->new;
$pki->root('one');
my %file = $pki->issue('good', by => 'one');
my $ca   = $pki->file('one');

my $httpd = TestHttpd->start(<<"END");
Timeout 2
<VirtualHost *:\@PORT\@>
    ServerName localhost
    SSLEngine on
    \@ECDSA\@
    SSLCipherSuite TLSv1.3 TLS_AES_128_GCM_SHA256
    SSLCACertificateFile $ca
    ScriptAlias /require/ \@CGI\@/
    <Location /require>
        SSLVerifyClient require
    </Location>
</VirtualHost>
END

my $forge = TestHttpd::root() . '/t/lib/forge.py';

# What comes back, the names of alerts as OpenSSL has them.
sub result {
    my ($version, $scenario, $path) = @_;
    open my $out, '-|', 'python3', $forge, $httpd->port, $version, $file{cert}, $file{key}, $scenario, $path // '/require/env' or die "python3: $!";
    chomp(my $text = <$out> // '');
    close $out;
    return $text;
}

sub served { my $served = () = $httpd->access_log =~ m{"\w+ /require/\S* HTTP/1\.1" 200}g; return $served }
sub failed { my $failed = () = $httpd->error_log =~ /AH02261/g; return $failed }

# The C module carries out requests of clients that have shown a certificate in TLS 1.3, and have not proved that it is theirs.
my $unproved = qr/\A(?:no-proof|garbled-proof|no-finished|data-inside|leaves-[12])\z/;

my @refused = (
    # scenario             TLS 1.2                       TLS 1.3
    ['finished',           'unexpected_message end',     'unexpected_message end'],
    ['key-exchange',       'unexpected_message end',     'unexpected_message end'],
    ['verify',             'unexpected_message end',     'unexpected_message end'],
    ['certificate',        'unexpected_message end',     'decode_error end'],
    ['ccs',                'unexpected_message end',     'unexpected_message end'],
    ['unknown',            'unexpected_message end',     'unexpected_message end'],
    ['unknown-type',       'unexpected_message end',     'unexpected_message end'],
    ['huge',               'illegal_parameter end',      'illegal_parameter end'],
    ['old-hello',          'handshake_failure end',      'unexpected_message end'],
    ['two-hellos',         'unexpected_message end',     undef],
    ['data-behind-hello',  'unexpected_message end',     undef],
    ['no-proof',           'unexpected_message end',     'unexpected_message end'],
    ['garbled-proof',      'decrypt_error end',          'decrypt_error end'],
    ['garbled-certificate', qr/./,                       qr/./],
    ['garbled-context',    undef,                        qr/./],
    ['other-context',      undef,                        'decode_error end'],
    ['no-finished',        qr/./,                        'unexpected_message end'],
    ['data-inside',        'unexpected_message end',     'unexpected_message end'],
);
for my $row (@refused) {
    my ($scenario, %expected) = ($row->[0], '1.2' => $row->[1], '1.3' => $row->[2]);
    for my $version (grep { defined $expected{$_} } '1.2', '1.3') {
        my ($served, $failed) = (served(), failed());
        my $result = result($version, $scenario);
        like $result, ref $expected{$version} ? $expected{$version} : qr/\A$expected{$version}\z/, "TLS $version: $scenario";
        unlike $result, qr/\b200\b/, '... no answer';
        is served(), $served, "TLS $version: $scenario: not served" if $ours || $version eq '1.2' || $scenario !~ $unproved;
        $httpd->wait_for(sub { failed() > $failed }, "TLS $version: $scenario: AH02261") if $ours;
    }
}
for my $version ('1.2', '1.3') {
    is result($version, 'nothing'), '200', "TLS $version: without a change the answer comes";
    is result($version, 'body-before', '/require/sha256'), '200', "TLS $version: a part of the body between request and answer" if $ours;
    for my $step (0 .. ($version eq '1.2' ? 5 : 2)) {
        for my $how ('leaves', $ours ? 'silent' : ()) {
            my ($served, $failed) = (served(), failed());
            my $result = result($version, "$how-$step");
            unlike $result, qr/\b200\b/, "TLS $version: $how after $step records";
            $httpd->wait_for(sub { failed() > $failed }, "TLS $version: $how-$step: AH02261") if $ours;
            is served(), $served, "TLS $version: $how-$step: not served" if $ours || $version eq '1.2' || "$how-$step" !~ $unproved;
        }
    }
}

# A certificate that nobody has asked for, or that comes once more, or later than other things.
subtest 'TLS 1.3: certificates' => sub {
    my $served = served();
    is result('1.3', 'unasked'), 'unexpected_message end', 'unasked';
    is result('1.3', 'unasked-and-request'), 'unexpected_message end', 'unasked, and a request';
    is served(), $served, 'nothing is served';
    is result('1.3', 'twice'),         '200 unexpected_message end', 'twice';
    is result('1.3', 'at-once-twice'), '200 unexpected_message end', 'twice at once';
    is result('1.3', 'late'), '200 200 200', 'later than other requests';
    like result('1.3', 'updates'), qr/^(?:unexpected_message |too_many_key_updates )?end$/, 'key updates without an end';
    like $httpd->error_log, qr/AH02261: Re-negotiation handshake failed \(no progress\)/;
} if $ours;

is(TlsClient->new(port => $httpd->port, sni => 'localhost')->handshake->get('/1k.bin')->{status}, 200, 'the server is well');
done_testing;
