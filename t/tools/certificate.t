# tools/certificate and `make certificate`: certificates of four kinds, and values that must not get anywhere.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use TestHttpd ();
use TlsClient ();
use Tool      ();

my $certs = TestHttpd::certs();

# --- dummy: ready at once --------------------------------------------------------------------------------------------
my %key_text = (rsa => qr/Public-Key: \(2048 bit\)/, ecdsa => qr/ASN1 OID: prime256v1/, ed25519 => qr/ED25519 Public-Key/);
for my $algorithm (sort keys %key_text) {
    my $out = Tool::folder();
    my $run = Tool::run('certificate', 'TYPE=dummy', 'NAME=localhost', 'ALTNAMES=127.0.0.1, ::1 *.example.test', "ALGO=$algorithm", "OUT=$out", 'DAYS=7');
    is $run->{status}, 0, "dummy, $algorithm" or diag $run->{output};
    is Tool::mode("$out/localhost.key"), '0600', 'the key is private';
    is Tool::mode("$out/localhost.pem"), '0644', 'the certificate is not';
    is_deeply [sort map { s{.*/}{}r } glob "$out/{*,.[!.]*}"], ['localhost.key', 'localhost.pem'], 'nothing else is left';
    my $text = Tool::certificate_text("$out/localhost.pem");
    like $text, $key_text{$algorithm}, 'the kind of key';
    like $text, qr/Version: 3/, 'version';
    like $text, qr/Basic Constraints: critical\s+CA:FALSE/, 'no authority';
    like $text, qr/Extended Key Usage:\s+TLS Web Server Authentication\s/, 'for servers';
    is Tool::names("$out/localhost.pem"), 'DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1, DNS:*.example.test', 'names';
    is Tool::command('openssl', 'x509', '-in', "$out/localhost.pem", '-noout', '-checkend', 6 * 86400)->{status}, 0, 'valid for six days';
    isnt Tool::command('openssl', 'x509', '-in', "$out/localhost.pem", '-noout', '-checkend', 8 * 86400)->{status}, 0, '... and not for eight';

    # A server runs with the lines that it prints.
    my @lines = $run->{output} =~ /^\s+(SSL.*)$/mg;
    is_deeply \@lines, ['SSLEngine on', qq{SSLCertificateFile "$out/localhost.pem"}, qq{SSLCertificateKeyFile "$out/localhost.key"}], 'lines for httpd';
    my $httpd  = TestHttpd->start(join "\n", '<VirtualHost *:@PORT@>', @lines, '</VirtualHost>', '');
    my $client = TlsClient->new(port => $httpd->port, sni => 'localhost', ca => "$out/localhost.pem")->handshake;
    is $client->get('/1k.bin')->{status}, 200, 'a client that trusts it is served';
}

# --- test and custom: signed by an authority -------------------------------------------------------------------------
{
    my $out   = Tool::folder();
    my $first = Tool::run('certificate', 'TYPE=test', 'NAME=a.example.test', "OUT=$out");
    is $first->{status}, 0, 'test' or diag $first->{output};
    my $authority = TestHttpd::slurp("$out/demo-ca/ca.pem");
    ok Tool::verifies("$out/a.example.test.pem", "$out/demo-ca/ca.pem"), 'its authority vouches for it';
    is Tool::names("$out/a.example.test.pem"), 'DNS:a.example.test', 'its names';
    is Tool::mode($_), '0600', "mode of $_" for "$out/demo-ca/ca.key", "$out/a.example.test.key";
    like Tool::certificate_text("$out/demo-ca/ca.pem"), qr/CA:TRUE/, 'the authority is one';

    is Tool::run('certificate', 'TYPE=test', 'NAME=b.example.test', 'ALGO=rsa', "OUT=$out")->{status}, 0, 'one more';
    is TestHttpd::slurp("$out/demo-ca/ca.pem"), $authority, 'by the same authority';
    ok Tool::verifies("$out/b.example.test.pem", "$out/demo-ca/ca.pem"), 'which vouches for it, too';
    my $other = Tool::folder();
    Tool::run('certificate', 'TYPE=test', 'NAME=a.example.test', "OUT=$other");
    ok !Tool::verifies("$other/a.example.test.pem", "$out/demo-ca/ca.pem"), 'another folder has another authority';

    unlink "$out/demo-ca/ca.key";
    Tool::refused([certificate => 'TYPE=test', 'NAME=c.example.test', "OUT=$out"], qr/half of an authority/, 'an authority without a key', $out);
}
{
    my $out = Tool::folder();
    my $run = Tool::run('certificate', 'TYPE=custom', 'NAME=c.example.test', 'ALTNAMES=192.0.2.1', "OUT=$out");
    is $run->{status}, 0, 'custom' or diag $run->{output};
    ok !-e "$out/c.example.test.pem", 'there is no certificate yet';
    my $request = Tool::output_of('openssl', 'req', '-in', "$out/c.example.test.csr", '-noout', '-text', '-verify');
    like $request, qr/verify OK/, 'the request is signed with its key';
    like $request, qr/Subject: CN = c\.example\.test$/m, 'its subject';
    like $request, qr/DNS:c\.example\.test, IP Address:192\.0\.2\.1$/m, 'its names';
    is scalar(() = $request =~ /X509v3/g), 1, '... are all it asks for';

    $run = Tool::run('certificate', 'TYPE=custom', 'NAME=d.example.test', "OUT=$out", "CA=$out/own authority");
    is $run->{status}, 0, 'custom with an authority of one\'s own' or diag $run->{output};
    ok Tool::verifies("$out/d.example.test.pem", "$out/own authority/ca.pem"), 'which vouches for it';
}

