# tools/sign: requests signed by one's own authority, and requests that ask for more than they get.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use TestHttpd ();
use Tool      ();

my $certs = TestHttpd::certs();
my $ca    = Tool::folder();
my $work  = Tool::folder();
symlink "$certs/root.$_", "$ca/ca.$_" for qw(pem key);

my $count = 0;

# A request. KEY: a file, or arguments for genpkey. SUBJECT: lines of a section of openssl's configuration, or -subj.
# EXTENSIONS: lines of the section [ext], and further sections.
sub request {
    my ($key, $subject, $extensions) = @_;
    my $file = "$work/" . ++$count;
    if (ref $key) {
        Tool::output_of('openssl', 'genpkey', @$key, '-out', "$file.key");
        $key = "$file.key";
    }
    my ($dn, @subj) = $subject =~ m{^/} ? ('', '-subj', $subject) : ($subject);
    Tool::write_file("$file.cnf", "[req]\nprompt = no\nutf8 = yes\ndistinguished_name = dn\n" . ($extensions ? "req_extensions = ext\n" : '') . "[dn]\n$dn\n[ext]\n" . ($extensions // '') . "\n");
    Tool::output_of('openssl', 'req', '-new', '-utf8', '-config', "$file.cnf", '-key', $key, @subj, '-out', "$file.csr");
    return "$file.csr";
}

sub sign { my ($csr, @more) = @_; return Tool::run('sign', "CA=$ca", "CSR=$csr", 'DAYS=30', @more) }

my @ecdsa = (-algorithm => 'EC', -pkeyopt => 'ec_paramgen_curve:P-256');
my $key   = "$work/some.key";
Tool::output_of('openssl', 'genpkey', @ecdsa, '-out', $key);

# --- Good requests ---------------------------------------------------------------------------------------------------
my %serial;
for my $case (
    ['P-256',   \@ecdsa],
    ['P-384',   [-algorithm => 'EC', -pkeyopt => 'ec_paramgen_curve:P-384']],
    ['P-521',   [-algorithm => 'EC', -pkeyopt => 'ec_paramgen_curve:P-521']],
    ['rsa',     [-algorithm => 'RSA', -pkeyopt => 'rsa_keygen_bits:2048']],
    ['rsa',     [-algorithm => 'RSA', -pkeyopt => 'rsa_keygen_bits:3072']],
    ['ed25519', [-algorithm => 'ED25519']],
    ['ed448',   [-algorithm => 'ED448']],
) {
    my ($type, $generate) = @$case;
    my $csr = request($generate, '/O=Some GmbH/CN=www.example.test', 'subjectAltName = DNS:www.example.test, DNS:*.example.test, IP:192.0.2.7, IP:2001:db8::1, email:a.b+c@example.test');
    my $pem = $csr =~ s/csr\z/pem/r;
    my $run = sign($csr, 'DAYS=20');
    is $run->{status}, 0, "@$generate" or diag $run->{output};
    ok Tool::verifies($pem, "$ca/ca.pem"), 'the authority vouches for it';
    is Tool::names($pem), 'DNS:www.example.test, DNS:*.example.test, IP Address:192.0.2.7, IP Address:2001:DB8:0:0:0:0:0:1, email:a.b+c@example.test', 'names';
    my $text = Tool::certificate_text($pem);
    like $text, qr/Subject: O = Some GmbH, CN = www\.example\.test$/m, 'subject';
    like $text, qr/Basic Constraints: critical\s+CA:FALSE/, 'no authority';
    like $text, $type eq 'rsa' ? qr/Key Usage: critical\s+Digital Signature, Key Encipherment$/m : qr/Key Usage: critical\s+Digital Signature$/m, 'use of the key';
    like $text, qr/Authority Key Identifier/, 'key of the issuer';
    my ($serial) = Tool::output_of('openssl', 'x509', '-in', $pem, '-noout', '-serial') =~ /serial=([0-9A-F]+)/;
    ok !$serial{$serial}++, 'a serial number of its own';
    is length $serial, 32, '... of 16 bytes';
    like $run->{output}, qr/serial\s+$serial/, '... which is told';
    is TestHttpd::slurp("$ca/issued/$serial.pem"), TestHttpd::slurp($pem), '... and under which a copy is kept';
    is Tool::command('openssl', 'x509', '-in', $pem, '-noout', '-checkend', 19 * 86400)->{status}, 0, 'valid for nineteen days';
    isnt Tool::command('openssl', 'x509', '-in', $pem, '-noout', '-checkend', 21 * 86400)->{status}, 0, '... and not for twenty-one';
    is Tool::run('match-check', $pem, $csr =~ s/csr\z/key/r)->{status}, 0, 'its key is that of the request';
}

# `openssl ca` understands the index: it knows what is valid, and makes revocation lists of it.
{
    my $index = TestHttpd::slurp("$ca/index.txt");
    is_deeply [sort map { (split /\t/)[3] } split /\n/, $index], [sort keys %serial], 'the index has each serial number';
    Tool::write_file("$work/ca.cnf", "[ca]\ndefault_ca = ca\n[ca]\ndatabase = $ca/index.txt\ndefault_md = sha256\ndefault_crl_days = 9\n");
    my ($some) = sort keys %serial;
    my @openssl_ca = ('openssl', 'ca', '-config', "$work/ca.cnf", '-cert', "$ca/ca.pem", '-keyfile', "$ca/ca.key");
    like Tool::command(@openssl_ca, '-status', $some)->{output}, qr/$some=Valid/, 'openssl ca -status';
    Tool::output_of(@openssl_ca, '-revoke', "$ca/issued/$some.pem");
    like Tool::command(@openssl_ca, '-status', $some)->{output}, qr/$some=Revoked/, 'openssl ca -revoke';
    Tool::output_of(@openssl_ca, '-gencrl', '-out', "$work/list.crl");
    like Tool::output_of('openssl', 'crl', '-in', "$work/list.crl", '-noout', '-text'), qr/Serial Number: $some/, 'openssl ca -gencrl';
}
# The year 2050 begins a new form of dates, and an authority must live longer than what it signs.
{
    my $far = Tool::folder();
    Tool::output_of('openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', "$far/ca.key", '-subj', '/CN=Authority for long', '-days', 20000, '-out', "$far/ca.pem");
    my $csr = request($key, '/CN=far', 'subjectAltName = DNS:far.example.test');
    is Tool::run('sign', "CA=$far", "CSR=$csr", 'DAYS=15000')->{status}, 0, 'far into the future';
    like TestHttpd::slurp("$far/index.txt"), qr/^V\t20[6-9]\d{11}Z\t/, 'the date in the index';
    Tool::refused(['sign', "CA=$far", "CSR=$csr", "OUT=$work/far.pem", 'DAYS=30000'], qr/authority would expire before/, 'longer than the authority lives', $far);
}
# An intermediate authority comes along, with the chain above it.
{
    my $intermediate = Tool::folder();
    symlink "$certs/intermediate.$_", "$intermediate/ca.$_" for qw(pem key);
    my $csr = request($key, '/CN=x', 'subjectAltName = DNS:x.example.test');
    is Tool::run('sign', "CA=$intermediate", "CSR=$csr", 'DAYS=9', "OUT=$work/chain.pem")->{status}, 0, 'an intermediate authority';
    is scalar(() = TestHttpd::slurp("$work/chain.pem") =~ /BEGIN CERTIFICATE/g), 2, '... comes along';
    is Tool::command('openssl', 'verify', '-CAfile', "$ca/ca.pem", '-untrusted', "$work/chain.pem", "$work/chain.pem")->{status}, 0, '... and is verified';
}

# --- Requests that ask for more ---------------------------------------------------------------------------------------
my $greedy = request($key, '/CN=greedy', <<'END');
basicConstraints = critical, CA:TRUE
keyUsage = keyCertSign, cRLSign
extendedKeyUsage = codeSigning, OCSPSigning
nameConstraints = permitted;DNS:example
subjectKeyIdentifier = 00:11:22
certificatePolicies = 1.2.3.4
1.2.3.4.5 = ASN1:UTF8String:something
subjectAltName = @names
[names]
DNS = greedy.example.test
URI = http://greedy.example.test/
otherName = 1.3.6.1.4.1.311.20.2.3;UTF8:root@example.test
dirName = dn
RID = 1.2.3.4
END
my $run = sign($greedy);
is $run->{status}, 0, 'a request with many wishes' or diag $run->{output};
my $text = Tool::certificate_text($greedy =~ s/csr\z/pem/r);
is Tool::names($greedy =~ s/csr\z/pem/r), 'DNS:greedy.example.test', 'gets its host name';
is_deeply [$text =~ /^            X509v3 (.*?): /mg], ['Basic Constraints', 'Key Usage', 'Extended Key Usage', 'Subject Key Identifier', 'Subject Alternative Name', 'Authority Key Identifier'], 'the usual extensions';
like $text, qr/CA:FALSE/, '... is no authority';
unlike $text, qr/CA:TRUE|Certificate Sign|CRL Sign|Code Signing|OCSP|00:11:22|something|1\.2\.3\.4/, '... and nothing else';
my $wishes = 'extension basicConstraints, extension keyUsage, extension extendedKeyUsage, extension nameConstraints, extension subjectKeyIdentifier, extension certificatePolicies, '
    . 'extension 1.2.3.4.5, URI http://greedy.example.test/, otherName, directoryName, registeredID';
like $run->{output}, qr/^  left out of what the request asks for: \Q$wishes\E$/m, 'one is told what it does not get';
is Tool::command('openssl', 'verify', '-CAfile', "$ca/ca.pem", '-purpose', 'sslserver', $greedy =~ s/csr\z/pem/r)->{status}, 0, 'a good certificate of a server';

# --- Refused ---------------------------------------------------------------------------------------------------------
sub refused {
    my ($csr, $message, $name, @more) = @_;
    my $issued = Tool::listing($ca);
    Tool::refused(['sign', "CA=$ca", "CSR=$csr", 'DAYS=30', @more], $message, $name, $work);
    is Tool::listing($ca), $issued, '... and nothing is noted or issued';
    return;
}
my $names = 'subjectAltName = DNS:weak.example.test';
for my $case (
    ['RSA, 1024 bits',   [-algorithm => 'RSA', -pkeyopt => 'rsa_keygen_bits:1024'], qr/1024 bits is too weak/],
    ['RSA, 2047 bits',   [-algorithm => 'RSA', -pkeyopt => 'rsa_keygen_bits:2047'], qr/2047 bits is too weak/],
    ['RSA, exponent 3',  [-algorithm => 'RSA', -pkeyopt => 'rsa_keygen_bits:2048', -pkeyopt => 'rsa_keygen_pubexp:3'], qr/exponent 3 is too small/],
    ['RSA-PSS',          [-algorithm => 'RSA-PSS', -pkeyopt => 'rsa_keygen_bits:2048'], qr/neither RSA/],
    ['P-224',            [-algorithm => 'EC', -pkeyopt => 'ec_paramgen_curve:P-224'], qr/neither RSA, nor on P-256/],
    ['secp256k1',        [-algorithm => 'EC', -pkeyopt => 'ec_paramgen_curve:secp256k1'], qr/neither RSA, nor on P-256/],
    ['explicit curve',   [@ecdsa, -pkeyopt => 'ec_param_enc:explicit'], qr/neither RSA, nor on P-256/],
) {
    my ($name, $generate, $message) = @$case;
    refused(request($generate, '/CN=weak', $names), $message, $name);
}
my $good   = request($key, '/CN=good.example.test', 'subjectAltName = DNS:good.example.test');
my $der    = Tool::output_of('openssl', 'req', '-in', $good, '-outform', 'DER');
my $number = 0;
sub written { my ($bytes) = @_; return Tool::write_file("$work/written-" . ++$number . '.csr', $bytes) }
refused(written($der =~ s/good\.example\.test(?!.*good)/evil.example.test/sr), qr/its signature is not made with the key/, 'changed after it was signed');
refused(written(substr($der, 0, -1) . chr(ord(substr $der, -1) ^ 1)), qr/no certificate request, or its signature/, 'another signature');
refused(written(substr $der, 0, 100), qr/no certificate request/, 'cut off');
refused(request($key, '/CN=large', 'subjectAltName = ' . join ',', map { "DNS:host-$_.example.test" } 1 .. 4000), qr/more than 65536 bytes/, 'large');
refused(request($key, '/CN=many', 'subjectAltName = ' . join ',', map { "DNS:host-$_.example.test" } 1 .. 500), qr/too many names/, 'many names');
refused(written(''),                  qr/no certificate request/, 'nothing in it');
refused(written("just words\n"),      qr/no certificate request/, 'words');
refused("$certs/alpha.pem",           qr/no certificate request/, 'a certificate', "OUT=$work/x.pem");
refused("$work/none.csr",             qr/no file that can be read/, 'no file');

refused(request($key, '/O=mod_ssl demonstration/CN=Demonstration root', $names), qr/asks for the name of the authority/, 'the authority\'s own name');
refused(request($key, '/O=MOD_SSL  demonstration /CN=demonstration ROOT', $names), qr/asks for the name of the authority/, '... in other letters');
refused(request("$ca/ca.key", '/CN=own-key', $names), qr/key is that of the authority/, 'the authority\'s own key');
refused(request($key, '/CN=no-names'), qr/names no server in its subjectAltName/, 'no names');
refused(request($key, '/CN=no-server', 'subjectAltName = URI:http://a.example/'), qr/names no server/, 'no name of a server');
refused(request($key, "CN = a\\nb.example.test", $names), qr/control characters in its subject/, 'a line break in the subject');
refused(request($key, "CN = a\tV\t1\tb", $names), qr/control characters in its subject/, 'a tabulator in the subject');
refused(request($key, "CN = a\\r\e[2Jb", $names), qr/control characters in its subject/, 'codes for a terminal in the subject');

# Names, byte by byte: what openssl would print of them can look like something else.
sub der_names {    # pairs of tag and bytes
    my $inner = '';
    while (@_) { my ($tag, $bytes) = splice @_, 0, 2; $inner .= chr($tag) . chr(length $bytes) . $bytes }
    return 'subjectAltName = DER:' . join ':', map { sprintf '%02x', ord } split //, chr(0x30) . chr(length $inner) . $inner;
}
for my $case (
    ['a comma',              der_names(0x82, 'a.example, DNS:bank.example')],
    ['a line break',         der_names(0x82, "a.example\nDNS:bank.example")],
    ['a null byte',          der_names(0x82, "bank.example\0.a.example")],
    ['an end of the line',   der_names(0x82, "a.example\n")],
    ['a blank',              der_names(0x82, 'a.example ')],
    ['a colon',              der_names(0x82, 'a.example:')],
    ['not ASCII',            der_names(0x82, "b\xc3\xa4nk.example")],
    ['a dollar sign',        der_names(0x82, '$ENV::HOME')],
    ['shell code',           der_names(0x82, '`id`.example')],
    ['a leading dash',       der_names(0x82, '-a.example')],
    ['two wildcards',        der_names(0x82, '*.*.example')],
    ['a wildcard for all',   der_names(0x82, '*')],
    ['a top-level wildcard', der_names(0x82, '*.example')],
    ['an empty name',        der_names(0x82, '')],
    ['a good one before it', der_names(0x82, 'good.example', 0x82, 'b,d')],
    ['an address of 5 bytes',  der_names(0x87, "\1\2\3\4\5")],
    ['an address with a mask', der_names(0x87, "\1\2\3\4\0\0\0\0")],
    ['an empty address',     der_names(0x87, '')],
    ['a mail address with a comma', der_names(0x81, 'a,b@example.test')],
    ['no mail address',      der_names(0x81, 'example.test')],
    ['"copy" for a mail address', der_names(0x81, 'copy')],
    ['broken',               'subjectAltName = DER:30:10:82:7f:61'],
    ['no sequence',          'subjectAltName = DER:82:01:61'],
    ['an endless length',    'subjectAltName = DER:30:80:82:01:61:00:00'],
    ['a huge length',        'subjectAltName = DER:30:84:ff:ff:ff:ff:82:01:61'],
    ['nothing at all',       'subjectAltName = DER:30'],
) {
    my ($name, $extension) = @$case;
    refused(request($key, '/CN=names', $extension), qr/asks for|its extensions cannot be read/, "names: $name");
}
# ALTNAMES counts in the place of what is asked for.
is sign($good, 'ALTNAMES=other.example.test 10.1.2.3', "OUT=$work/other.pem")->{status}, 0, 'ALTNAMES';
is Tool::names("$work/other.pem"), 'DNS:other.example.test, IP Address:10.1.2.3', '... counts';
# Without a subject the names are critical (RFC 5280, 4.2.1.6).
my $nameless = request($key, '/', $names);
is sign($nameless)->{status}, 0, 'without a subject';
like Tool::certificate_text($nameless =~ s/csr\z/pem/r), qr/Subject Alternative Name: critical/, '... the names are critical';
# A subject may hold what is no control character.
my $umlauts = request($key, '/O=Söhne \"&\" \\\\ Co, \+/CN=x', $names);
is sign($umlauts)->{status}, 0, 'umlauts, quotes and backslashes in the subject';
like TestHttpd::slurp("$ca/index.txt"), qr{\t/O=S\\xC3\\xB6hne "&" \\ Co, \\\+/CN=x$}m, '... are escaped in the index';

# `openssl ca` still understands the index.
my $last = (split /\t/, (split /\n/, TestHttpd::slurp("$ca/index.txt"))[-1])[3];
like Tool::command('openssl', 'ca', '-config', "$work/ca.cnf", '-cert', "$ca/ca.pem", '-keyfile', "$ca/ca.key", '-status', $last)->{output}, qr/$last=Valid/, 'the index is in order';

# --- The call, and the authority --------------------------------------------------------------------------------------
for my $case (
    [['DAYS=0'], qr/DAYS is a number/], [['DAYS=x'], qr/DAYS is a number/], [['DAYS=99999'], qr/would expire before/], [['OUT=/nowhere/x.pem'], qr/nothing can be written|No such/],
    [["ALTNAMES=a\nb"], qr/only DNS names/], [['ALTNAMES=-x'], qr/neither a DNS name/], [["OUT=$work/a\nb"], qr/control characters/], [["OUT=$work/\$(id)"], qr/dollar/], [['CA_PASSPHRASE=x'], qr/never an argument/],
    [['x'], qr/there is no setting 'x'/], [["OUT=$certs/root.pem"], qr/is there already/],
) {
    refused($good, $case->[1], "refused: @{$case->[0]}" =~ s/\n/\\n/r, @{$case->[0]});
}
for my $case (['no authority', 'alpha', 'alpha', qr/not the certificate of an authority/], ['another key', 'root', 'intermediate', qr/is not the key of/], ['no key', 'root', 'none', qr/no file/]) {
    my ($name, $certificate, $with, $message) = @$case;
    my $folder = Tool::folder();
    symlink "$certs/$certificate.pem", "$folder/ca.pem";
    symlink "$certs/$with.key",        "$folder/ca.key";
    Tool::refused(['sign', "CA=$folder", "CSR=$good", 'DAYS=30', "OUT=$work/y.pem"], $message, $name, $folder);
}
{
    my $folder = Tool::folder();
    symlink "$certs/root.pem", "$folder/ca.pem";
    Tool::output_of('openssl', 'pkey', '-in', "$certs/root.key", '-aes256', '-passout', 'pass:sesam', '-out', "$folder/ca.key");
    my @call = ('sign', "CA=$folder", "CSR=$good", 'DAYS=30');
    Tool::refused([@call, "OUT=$work/z.pem"], qr/no terminal/, 'an encrypted key of the authority, and nobody to ask', $folder);
    is Tool::at_terminal(['sesam'], @call, "OUT=$work/typed.pem")->{status}, 0, '... with its pass phrase from the terminal';
    local $ENV{CA_PASSPHRASE} = 'sesam';
    is Tool::run(@call, "OUT=$work/environment.pem")->{status}, 0, '... from the environment';
    $ENV{CA_PASSPHRASE} = 'wrong';
    Tool::refused([@call, "OUT=$work/z.pem"], qr/pass phrase is another one/, '... a wrong one', $folder);
}
done_testing;
