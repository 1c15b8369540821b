# Certificates of clients that are made to do harm: nothing of them gets into a log or a header as it is, the work is bounded, and the
# server goes on.
use strict;
use warnings FATAL => 'all';
use Encode ();
use Test::More;
use lib 'lib', 't/lib';
use ClientCert ();
use TestHttpd ();
use TlsClient ();

my $ours = !TestHttpd::stock();
my $ca   = ClientCert->authority;

# All that a peer can put into a certificate, and has a variable.
my @attributes = qw(C ST L O OU CN title initials GN SN description UID emailAddress serialNumber);
my @names      = (
    (map { ("SSL_CLIENT_S_DN_$_", "SSL_CLIENT_S_DN_${_}_RAW", "SSL_CLIENT_S_DN_${_}_1") } qw(C ST L O OU CN T I G S D UID Email SerialNumber)),
    qw(SSL_CLIENT_S_DN SSL_CLIENT_I_DN SSL_CLIENT_SAN_DNS_0 SSL_CLIENT_SAN_Email_0 SSL_CLIENT_SAN_OTHER_msUPN_0 SSL_CLIENT_SAN_OTHER_dnsSRV_0),
    qw(SSL_CLIENT_M_SERIAL SSL_CLIENT_V_START SSL_CLIENT_V_END SSL_CLIENT_V_REMAIN SSL_CLIENT_A_KEY SSL_CLIENT_A_SIG SSL_CLIENT_CERT_RFC4523_CEA SSL_TLS_SNI),
);
my $format  = 'mark %{X-Mark}i|' . join '|', (map { "%{$_}x" } @names), map { "%{$_}c" } qw(subjectdn issuerdn clientcert cacert errcode errstr);
my $headers = '';
for my $number (0 .. $#names) {
    $headers .= "Header set S$number \"%{$names[$number]}s\"\n";
    $headers .= "Header set E$number \"expr=[%{$names[$number]}]\"\n" if $names[$number] ne 'SSL_TLS_SNI' || $ours;
}
my $httpd = TestHttpd->start(<<"END");
LogFormat "$format" variables
CustomLog logs/variables variables
<VirtualHost *:\@PORT@>
    ServerName localhost
    SSLEngine on
    \@ECDSA@
    SSLOpenSSLConfCmd VerifyMode Request
    SSLOpenSSLConfCmd VerifyCAFile ${\ $ca->root}
    SSLOptions +StdEnvVars +ExportCertData
    <Location /1k.bin>
        $headers
    </Location>
    <Location /cgi/env/legacy>
        SSLOptions +LegacyDNStringFormat
    </Location>
    Alias /pages \@ROOT\@
    <Directory \@ROOT\@>
        Options +Includes
        AddOutputFilter INCLUDES .shtml
    </Directory>
    <Location /legacy>
        SSLOptions +LegacyDNStringFormat
        Header always set Legacy "expr=[%{SSL_CLIENT_S_DN}]"
        Header always set Direct "%{SSL_CLIENT_S_DN}s"
    </Location>
</VirtualHost>
END

sub client {
    my ($certificate, %option) = @_;
    return TlsClient->new(port => $httpd->port, sni => 'localhost', cert => $certificate, key => $ca->key, %option)->handshake;
}

# The next request's mark: its line in the log begins with it. Lines come when they come.
my $mark = 0;
sub mark { return ('X-Mark' => ++$mark) }

