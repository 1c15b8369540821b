# OCSP responses that the administrator fetches, and certificates that must not go without one.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use MIME::Base64 qw(encode_base64);
use Staples ();
use TestHttpd ();

plan skip_all => 'the C module has no SSLStaplingFile, and says nothing of must-staple' if TestHttpd::stock();

my $pki    = Staples->new;
my $ours   = $pki->responder;
my $folder = $pki->folder;
my $rsa    = $pki->certificate('rsa', path => 'silent', type => 'rsa');
my $ec     = $pki->certificate('ec',  path => 'silent');
my $other  = $pki->certificate('else', path => 'silent', name => 'other.test');

# Replaces a file as those do who fetch: at once.
sub put { my ($name, $bytes) = @_; $ours->write_file("$name.new", $bytes); rename "$folder/$name.new", "$folder/$name" or die "$name: $!"; return "$folder/$name" }
sub pem { return "-----BEGIN OCSP RESPONSE-----\n" . encode_base64($_[0]) . "-----END OCSP RESPONSE-----\n" }
my %response = map { my $name = $_; map { ("$name-$_" => TestHttpd::slurp($pki->response($name, "$name-$_.der", $_))) } qw(good revoked) } qw(rsa ec else);

# DER and PEM, one for each certificate, in any order; without a cache.
{
    my ($first, $second) = (put('first', $response{'ec-revoked'}), put('second', pem($response{'rsa-good'})));
    my $httpd = TestHttpd->start("SSLUseStapling on\nSSLStaplingFile $first\n" . Staples::vhost("${rsa}${ec}SSLStaplingFile $second"));
    my %suite = (rsa => '-cipher ECDHE-RSA-AES128-GCM-SHA256', ec => '-cipher ECDHE-ECDSA-AES128-GCM-SHA256');
    is Staples::stapled($httpd, version => 'tls1_2', options => $suite{rsa}), 'good',    'the response in PEM, from the first handshake';
    is Staples::stapled($httpd, version => 'tls1_2', options => $suite{ec}),  'revoked', 'the response in DER';
    put('first', pem($response{'ec-good'}));
    is Staples::wait_stapled($httpd, 'good', version => 'tls1_2', options => $suite{ec}), 'good', 'a new file is taken while the server runs';
    for my $bad (['garbage', 'garbage', qr/AH01988/], ['about another certificate', $response{'rsa-good'}, qr/AH02272/], ['try later', "\x30\x03\x0a\x01\x03", qr/AH01922/],
        ['broken PEM', "-----BEGIN OCSP RESPONSE-----\nx", qr/AH01988/], ['signed by somebody else', TestHttpd::slurp($pki->response('ec', 'usurped.der', 'good', 'usurper')), qr/AH01925/]) {
        my ($what, $bytes, $line) = @$bad;
        my $before = () = $httpd->error_log =~ /SSLStaplingFile: \S+first: $line/g;
        put('first', $bytes);
        $httpd->wait_for(sub { my $now = () = $httpd->error_log =~ /ssl:error.*SSLStaplingFile: \S+first: $line/g; $now > $before }, "the complaint about $what");
        is Staples::stapled($httpd, version => 'tls1_2', options => $suite{ec}), 'good', "$what: the last good response is stapled";
    }
    unlink "$folder/first";
    is Staples::stapled($httpd, version => 'tls1_2', options => $suite{ec}), 'good', 'a file that is gone: the same';
    put('first', $response{'ec-revoked'});
    is Staples::wait_stapled($httpd, 'revoked', version => 'tls1_2', options => $suite{ec}), 'revoked', 'and back again';
    is $ours->count('silent'), 0, 'no responder is asked';
}

# Files that do not help do not keep the server from starting.
{
    my ($bad, $lost) = (put('bad', TestHttpd::slurp($pki->response('ec', 'usurped.der', 'good', 'usurper'))), put('lost', $response{'else-good'}));
    my $httpd = TestHttpd->start("SSLUseStapling on\n" . Staples::vhost("${ec}SSLStaplingFile $bad\nSSLStaplingFile $lost"));
    is Staples::stapled($httpd), 'none', 'a response that is signed by somebody else';
    like $httpd->error_log, qr/ssl:error.*SSLStaplingFile: \Q$bad\E: AH01925/, '... in the log';
    like $httpd->error_log, qr/ssl:error.*SSLStaplingFile: \Q$lost\E holds no OCSP response about a certificate of a server that names it/, 'a response about no certificate';
    my ($status, $text) = $httpd->command('-t', '-DSSL_CHECK');
    is $status, 1, '-DSSL_CHECK: to be mended';
    like $text, qr/SSL_CHECK: 2 to mend/, '... both';
}

# Must-staple.
my $feature = "tlsfeature=status_request\n";
my %must = (asks => $pki->certificate('asks', path => 'good', extensions => $feature), mute => $pki->certificate('mute', extensions => $feature));
my $cache = "SSLStaplingCache shmcb\n";
my $warning = qr/ssl:warn.*clients expect an OCSP response with the certificate localhost:\d+:0 \(must-staple, RFC 7633\), but /;
for my $row (
    # what; lines; the reason in the warning; to mend
    ['stapled',            "${cache}SSLUseStapling on\n" . Staples::vhost($must{asks}), undef],
    ['not stapled',        Staples::vhost($must{asks}),                                qr/SSLUseStapling is not on/],
    ['nobody to ask',      "${cache}SSLUseStapling on\n" . Staples::vhost($must{mute}), qr/no responder is known/],
    ['a forced responder', "${cache}SSLUseStapling on\nSSLStaplingForceURL ${\ $ours->url('good') }\n" . Staples::vhost($must{mute}), undef],
    ['one that cannot be asked', "${cache}SSLUseStapling on\nSSLStaplingForceURL https://127.0.0.1/\n" . Staples::vhost($must{mute}), qr/that is not possible/],
) {
    my ($what, $lines, $reason) = @$row;
    my $httpd = TestHttpd->start($lines);
    if ($reason) {
        like $httpd->error_log, qr/$warning$reason: some will refuse it/, "must-staple, $what: a warning";
        is Staples::stapled($httpd), 'none', '... and nothing stapled';
    }
    else {
        unlike $httpd->error_log, qr/must-staple/, "must-staple, $what: no warning";
        is Staples::wait_stapled($httpd, 'good'), 'good', '... and stapled';
    }
    my ($status, $text) = $httpd->command('-t', '-DSSL_CHECK');
    is $status, $reason ? 1 : 0, '-DSSL_CHECK says the same' or diag $text;
    like $text, qr/must-staple/, '... with the reason' if $reason;
}

# A certificate that names no responder is no error.
{
    my $plain = $pki->certificate('plain', name => 'localhost,DNS:again.test');
    my $httpd = TestHttpd->start("${cache}SSLUseStapling on\n" . Staples::vhost($plain) . Staples::vhost($plain, 'again.test'));
    my @lines = $httpd->error_log =~ /^(.*AH02218.*)$/mg;
    is scalar @lines, 2, 'no responder: one line in each pass, however many vhosts';
    like $_, qr/ssl:info/, '... for information' for @lines;
    unlike $httpd->error_log, qr/AH02604|ssl:error/, '... nothing else';
    my ($status, $text) = $httpd->command('-t', '-DSSL_CHECK');
    is $status, 0, '-DSSL_CHECK: nothing to mend' or diag $text;
    ($status, $text) = TestHttpd->new("SSLUseStapling on\n" . Staples::vhost($plain))->command('-t', '-DSSL_CHECK');
    is $status, 1, '... but without a cache';
    like $text, qr/AH01958/, '... AH01958';
}

done_testing;