# --- existing: checked and copied ------------------------------------------------------------------------------------
{
    my $out = Tool::folder();
    my @existing = ('certificate', 'TYPE=existing', "OUT=$out");
    for my $case (
        [['NAME=localhost', "CERT=$certs/localhost-ecdsa.pem"],                                        qr/no private key/,        'no key'],
        [['NAME=localhost', "CERT=$certs/localhost-ecdsa.pem", "KEY=$certs/localhost-rsa.key"],        qr/is not the key of/,     'another key'],
        [['NAME=localhost', "CERT=$certs/broken/expired.pem", "KEY=$certs/localhost-rsa.key"],         qr/has expired: Feb/,      'expired'],
        [['NAME=other.example.test', "CERT=$certs/alpha.pem", "KEY=$certs/alpha.key"],                 qr/not made for other\.example\.test/, 'another name'],
        [['NAME=alpha.example.test', 'ALTNAMES=10.0.0.1', "CERT=$certs/alpha.pem", "KEY=$certs/alpha.key"], qr/not made for 10\.0\.0\.1/, 'an address that is not in it'],
        [['NAME=*.alpha.example.test', "CERT=$certs/alpha.pem", "KEY=$certs/alpha.key"],               qr/not made for \*\.alpha/, 'a wildcard that is not in it'],
        [['NAME=localhost', "CERT=$certs/broken/words.pem", "KEY=$certs/localhost-rsa.key"],           qr/no certificate in PEM/, 'no certificate'],
        [['NAME=localhost', "CERT=$certs/broken/garbage.pem", "KEY=$certs/localhost-rsa.key"],         qr/cannot be used/,        'a certificate that cannot be read'],
        [['NAME=localhost', "CERT=$certs/localhost-rsa.pem", "KEY=$certs/broken/garbage.key"],         qr/cannot be used/,        'a key that cannot be read'],
        [['NAME=localhost', "CERT=$certs/localhost-rsa.pem", "KEY=$certs/broken/encrypted.key"],       qr/there is no terminal/,  'an encrypted key, and nobody to ask'],
        [['NAME=localhost', "CERT=$certs/none.pem"],                                                   qr/no file that can be read/, 'no file'],
        [['NAME=localhost'],                                                                           qr/which certificate/,     'nothing'],
    ) {
        my ($arguments, $message, $name) = @$case;
        Tool::refused([@existing, @$arguments], $message, "existing: $name", $out);
    }
    my $run = Tool::run(@existing, 'NAME=localhost', 'ALTNAMES=127.0.0.1 ::1', "CERT=$certs/localhost-rsa-combined.pem");
    is $run->{status}, 0, 'existing, the key in the same file' or diag $run->{output};
    is TestHttpd::slurp("$out/localhost.pem"), TestHttpd::slurp("$certs/localhost-rsa.pem"), 'the certificates alone, with their chain';
    is TestHttpd::slurp("$out/localhost.key"), TestHttpd::slurp("$certs/localhost-rsa.key"), 'the key alone';
    is Tool::mode("$out/localhost.key"), '0600', 'which is private';
    is Tool::run(@existing, 'NAME=*.wild.example.test', "CERT=$certs/wild.pem", "KEY=$certs/wild.key")->{status}, 0, 'a wildcard';
    ok -s "$out/_.wild.example.test.pem", '... under a name without one';
    {
        local $ENV{PASSPHRASE} = 'secret';
        my $second = Tool::folder();
        is Tool::run('certificate', 'TYPE=existing', 'NAME=localhost', "CERT=$certs/localhost-rsa.pem", "KEY=$certs/broken/encrypted.key", "OUT=$second")->{status},
            0, 'an encrypted key, with its pass phrase';
        like TestHttpd::slurp("$second/localhost.key"), qr/ENCRYPTED/, '... stays encrypted';
        $ENV{PASSPHRASE} = 'wrong';
        Tool::refused(['certificate', 'TYPE=existing', 'NAME=localhost', "CERT=$certs/localhost-rsa.pem", "KEY=$certs/broken/encrypted.key", 'OUT=' . Tool::folder()],
            qr/pass phrase is another one/, '... and with another one');
    }
    $run = Tool::run(@existing, 'NAME=mod-ssl.example.test', "CERT=$certs/broken/authority.pem", "KEY=$certs/broken/authority.key");
    isnt $run->{status}, 0, 'an authority\'s certificate is not made for a server';
}

