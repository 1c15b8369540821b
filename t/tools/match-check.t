# tools/match-check: does a private key belong to a certificate? By the exit status.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use TestHttpd ();
use Tool      ();

my $certs = TestHttpd::certs();
my $new   = Tool::folder();

# Other forms of the same keys.
Tool::output_of('openssl', 'ec', '-in', "$certs/localhost-ecdsa.key", '-conv_form', 'compressed', '-out', "$new/compressed.key");
Tool::output_of('openssl', 'ec', '-in', "$certs/localhost-ecdsa.key", '-param_enc', 'explicit', '-out', "$new/explicit.key");
Tool::output_of('openssl', 'rsa', '-in', "$certs/localhost-rsa.key", '-traditional', '-out', "$new/traditional.key");
Tool::output_of('openssl', 'rsa', '-in', "$certs/localhost-rsa.key", '-traditional', '-aes128', '-passout', 'pass:secret', '-out', "$new/traditional-encrypted.key");
Tool::output_of('openssl', 'pkey', '-in', "$certs/localhost-rsa.key", '-pubout', '-out', "$new/public.key");
Tool::output_of('openssl', 'genpkey', '-algorithm', $_, '-out', "$new/$_.key") for qw(ED25519 X25519);
Tool::output_of('openssl', 'genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', "$new/EC.key");
symlink "$certs/localhost-rsa.key", "$new/-in.key";

