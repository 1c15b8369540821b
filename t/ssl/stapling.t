# Stapling of the module's own: SSLUseStapling and what an OCSP responder says.
use strict;
use warnings FATAL => 'all';
use IO::Socket::IP ();
use Test::More;
use lib 'lib', 't/lib';
use Staples ();
use TestHttpd ();

my $stock = TestHttpd::stock();
my $pki   = Staples->new;
my $ours  = $pki->responder;
my $CACHE = "SSLStaplingCache shmcb:\@ROOT@/staples(65536)\n";

# --- What is stapled, for each answer and both settings of the two directives for errors ------------------------------

my %lines = map { $_ => $pki->certificate("of-$_", path => $_) }
    qw(good revoked unknown later garbage refused closed empty old delegate usurper stranger bare chunked open short moved future stale endless2);
# Their responders answer about another certificate, or nothing that could be asked.
$lines{other}  = $pki->certificate('of-other',  path => 'other');
$lines{https}  = $pki->certificate('of-https',  url  => 'https://127.0.0.1:1/');
$lines{nobody} = $pki->certificate('of-nobody', url  => 'http://127.0.0.1:1/');
$lines{none}   = $pki->certificate('of-none');

my $BOTH    = '';
my $ERRORS  = "SSLStaplingFakeTryLater off\n";
my $NEITHER = "SSLStaplingReturnResponderErrors off\n";