# --- Nothing is overwritten ------------------------------------------------------------------------------------------
for my $type (qw(dummy test custom existing)) {
    for my $suffix (qw(key csr pem)) {
        for my $kind ('a file', 'a link to nowhere') {
            my $out = Tool::folder();
            $kind eq 'a file' ? Tool::write_file("$out/localhost.$suffix", 'precious') : symlink "$out/nowhere", "$out/localhost.$suffix";
            my @existing = $type eq 'existing' ? "CERT=$certs/localhost-rsa-combined.pem" : ();
            Tool::refused(['certificate', "TYPE=$type", 'NAME=localhost', "OUT=$out", @existing], qr/localhost\.$suffix is there already/, "$type: $kind is there, .$suffix", $out);
        }
    }
}

# --- Pass phrases ----------------------------------------------------------------------------------------------------
my $phrase = 'Sesam, öffne dich "$HOME" `id` 7f1c';
my $openssl = TestHttpd::which('openssl');
sub opens { my ($key) = @_; local $ENV{PHRASE} = $phrase; return Tool::command($openssl, 'pkey', '-in', $key, '-passin', 'env:PHRASE', '-noout')->{status} eq '0' }
{
    my ($calls, $path) = Tool::watched_openssl();
    my $out = Tool::folder();
    my $file = Tool::write_file("$out/phrase", "$phrase\nanother line\n");
    {
        local @ENV{qw(PATH PASSPHRASE CA_PASSPHRASE)} = ($path, $phrase, $phrase);
        for my $algorithm (qw(rsa ecdsa ed25519)) {
            my $run = Tool::run('certificate', 'TYPE=custom', "NAME=$algorithm.example.test", "ALGO=$algorithm", "OUT=$out", "CA=$out/ca");
            is $run->{status}, 0, "pass phrases from the environment, $algorithm" or diag $run->{output};
            like TestHttpd::slurp("$out/$algorithm.example.test.key"), qr/BEGIN ENCRYPTED PRIVATE KEY/, 'the key is encrypted';
            ok opens("$out/$algorithm.example.test.key"), '... with this pass phrase';
            like $run->{output}, qr/SSLPassPhraseDialog/, '... and one is told';
        }
        ok opens("$out/ca/ca.key"), 'the key of the authority too';
        is Tool::run('certificate', 'NAME=dummy.example.test', "OUT=$out")->{status}, 0, 'dummy with a pass phrase';
        ok opens("$out/dummy.example.test.key"), '... too';
    }
    {
        local @ENV{qw(PATH PASSPHRASE_FILE CA_PASSPHRASE_FILE)} = ($path, $file, $file);
        is Tool::run('certificate', 'TYPE=custom', 'NAME=file.example.test', "OUT=$out", "CA=$out/ca")->{status}, 0, 'pass phrases from a file';
        ok opens("$out/file.example.test.key"), '... the first line of it';
    }
    my $typed = Tool::at_terminal([$phrase, $phrase], 'certificate', 'NAME=typed.example.test', 'ENCRYPT=yes', "OUT=$out");
    is $typed->{status}, 0, 'a pass phrase from the terminal' or diag $typed->{output};
    ok opens("$out/typed.example.test.key"), '... is that of the key';
    like $typed->{output}, qr/Pass phrase of the new key: .*Once more: /s, '... and is asked for twice';
    my $two = Tool::at_terminal([$phrase, 'something else'], 'certificate', 'NAME=two.example.test', 'ENCRYPT=yes', "OUT=$out");
    is $two->{status}, 1, 'two pass phrases that differ';
    like $two->{output}, qr/differ/, '... one is told';
    ok !-e "$out/two.example.test.key", '... and there is no key';

    my $log = TestHttpd::slurp($calls);
    cmp_ok scalar(() = $log =~ /^/mg), '>', 30, 'calls of openssl were watched';
    unlike $log, qr/Sesam/, 'none of them had a pass phrase among its arguments';
    is_deeply [grep { !/^0?077 / } split /^/m, $log], [], 'all of them with umask 077: keys are private from the first byte';

    Tool::refused(['certificate', "PASSPHRASE=$phrase", 'NAME=x.example.test', "OUT=$out"], qr/never an argument/, 'a pass phrase as an argument', $out);
    Tool::refused(['certificate', "CA_PASSPHRASE=$phrase", 'NAME=x.example.test', "OUT=$out"], qr/never an argument/, 'that of the authority as an argument', $out);
    Tool::refused(['certificate', 'NAME=x.example.test', 'ENCRYPT=yes', "OUT=$out"], qr/no terminal/, 'nobody to ask', $out);
    {
        # Neither pass phrase, or that of the server's key alone: no authority is left behind.
        local $ENV{CA_PASSPHRASE} = $phrase;
        Tool::refused(['certificate', 'NAME=x.example.test', 'TYPE=custom', "CA=$out/new-ca", 'ENCRYPT=yes', "OUT=$out"], qr/no terminal/, 'a new authority, and nobody to ask for the pass phrase of the key', $out);
        local @ENV{qw(PASSPHRASE CA_PASSPHRASE)} = ($phrase, undef);
        delete $ENV{CA_PASSPHRASE};
        Tool::refused(['certificate', 'NAME=x.example.test', 'TYPE=custom', "CA=$out/new-ca", 'ENCRYPT=yes', "OUT=$out"], qr/no terminal/, '... or of the authority', $out);
        ok !-e "$out/new-ca/ca.key", '... which is not made';
    }
    for my $case (["$out/none", qr/no file/], [Tool::write_file("$out/empty", ''), qr/first line .* is empty/], [Tool::write_file("$out/blank", "\nx\n"), qr/first line .* is empty/]) {
        local $ENV{PASSPHRASE_FILE} = $case->[0];
        Tool::refused(['certificate', 'NAME=x.example.test', "OUT=$out"], $case->[1], "a bad file with a pass phrase: $case->[0]", $out);
    }
    local $ENV{CA_PASSPHRASE} = 'wrong';
    Tool::refused(['certificate', 'TYPE=custom', 'NAME=x.example.test', "OUT=$out", "CA=$out/ca"], qr/pass phrase is another one/, 'a wrong one for the authority', $out);
}