for my $case (
    # certificate                               key                                  status
    (map { ["$certs/localhost-$_.pem",          "$certs/localhost-$_.key",           0], ["$certs/localhost-$_-combined.pem", undef, 0] } qw(rsa ecdsa ed25519)),
    ["$certs/localhost-ecdsa.pem",              "$new/compressed.key",               0],
    ["$certs/localhost-ecdsa.pem",              "$new/explicit.key",                 0],
    ["$certs/localhost-rsa.pem",                "$new/traditional.key",              0],
    ["$certs/localhost-rsa.pem",                "$certs/broken/key.der",             0],
    ["$certs/broken/certificate.der",           "$certs/localhost-rsa.key",          0],
    ["$certs/broken/expired.pem",               "$certs/localhost-rsa.key",          0],
    ["$certs/localhost-rsa.pem",                "$certs/broken/other.key",           1],
    ["$certs/localhost-rsa.pem",                "$certs/localhost-ecdsa.key",        1],
    ["$certs/localhost-ecdsa.pem",              "$new/EC.key",                       1],
    ["$certs/localhost-ed25519.pem",            "$new/ED25519.key",                  1],
    ["$certs/localhost-ed25519.pem",            "$new/X25519.key",                   1],
    ["$certs/broken/weak.pem",                  "$certs/localhost-rsa.key",          1],
    # The first certificate of a file counts: this key belongs to the second.
    ["$certs/localhost-rsa.pem",                "$certs/intermediate.key",           1],
    ["$certs/localhost-rsa.pem",                undef,                               2],
    ["$certs/localhost-rsa.pem",                "$new/public.key",                   2],
    ["$certs/localhost-rsa.pem",                "$certs/localhost-rsa.pem",          2],
    ["$certs/localhost-rsa.key",                "$certs/localhost-rsa.key",          2],
    ["$certs/broken/empty.pem",                 "$certs/localhost-rsa.key",          2],
    ["$certs/broken/words.pem",                 "$certs/localhost-rsa.key",          2],
    ["$certs/broken/garbage.pem",               "$certs/localhost-rsa.key",          2],
    ["$certs/localhost-rsa.pem",                "$certs/broken/garbage.key",         2],
    ["$certs/localhost-rsa.pem",                "$certs/broken/encrypted.key",       2],
    ["$certs/localhost-rsa.pem",                "$new/traditional-encrypted.key",    2],
    ["$certs/localhost-rsa.pem",                "$new/none.key",                     2],
    ["$certs/localhost-rsa.pem",                $new,                                2],
    ['-in',                                     '-noout',                            2],
    ["\$(touch $new/pwned)",                    '`id`',                              2],
) {
    my ($certificate, $key, $status) = @$case;
    my $run = Tool::run('match-check', $certificate, $key // ());
    is $run->{status}, $status, join ' ', map { s{.*/}{}r } grep { defined } @$case or diag $run->{output};
    like $run->{output}, [qr/ is the key of /, qr/ is not the key of /, qr/^match-check: /m]->[$status], '... and says so';
}
ok !-e "$new/pwned", 'no argument is run';
is Tool::command('sh', '-c', 'cd "$1" && exec "$2" "$3" -in.key', 'sh', $new, Tool::path('match-check'), "$certs/localhost-rsa.pem")->{status}, 0, 'a file that looks like an option';

# Encrypted keys.
for my $key ("$certs/broken/encrypted.key", "$new/traditional-encrypted.key", "$certs/broken/encrypted-combined.pem") {
    my @pair = ('match-check', "$certs/localhost-rsa.pem", $key);
    my $name = $key =~ s{.*/}{}r;
    {
        local $ENV{PASSPHRASE} = 'secret';
        is Tool::run(@pair)->{status}, 0, "$name: the pass phrase from the environment";
        is Tool::run('match-check', "$certs/localhost-ecdsa.pem", $key)->{status}, 1, '... another certificate';
        $ENV{PASSPHRASE} = 'wrong';
        is Tool::run(@pair)->{status}, 2, '... a wrong one';
    }
    {
        local $ENV{PASSPHRASE_FILE} = Tool::write_file("$new/phrase", "secret\n");
        is Tool::run(@pair)->{status}, 0, '... from a file';
    }
    is Tool::at_terminal(['secret'], @pair)->{status}, 0, '... from the terminal';
    is Tool::at_terminal(['wrong'],  @pair)->{status}, 2, '... a wrong one from there';
    is Tool::at_terminal([''],       @pair)->{status}, 2, '... none from there';
}
for my $name (qw(certificate sign match-check hash-links migrate-config)) {
    for my $option ('-h', '--help') {
        my $help = Tool::run($name, $option);
        is $help->{status}, 0, "$name $option";
        my $text = qx(${\ TestHttpd::root() }/tools/$name $option 2>/dev/null);
        like $text, qr/\Q$name\E.*\n(?:.*\n){3}/, '... the usage, on standard output';
    }
}
my $usage = Tool::run('match-check');
is $usage->{status}, 2, 'without arguments';
like $usage->{output}, qr/Exit status: 0 they match/, '... the usage';
is Tool::run('match-check', 'a', 'b', 'c')->{status}, 2, 'too many arguments';

# Wrong usage of any tool: status 2, and one line that names what is wrong.
for (
    [qr/'--bogus'/,            'certificate',    '--bogus'],
    [qr/'NAMES=x'/,            'certificate',    'NAME=a.example.test', 'NAMES=x'],
    [qr/NAME=/,                'certificate',    'TYPE=dummy'],
    [qr/TYPE is dummy/,        'certificate',    'NAME=a.example.test', 'TYPE=foo'],
    [qr/DAYS/,                 'certificate',    'NAME=a.example.test', 'DAYS=soon'],
    [qr/neither a DNS name/,   'certificate',    'NAME=a..example.test'],
    [qr/'--bogus'/,            'sign',           '--bogus'],
    [qr/CSR=FILE/,             'sign',           'CA=here'],
    [qr/DAYS/,                 'sign',           'CA=here', 'CSR=there', 'DAYS=soon'],
    [qr/one or two files/,     'match-check',    'a', 'b', 'c'],
    [qr/--bogus/,              'match-check',    '--bogus'],
    [qr/--bogus/,              'hash-links',     '--bogus'],
    [qr/--bogus/,              'migrate-config', '--bogus', 'file'],
) {
    my ($message, @call) = @$_;
    my $run = Tool::run(@call);
    is $run->{status}, 2, "@call: status";
    like $run->{output}, qr/\A\Q$call[0]\E: [^\n]*$message[^\n]*\n\z/, '... one line';
}
done_testing;