for my $row (
    # certificate; stapled with both settings, without a substitute, without errors; in the log
    ['good',     'good',            'good',            'good',    qr/ssl:debug.*AH01956: /],
    ['revoked',  'revoked',         'revoked',         'revoked', qr/ssl:error.*AH02969: stapling_check_response: response has certificate status revoked/],
    ['unknown',  'unknown',         'unknown',         'unknown', qr/ssl:error.*AH02969: stapling_check_response: response has certificate status unknown/],
    ['later',    'error trylater',  'error trylater',  'none',    qr/AH01944: /],
    ['garbage',  'error trylater',  'none',            'none',    qr/ssl:error.*AH01941: stapling_renew_response: responder error/],
    ['refused',  'error trylater',  'none',            'none',    qr/AH01980: bad response from OCSP server: 500 Out of order/],
    ['nobody',   'error trylater',  'none',            'none',    qr/AH01974: could not connect to OCSP responder '127\.0\.0\.1/],
    ['closed',   'error trylater',  'none',            'none',    qr/AH01980: /],
    ['empty',    'error trylater',  'none',            'none',    qr/AH01941: /],
    ['moved',    'error trylater',  'none',            'none',    qr/AH01980: bad response from OCSP server: 302 Found/],
    ['delegate', 'good',            'good',            'good',    qr/AH01956: /],
    ['bare',     'good',            'good',            'good',    qr/AH01956: /],
    ['chunked',  'good',            'good',            'good',    qr/AH01956: /, 'ours'],
    ['open',     'good',            'good',            'good',    qr/AH01956: /, 'ours'],
    ['short',    'error trylater',  'none',            'none',    qr/AH01985: .*it ended too early/, 'ours'],
    # The C module does not look at signatures.
    ['usurper',  'error trylater',  'none',            'none',    qr/ssl:error.*AH01941: .*AH01925: failed to verify the OCSP response/, 'ours'],
    ['stranger', 'error trylater',  'none',            'none',    qr/AH01941: .*AH01925: /, 'ours'],
    # As they are.
    ['future',   'good',            'good',            'none',    qr/AH01943: /],
    ['stale',    'good',            'good',            'none',    qr/AH01943: /],
    # It does not say until when.
    ['endless2', 'good',            'good',            'good',    qr/AH01956: /],
    ['other',    'good',            'good',            'none',    qr/AH01943: /],
    ['https',    'none',            'none',            'none',    qr/ssl:error.*AH01940: /, 'ours'],
    ['none',     'none',            'none',            'none',    qr/AH02218: ssl_stapling_init_cert: no OCSP URI in certificate and no SSLStaplingForceURL set/],
) {
    my ($what, $both, $errors, $neither, $line, $only) = @$row;
    next if $only && $stock;
    my @settings = ([$BOTH, $both], [$ERRORS, $errors], [$NEITHER, $neither]);
    # The substitute is stapled whatever the settings say.
    $settings[2][1] = $both if $stock && $both eq 'error trylater' && $what ne 'later';
    for my $setting (@settings) {
        my ($lines, $wanted) = @$setting;
        my $httpd = TestHttpd->start("${CACHE}SSLUseStapling on\n$lines" . Staples::vhost($lines{$what}));
        # Which response it is shows in what it says of the certificate.
        is Staples::wait_stapled($httpd, $wanted), $wanted, "$what: $wanted stapled" . ($lines ? " with $lines" : '');
        $httpd->wait_log($line) if $lines eq $BOTH;
        is Staples::stapled($httpd, version => 'tls1_2'), $wanted, '... with TLS 1.2' if $lines eq $BOTH;
        unlike $httpd->error_log, qr/AH03040.*renew/, '... nothing is said to have been renewed' if !$stock && $wanted =~ /none|error/;
    }
}

# --- Who is asked, and how -------------------------------------------------------------------------------------------

# The responder of SSLStaplingForceURL, about all certificates; by way of SSLOCSPProxyURL.
{
    my $before = $ours->count('good');
    my $httpd  = TestHttpd->start("${CACHE}SSLUseStapling on\nSSLStaplingForceURL ${\ $ours->url('good') }\n" . Staples::vhost($lines{revoked}));
    is Staples::wait_stapled($httpd, 'good'), 'good', 'SSLStaplingForceURL comes before what the certificate says';
    ok $ours->count('good') > $before, '... it has been asked';
    my $head = TestHttpd::slurp($pki->folder . '/head-good');
    like $head, qr{^POST /good HTTP/1\.0\r\n}, '... by POST';
    $httpd = TestHttpd->start("${CACHE}SSLUseStapling on\nSSLStaplingForceURL ${\ $ours->url('good') }\n" . Staples::vhost($lines{none}));
    is Staples::wait_stapled($httpd, 'good'), 'good', '... and where it says nothing';
    my $proxy = 'http://127.0.0.1:' . $ours->port . '/';
    $httpd = TestHttpd->start("${CACHE}SSLUseStapling on\nSSLOCSPProxyURL $proxy\nSSLStaplingForceURL http://responder.invalid/good\n" . Staples::vhost($lines{none}));
    is Staples::wait_stapled($httpd, 'good'), 'good', 'by way of a proxy';
    like TestHttpd::slurp($pki->folder . '/head-good'), qr{^POST http://responder\.invalid(?::80)?/good HTTP/1\.0\r\n}, '... which gets the whole URL';
}

# A responder with an IPv6 address.
SKIP: {
    my $listener = IO::Socket::IP->new(Listen => 64, LocalHost => '::1') or skip 'no IPv6 here', 1;
    $ours->serve_at($listener);
    my $url   = 'http://[::1]:' . $listener->sockport . '/good';
    my $httpd = TestHttpd->start("${CACHE}SSLUseStapling on\nSSLStaplingForceURL $url\n" . Staples::vhost($lines{none}));
    is Staples::wait_stapled($httpd, 'good'), 'good', 'a responder with an IPv6 address';
}

# A response that is too old when it comes.
{
    my $httpd = TestHttpd->start("${CACHE}SSLUseStapling on\nSSLStaplingResponseMaxAge 0\nSSLStaplingResponseTimeSkew 0\nSSLStaplingReturnResponderErrors off\n" . Staples::vhost($lines{old}));
    sleep 1 while time - $ours->made < 2;
    $httpd->wait_for(sub { Staples::stapled($httpd); $httpd->error_log =~ /AH01943: / }, 'the answer');
    is Staples::stapled($httpd), 'none', 'SSLStaplingResponseMaxAge and SSLStaplingResponseTimeSkew';
    $httpd = TestHttpd->start("${CACHE}SSLUseStapling on\nSSLStaplingResponseMaxAge 86400\n" . Staples::vhost($lines{old}));
    is Staples::wait_stapled($httpd, 'good'), 'good', '... of a day: it is not';
}

# --- Several certificates, several servers ---------------------------------------------------------------------------

{
    my $rsa   = $pki->certificate('rsa', path => 'good',    type => 'rsa');
    my $ec    = $pki->certificate('ec',  path => 'revoked', type => 'ec');
    my $named = $pki->certificate('named', path => 'unknown', name => 'other.test');
    my $off   = $pki->certificate('off', path => 'good', name => 'off.test');
    my $httpd = TestHttpd->start("${CACHE}SSLUseStapling on\n" . Staples::vhost("$rsa$ec") . Staples::vhost($named, 'other.test') . Staples::vhost("${off}SSLUseStapling off", 'off.test'));
    my @suites = (good => '-cipher ECDHE-RSA-AES128-GCM-SHA256', revoked => '-cipher ECDHE-ECDSA-AES128-GCM-SHA256');
    while (my ($wanted, $options) = splice @suites, 0, 2) {
        is Staples::wait_stapled($httpd, $wanted, version => 'tls1_2', options => $options), $wanted, "the response of the certificate that is shown ($options)";
    }
    my @algorithms = (good => '-sigalgs RSA-PSS+SHA256', revoked => '-sigalgs ECDSA+SHA256');
    while (my ($wanted, $options) = splice @algorithms, 0, 2) {
        is Staples::stapled($httpd, options => $options), $wanted, "... with TLS 1.3 ($options)";
    }
    is Staples::wait_stapled($httpd, 'unknown', name => 'other.test'), 'unknown', 'the response of the vhost that SNI names';
    is Staples::stapled($httpd, name => 'off.test'), 'none', 'SSLUseStapling off in a vhost';
    like $httpd->error_log, qr/ssl:debug.*AH01960: OCSP stapling initialized/, 'AH01960';
}

# --- What is missing -------------------------------------------------------------------------------------------------

{
    my $httpd = TestHttpd->new("SSLUseStapling on\n" . Staples::vhost($lines{good}));
    is $httpd->try_start, 'exit 1', 'without SSLStaplingCache there is no start';
    like $httpd->error_log, qr/ssl:emerg.*AH01958: SSLStapling: no stapling cache available/, '... AH01958';
    my $alone = $pki->certificate('alone', path => 'good', chain => 0);
    $httpd = TestHttpd->start("${CACHE}SSLUseStapling on\n" . Staples::vhost($alone));
    is Staples::stapled($httpd), 'none', 'without the issuer nothing is stapled';
    like $httpd->error_log, qr/ssl:error.*AH02217: ssl_stapling_init_cert: can't retrieve issuer certificate!/, '... AH02217';
    like $httpd->error_log, qr/ssl:error.*AH02604: Unable to configure certificate localhost:\d+:0 for stapling/, '... AH02604';
    $httpd = TestHttpd->start("${CACHE}SSLUseStapling on\n" . Staples::vhost("${alone}SSLCACertificateFile ${\ $pki->folder }/ca.pem"));
    is Staples::wait_stapled($httpd, 'good'), 'good', '... from SSLCACertificateFile it is known';
    my ($status, $text) = $httpd->command('-t', '-DDUMP_RUN_CFG');
    like $text, qr/^Mutex $_: /m, "Mutex $_" for qw(ssl-stapling ssl-stapling-refresh);
    $httpd = TestHttpd->start("Mutex sem ssl-stapling\nMutex sem ssl-stapling-refresh\n${CACHE}SSLUseStapling on\n" . Staples::vhost($lines{good}));
    is Staples::wait_stapled($httpd, 'good'), 'good', 'with mutexes of their own';
}

done_testing;