# --- Values that somebody else may have chosen -----------------------------------------------------------------------
my $long = join '.', ('a' x 60) x 5;
my $out  = Tool::folder();
my @bad_names = (
    '', ' ', '-x', '-subj', '--help', '.', '..', '../x', '/etc/passwd', 'a..b', '.a', 'a.', 'a/b', 'a b', "a\nb", "a\n", "\na", "a\tb", "a\rb", 'a,b', "a'b", 'a"b', 'a\\b',
    '$HOME', '$ENV::HOME', '${ENV::HOME}', '$(id)', '`id`', ';id', '|id', '&', '*', '**.a.b', 'a.*.b', '*.com', 'x*.a.b', 'a#b', 'a=b', 'DNS:a', 'email:copy', 'a@b', 'sch\xc3\xb6n.example',
    "a.example\nbasicConstraints=CA:TRUE", 'a.example,basicConstraints=CA:TRUE', '@section', '256.1.1.1', '1.2.3', '1.2.3.4.5', ':', '::', ':::', '1::2::3', 'fe80::1%lo', "$long.example",
    ('a' x 64) . '.example', '-a.example', 'a-.example', 'a.-b.example', '%s%n',
);
for my $name (@bad_names) {
    (my $shown = $name) =~ s/([^ -~])/sprintf '\\x%02x', ord $1/ge;
    Tool::refused(['certificate', "NAME=$name", "OUT=$out"], qr/^certificate: /m, "NAME: $shown", $out) unless $name eq '::';
    next if $name =~ /^ ?$|^\*\*|^a(?: |,)b$|^::$/;    # a list may be empty, and has blanks and commas; `::` is an address
    Tool::refused(['certificate', 'NAME=www.example.test', "ALTNAMES=b.example.test,$name", "OUT=$out"], qr/^certificate: /m, "ALTNAMES: $shown", $out);
}
for my $case (
    ['DAYS=0'], ['DAYS=-1'], ['DAYS=08'], ['DAYS=1 -subj /CN=x'], ["DAYS=1\n2"], ['DAYS=123456'], ['DAYS=$(id)'], ['ALGO=dsa'], ['ALGO=rsa -x'], ['TYPE=real'], ['TYPE=$(id)'], ['ENCRYPT=perhaps'],
    ["OUT=$out/a\"b"], ["OUT=$out/\$(id)"], ["OUT=$out/a\nb"], ["OUT=$out/a\\b"], ['CERT=x'], ['CA=x'], ['TYPE=custom', "CA=$out/`id`\"\n"],
    ['WHAT=ever'], ['--name'], ['x'],
) {
    my @arguments = @$case;
    (my $shown = "@arguments") =~ s/\n/\\n/g;
    Tool::refused(['certificate', 'NAME=www.example.test', "OUT=$out", @arguments], qr/^certificate: |^Makes or checks/m, "refused: $shown", $out);
}
# Odd, but good.
{
    my $odd = Tool::folder() . " it's 50% ok";
    my $run = Tool::run('certificate', 'NAME=_x-1.example.test', 'ALTNAMES= , 10.0.0.1,, xn--schn-7qa.example.test A.EXAMPLE.TEST a.example.test', "OUT=$odd");
    is $run->{status}, 0, 'blanks, quotes and commas where they do no harm' or diag $run->{output};
    is Tool::names("$odd/_x-1.example.test.pem"), 'DNS:_x-1.example.test, IP Address:10.0.0.1, DNS:xn--schn-7qa.example.test, DNS:A.EXAMPLE.TEST, DNS:a.example.test', '... the names';
    my $here = Tool::folder();
    is Tool::command('sh', '-c', 'cd "$1" && exec "$2" NAME=::1 OUT=-out', 'sh', $here, Tool::path('certificate'))->{status}, 0, 'a folder that looks like an option';
    ok -s "$here/-out/__1.key", '... has the key';
}