# The line of the request with the last mark; that it is a line by itself; all others as well.
sub log_is_clean {
    my ($what) = @_;
    $httpd->wait_for(sub { $httpd->access_log('variables') =~ /^mark \Q$mark\E\|.*\n/m }, 'a line in the log');
    my $text = $httpd->access_log('variables');
    my @lines = $text =~ /^(.*)\n/mg;
    is_deeply [grep { !/\Amark [\d-]+\|/ } @lines], [], "$what: one line in the log";
    unlike $text, qr/[^\n -~]/, '... of plain text';
    is_deeply [grep { s/\\.//gr =~ /"/ } @lines], [], '... without a quote that is not escaped';
    return;
}

sub header_is_clean {
    my ($answer, $what) = @_;
    is $answer->{status}, 200, "$what: answered";
    is_deeply [grep { /inject/ } keys %{$answer->{headers}}], [], '... without a header of the client\'s';
    is_deeply [grep { /[\x00-\x1f\x7f]/ } values %{$answer->{headers}}], [], '... and without control characters in others';
    return;
}

my @texts = (
    ['a line break',           "x\r\nInjected: yes\r\n\r\n<html>"],
    ['a line feed',            "x\nInjected: yes"],
    ['control sequences',      "\e]0;title\a\e[2J\x7f\x08\x0b\x0c"],
    ['NUL',                    "x\0\r\nInjected: yes"],
    ['quotes',                 "\" 200 5 \"x\\\" \\"],
    ['format characters',      '%n%s%{SSL_CLIENT_VERIFY}x%%$1${x}'],
    ['C1 controls',            "\xc2\x85\xc2\x9b2J"],
    ['not UTF-8',              "\xff\xfe\r\nInjected: yes"],
    ['overlong UTF-8',         "\xc0\x8d\xc0\x8aInjected: yes"],
    ['surrogates',             "\xed\xa0\x80\xed\xb0\x80\nInjected: yes"],
    ['line separators',        "x\xe2\x80\xa8Injected: yes"],
);
for my $case (@texts) {
    my ($what, $text) = @$case;
    my $is_utf8 = eval { Encode::decode('UTF-8', $text, Encode::FB_CROAK() | Encode::LEAVE_SRC()); 1 };
    for my $kind (qw(utf8 t61 ia5 printable)) {
        next if $kind eq 'utf8' && !$is_utf8;    # OpenSSL takes it for no certificate at all, on both sides
        my $certificate = $ca->issue(
            subject    => ClientCert::name(map { [$_, $text, $kind] } @attributes, @attributes),
            extensions => [
                ClientCert::san(
                    ClientCert::dns($text), ClientCert::email($text), ($is_utf8 ? ClientCert::upn($text) : ()), ClientCert::uri($text),
                    ClientCert::other('1.3.6.1.5.5.7.8.7', ClientCert::string(ia5 => $text)),
                ),
                ClientCert::extension('2.16.840.1.113730.1.13', ClientCert::string(ia5 => $text)),
            ],
        );
        my $client = client($certificate);
        header_is_clean($client->get('/1k.bin', mark()), "$what, $kind");
        log_is_clean("$what, $kind");
        my $body = $client->get('/cgi/env')->{body};
        like $body, qr/^SSL_CLIENT_VERIFY=SUCCESS$/m, '... programs run';
        unlike $body, qr/^Injected/m, '... without a line break in a variable';
        my $legacy = $client->get('/legacy/nothing');
        is $legacy->{status}, 404, '... the old form of names';
        is_deeply [grep { /inject/ } keys %{$legacy->{headers}}], [], '... is no way either';
    }
}

# The name in SNI is the client's choice as well.
for my $sni ($ours ? ("x\r\nInjected: yes", "x\n\e[2J\"") : ()) {
    header_is_clean(client($ca->issue(subject => ClientCert::name(['CN', 'x'])), sni => $sni)->get('/1k.bin', mark()), 'SNI');
    log_is_clean('SNI');
}

# --- Large and broken -------------------------------------------------------------------------------------------------
my $many = client($ca->issue(
    subject    => ClientCert::name(['CN', 'many']),
    extensions => [ClientCert::san(map { ClientCert::dns($_ % 10) } 0 .. 9_999)],
));
open my $page, '>', "$httpd->{root}/all.shtml" or die "all.shtml: $!";
print {$page} '<!--#printenv -->';
close $page;
for my $time (1, 2) {
    my $body = $many->get('/pages/all.shtml')->{body};
    is scalar(() = $body =~ /^SSL_CLIENT_SAN_DNS_\d+=/mg), 10_000, "10,000 alternative names are exported, request $time";
    like $body, qr/^SSL_CLIENT_SAN_DNS_9999=9$/m, '... the last of them in its place';
}
like $many->get('/cgi/env')->{status}, qr/\A(?:200|503)\z/, '... though mod_cgid does not take so many';

my $long = client($ca->issue(subject => ClientCert::name(['CN', 'x' x 20_000 . "\n" x 5_000], map { ['OU', "unit $_"] } 0 .. 999)))->get('/cgi/env', mark())->{body};
my ($name) = $long =~ /^SSL_CLIENT_S_DN_CN=(.*)$/m;
is $name, 'x' x 20_000 . '\\0A' x 5_000, 'a name of 25,000 characters';
like $long, qr/^SSL_CLIENT_S_DN_OU_999=unit 999$/m, '... and 1,000 units';
log_is_clean('... in the log');

my @odd = (
    # Name, options, whether a request is served.
    ['no alternative name',         {extensions => [ClientCert::san()]},                                               1],
    ['an extension that is none',   {extensions => [ClientCert::extension('1.2.3.4', "\x30\x82\xff\xff")]},             1],
    ['malformed alternative names', {extensions => [ClientCert::extension('2.5.29.17', "\x30\x05\x82\x7f")]},           undef],
    ['alternative names twice',     {extensions => [(ClientCert::san(ClientCert::dns('x'))) x 2]},                      undef],
    ['February 30th',               {start => ClientCert::der(0x17, '990230000000Z')},                                 undef],
    ['a time of letters',           {end => ClientCert::der(0x17, 'tomorrow')},                                        undef],
    ['an empty time',               {end => ClientCert::der(0x18, '')},                                                undef],
    ['the year 9999',               {end => ClientCert::der(0x18, '99991231235959Z')},                                 1],
    ['a serial of 2,000 bytes',     {serial => '7f' . 'ab' x 1_999},                                                   $ours],
    ['100 values in one part',      {subject => ClientCert::name([map { ['OU', "unit $_"] } 0 .. 99])},                1],
    ['types that nobody knows',     {subject => ClientCert::name(map { ["1.2.3.$_.5", 'x'] } 1 .. 100)},               1],
    ['a type with large numbers',   {subject => ClientCert::name(['2.5.4294967296.18446744073709551615', 'x'])},       undef],
    ['an empty value',              {subject => ClientCert::name(['CN', ''], ['CN', 'second'])},                       1],
    ['a value that is a number',    {subject => ClientCert::sequence(ClientCert::set(ClientCert::sequence(ClientCert::oid('2.5.4.3'), ClientCert::der(0x02, "\5"))))}, undef],
);
for my $case (@odd) {
    my ($what, $option, $served) = @$case;
    my $status = eval {
        my $client = client($ca->issue(subject => ClientCert::name(['CN', 'x']), %$option));
        my @status = map { $client->get($_)->{status} } '/cgi/env', '/cgi/env/legacy', '/1k.bin';
        join ' ', @status;
    } // "refused: $@";
    is $status, '200 200 200', "$what: served" if $served;
    like $status, ($ours ? qr/\A(?:200 200 200|refused)/ : qr/\A(?:200 200 (?:200|500)|refused)/), "$what: served or refused" if !$served;
    is client($ca->issue(subject => ClientCert::name(['CN', 'x'])))->get('/1k.bin')->{status}, 200, '... and the server goes on';
}
my ($serial) = client($ca->issue(subject => ClientCert::name(['CN', 'x']), serial => '7f' . 'ab' x 39))->get('/cgi/env')->{body} =~ /^SSL_CLIENT_M_SERIAL=(.*)$/m;
is $serial, '7F' . 'AB' x 34 . ($ours ? '' : '\\\n') . 'AB' x 5, 'a long serial number' . ($ours ? ' in one line' : '');
unlike $httpd->error_log, qr/\bpanic|exit signal/, 'nothing panicked, no process ended';
done_testing;