# --- make certificate ------------------------------------------------------------------------------------------------
{
    my $root = TestHttpd::root();
    my $made = Tool::folder();
    my @make = ('make', '-C', $root, 'certificate', "OUT=$made");
    my $run  = Tool::command(@make, 'NAME=make.example.test', 'ALTNAMES=127.0.0.1 b.example.test', 'ALGO=ed25519', 'DAYS=3');
    is $run->{status}, 0, 'make certificate' or diag $run->{output};
    is Tool::names("$made/make.example.test.pem"), 'DNS:make.example.test, IP Address:127.0.0.1, DNS:b.example.test', 'its names';
    {
        local $ENV{PASSPHRASE} = $phrase;
        is Tool::command(@make, 'NAME=secret.example.test')->{status}, 0, 'with a pass phrase';
        ok opens("$made/secret.example.test.key"), '... from the environment';
    }
    my $before = Tool::listing($made);
    for my $value ("\$(shell touch $made/pwned)", "`touch $made/pwned`", "\$\$(touch $made/pwned)", "'; touch $made/pwned; '", "\"; touch $made/pwned; \"", "a\n\ttouch $made/pwned", "a#b", '$(error x)') {
        for my $setting (qw(NAME ALTNAMES TYPE DAYS)) {
            my $answer = Tool::command(@make, 'NAME=www.example.test', "$setting=$value");
            is $answer->{status}, 2, "make with $setting=" . $value =~ s/\n/\\n/r;
            like $answer->{output}, qr/^certificate: /m, '... is refused by the tool';
        }
    }
    my $answer = Tool::command(@make, 'NAME=www.example.test', "PASSPHRASE=$phrase");
    is $answer->{status}, 2, 'a pass phrase as an argument of make';
    like $answer->{output}, qr/a pass phrase is no argument/, '... one is told';
    is Tool::listing($made), $before, 'nothing was made, and nothing run';
}
done_testing;
