# tools/migrate-config: what becomes of older dialects, that the result starts, and files that it must not harm.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use File::Basename qw(dirname);
use File::Path qw(make_path);
use TestHttpd ();
use TlsClient ();

my $tool    = TestHttpd::root() . '/tools/migrate-config';
my $samples = TestHttpd::root() . '/t/tools/samples';
my $folder  = TestHttpd::root() . "/home/migrate-$$";
make_path($folder);

# Exit status, standard output and standard error.
sub run {
    my (@arguments) = @_;
    my $pid = fork // die "fork: $!";
    if (!$pid) {
        open STDOUT, '>:raw', "$folder/stdout" or POSIX::_exit(99);
        open STDERR, '>:raw', "$folder/stderr" or POSIX::_exit(99);
        exec $^X, $tool, @arguments or POSIX::_exit(99);
    }
    waitpid $pid, 0;
    my $status = $? & 127 ? 'signal ' . ($? & 127) : $? >> 8;
    return ($status, TestHttpd::slurp("$folder/stdout"), TestHttpd::slurp("$folder/stderr"));
}

sub write_file {
    my ($name, $bytes) = @_;
    open my $file, '>:raw', "$folder/$name" or die "$name: $!";
    print {$file} $bytes;
    close $file or die "$name: $!";
    return "$folder/$name";
}

# The text that BYTES become, and what is said on standard error; the file is not changed by looking at it.
sub migrated {
    my ($bytes) = @_;
    unlink glob "$folder/case.conf*";
    my $path = write_file('case.conf', $bytes);
    my ($status, $diff, $said) = run($path);
    die "it changed the file" if TestHttpd::slurp($path) ne $bytes;
    die "status $status: $said" unless $status =~ /\A[01]\z/;
    die "status $status, but: $diff" if ($status == 1) != ($diff ne '');
    return ($bytes, $said, $diff) if $status == 0;
    my ($changed) = run('--in-place', $path);
    die "--in-place: status $changed" unless $changed == 1;
    return (TestHttpd::slurp($path), $said =~ s/^\Q$path\E://gmr, $diff);
}

# --- The samples ------------------------------------------------------------------------------------------------------
my %used;
for my $path (glob "$samples/*.conf") {
    my ($name)   = $path =~ m{([^/]+)\.conf\z};
    my $old      = TestHttpd::slurp($path);
    my ($new, $said, $diff) = migrated($old);
    is $new,  TestHttpd::slurp("$samples/$name.new"),   "$name: the new text";
    is $said, TestHttpd::slurp("$samples/$name.notes"), "$name: what is to be decided";
    my ($again, $more, $nothing) = migrated($new);
    is $nothing, '', "$name: nothing to do the second time";
    is $more,    '', "$name: ... and nothing to say";
    my $patched = write_file("$name.patched", $old);
    open my $patch, '|-', 'patch', '--quiet', '--posix', $patched or die "patch: $!";
    print {$patch} $diff;
    ok close $patch, "$name: patch takes the diff";
    is TestHttpd::slurp($patched), $new, "$name: ... and makes the new text of it";
    $used{lc $_} = 1 for $old =~ /^[ \t]*(\w+)/gm;
}
my @unused = grep { !$used{lc $_} } split /\n/, (run('--list'))[1];
is "@unused", '', 'every old name is in a sample';

# --- Single lines: old, new, and a pattern for standard error (without one nothing may be said) ----------------------
my @cases = (
    ['SSLVerifyClient 0', 'SSLVerifyClient none'], ['sslverifyclient "1"', 'SSLVerifyClient optional'],
    ['SSLVerifyClient 3', 'SSLVerifyClient optional_no_ca'], ['SSLVerifyClient 4', 'SSLVerifyClient 4'],
    ['SSLMutex none', "# migrate-config: the session cache is always locked where it needs to be\n#SSLMutex none"],
    ['SSLMutex sem', 'Mutex sem ssl-cache'], ['SSLMutex yes', 'Mutex default ssl-cache'],
    ['SSLMutex fcntl:logs/lock', 'Mutex fcntl:logs ssl-cache'], ['SSLMutex file:/lock', 'Mutex file:/ ssl-cache'],
    ['SSLMutex file:lock', 'Mutex file:. ssl-cache'],
    ['SSLMutex "file:/a b/lock"', 'Mutex "file:/a b" ssl-cache'],
    ['SSLSessionCache shm:/x(1024)', 'SSLSessionCache shmcb:/x(1024)', qr/socache_shmcb/],
    ['SSLSessionCache "shm:/a b(512000)"', 'SSLSessionCache "shmcb:/a b(512000)"', qr/socache_shmcb/],
    ['SSLSessionCache dbm:/x', "# migrate-config: NOTE\nSSLSessionCache dbm:/x", qr/socache_dbm/],
    ['SSLSessionCache none', 'SSLSessionCache none'],
    ['SSLLog logs/x', 'ErrorLog logs/x', qr/takes all messages/],
    ['SSLLog "|/usr/bin/rotate x"', 'ErrorLog "|/usr/bin/rotate x"', qr/takes all messages/],
    ["ErrorLog a\nSSLLog b", "ErrorLog a\n# migrate-config: messages are in this server's ErrorLog\n#SSLLog b"],
    ["SSLLog a\n<VirtualHost *>\nErrorLog b\n</VirtualHost>", "ErrorLog a\n<VirtualHost *>\nErrorLog b\n</VirtualHost>", qr/takes all/],
    ["ErrorLog a\n<VirtualHost *>\nSSLLog b\n</VirtualHost>", "ErrorLog a\n<VirtualHost *>\nErrorLog b\n</VirtualHost>", qr/takes all/],
    ['SSLLogLevel warn', 'LogLevel ssl:warn'], ['SSLLogLevel trace', 'LogLevel ssl:trace3'],
    ['SSLLogLevel debug', 'LogLevel ssl:trace7', qr/bytes/],
    ['SSLLogLevel none', "# migrate-config: errors are in ErrorLog; LogLevel ssl:... says what else\n#SSLLogLevel none"],
    ["SSLLogLevel info\nLogLevel warn", "LogLevel warn\nLogLevel ssl:info"],
    ["SSLLogLevel info\nLogLevel warn ssl:error", "# migrate-config: a later LogLevel sets the level\n#SSLLogLevel info\nLogLevel warn ssl:error"],
    # One word alone without a sign, the last one, counts: before and after.
    ['SSLOptions StdEnvVars FakeBasicAuth', "# migrate-config: NOTE\nSSLOptions StdEnvVars FakeBasicAuth", qr/FakeBasicAuth takes .* \(StdEnvVars\)/],
    ['SSLOptions +A StdEnvVars -B', "# migrate-config: NOTE\nSSLOptions +A StdEnvVars -B", qr/StdEnvVars takes .* \(\+A\)/],
    ['SSLOptions StdEnvVars +CompatEnvVars', "# migrate-config: mod_ssl 2.4 has no CompatEnvVars\n#SSLOptions StdEnvVars +CompatEnvVars\nSSLOptions StdEnvVars", qr/SetEnvIfExpr/],
    ['SSLOptions +StdEnvVars compatenvvars -StrictRequire +FakeBasicAuth',
        "# migrate-config: mod_ssl 2.4 has no compatenvvars\n#SSLOptions +StdEnvVars compatenvvars -StrictRequire +FakeBasicAuth\nSSLOptions FakeBasicAuth -StrictRequire", qr/SetEnvIfExpr/],
    ['SSLOptions +CompatEnvVars', "# migrate-config: mod_ssl 2.4 has no CompatEnvVars\n#SSLOptions +CompatEnvVars", qr/SetEnvIfExpr/],
    ['SSLProtocol all -SSLv2 -SSLv3', 'SSLProtocol all -SSLv2 -SSLv3'],
    ['SSLProtocol all -SSLv2 +SSLv3', 'SSLProtocol all'], ['SSLProtocol ALL +sslv2', 'SSLProtocol ALL'],
    ['SSLProtocol SSLv2 SSLv3 +TLSv1', "# migrate-config: NOTE\nSSLProtocol +TLSv1", qr/TLS 1\.1 is the newest/],
    ['SSLProtocol TLSv1 SSLv3', "# migrate-config: there is no SSLv2 and SSLv3 any more\n#SSLProtocol TLSv1 SSLv3", qr/no version of today/],
    ['SSLProxyEngine on' . "\n" . 'SSLProxyProtocol +SSLv3 +TLSv1.2', "SSLProxyEngine on\nSSLProxyProtocol +TLSv1.2"],
    ['SSLCipherSuite HIGH:!EXP:!LOW', 'SSLCipherSuite HIGH:!EXP:!LOW'],
    ['SSLCipherSuite SSL "HIGH:RC4+RSA, LOW"', 'SSLCipherSuite SSL HIGH'],
    ['SSLCipherSuite TLSv1.3 TLS_AES_256_GCM_SHA384', 'SSLCipherSuite TLSv1.3 TLS_AES_256_GCM_SHA384'],
    ['SSLCipherSuite HIGH:ADH', 'SSLCipherSuite HIGH', qr/never allowed/],
    ['SSLCipherSuite EXP:LOW:!ADH:@STRENGTH', "# migrate-config: OpenSSL 3 has none of these ciphers\n#SSLCipherSuite EXP:LOW:!ADH:\@STRENGTH", qr/its own list holds/],
    ['SSLRandomSeed startup egd:/x', "# migrate-config: OpenSSL seeds itself and asks no EGD\n#SSLRandomSeed startup egd:/x"],
    ['SSLCARevocationPath a' . "\n" . 'SSLCARevocationCheck leaf', "SSLCARevocationPath a\nSSLCARevocationCheck leaf"],
    ["SSLCARevocationPath a\n<VirtualHost *>\n SSLCARevocationPath b\n</VirtualHost>",
        "SSLCARevocationPath a\nSSLCARevocationCheck chain no_crl_for_cert_ok\n<VirtualHost *>\n SSLCARevocationPath b\n</VirtualHost>", qr/no_crl_for_cert_ok/],
    ['SSLEnable', 'SSLEngine on', qr/holds for all of them/],
    ["<IfDefine !SSL>\nA\n</IfDefine>", "<IfModule !ssl_module>\nA\n</IfModule>"],
    ["Define SSL\n<IfDefine SSL>\nA\n</IfDefine>", "Define SSL\n<IfDefine SSL>\nA\n</IfDefine>"],
    ["<ifdefine SSL>\n<IfModule x>\nSSLVerifyClient 2\n</ifmodule>\n</IFDEFINE>", "<IfModule ssl_module>\n<IfModule x>\nSSLVerifyClient require\n</ifmodule>\n</IfModule>"],
    ["<VirtualHost *>\n\tSSLMutex sem\n</VirtualHost>",
        "<VirtualHost *>\n\t# migrate-config: this setting belongs in front of the virtual hosts\n\t#SSLMutex sem\n</VirtualHost>", qr/in front/],
    ["GnuTLSCache dbm /x", "# migrate-config: NOTE\nSSLSessionCache dbm:/x", qr/socache_dbm/],
    # Lines that go on, comments that go on, programs, and things that only look like directives.
    ["SSLVerifyClient \\\n  2", 'SSLVerifyClient require'], ["SSLVerify\\\nClient 2", 'SSLVerifyClient require'],
    ["# a comment \\\nSSLVerifyClient 2", "# a comment \\\nSSLVerifyClient 2"],
    ["<Perl>\nSSLVerifyClient 2;\n</Perl>\nSSLVerifyClient 2", "<Perl>\nSSLVerifyClient 2;\n</Perl>\nSSLVerifyClient require"],
    ["Header set X SSLMutex\n#SSLMutex sem\n  # SSLLog x", "Header set X SSLMutex\n#SSLMutex sem\n  # SSLLog x"],
    ['SSLMutex none \\', "# migrate-config: the session cache is always locked where it needs to be\n#SSLMutex none "],
    ["SSLVerifyClient 2\r\nServerName x\r\n SSLMutex none\r", "SSLVerifyClient require\r\nServerName x\r\n # migrate-config: the session cache is always locked where it needs to be\r\n #SSLMutex none\r"],
    ["  SSLWhatever x", "  # migrate-config: NOTE\n  SSLWhatever x", qr/not known/], ['NSSEngine on', "# migrate-config: NOTE\nNSSEngine on", qr/not known/],
    ['StrongholdNew x', "# migrate-config: NOTE\nStrongholdNew x", qr/not known/],
    ["# migrate-config: another one\nSSLWhatever x", "# migrate-config: another one\n# migrate-config: NOTE\nSSLWhatever x", qr/not known/],
    ['', ''], [' ', ' '], ["\\", "\\"], ["\xef\xbb\xbfServerName \xff\xfe", "\xef\xbb\xbfServerName \xff\xfe"],
);
for my $case (@cases) {
    my ($old, $new, $note) = @$case;
    for my $end ("\n", '') {    # with and without a newline at the end
        next if $end eq '' && $old =~ /[\\\r]\z/ || $end ne '' && $old eq '';
        (my $name = $old) =~ s/([^ -~])/sprintf '\\x%02x', ord $1/ge;
        my ($got, $said) = migrated($old . $end);
        # The note of a line that stays is in a comment above it.
        my ($first) = $said =~ /^\d+: [^:]+: (.*)$/m;
        is((migrated($got))[1], '', '... a second run says nothing');
        is $got, ($new . $end) =~ s/NOTE/$first \/\/ 'NOTE'/er, "$name" . ($end eq '' ? ' (no newline)' : '');
        if ($note) { like $said, $note, '... with a note' }
        else       { is $said, '', '... with nothing to decide' }
    }
}

# Any mixture of old and new lines: a second run finds nothing to do, and no line is lost but for those that move.
{
    my @names = (split(/\n/, (run('--list'))[1]), qw(ErrorLog LogLevel SSLEngine SSLOptions SSLProtocol SSLCipherSuite SSLVerifyClient
          SSLSessionCache SSLCARevocationFile SSLCARevocationCheck SSLProxyVerify SSLProxyEngine LoadModule AddModule));
    my @values = ('on', 'off', 'none', '2', 'file:/x/y', 'shm:/x(9000)', '"a b"', 'all -SSLv2 +SSLv3', 'StdEnvVars CompatEnvVars', 'RC4-MD5:HIGH',
        'debug', 'NORMAL:-VERS-TLS1.0', 'ssl_module libssl.so', "\\\n  optional", '', '"', '+CompatEnvVars "+x y"', "'a\\'");
    my $seed = 7;
    my $pick = sub { $seed = ($seed * 1103515245 + 12345) % 2147483648; return $_[($seed >> 8) % @_] };
    for my $round (1 .. 25) {
        my ($text, @open) = ('');
        for (1 .. 80) {
            my $what = $pick->(0 .. 9);
            if    ($what == 0 && @open < 4) { push @open, $pick->('VirtualHost *', 'Directory /', 'IfDefine SSL', 'IfModule mod_ssl.c'); $text .= "<$open[-1]>\n" }
            elsif ($what == 1 && @open)     { $text .= '</' . (pop @open) =~ s/ .*//r . ">\n" }
            else                            { $text .= $pick->('', ' ', "\t") . $pick->(@names) . ' ' . $pick->(@values) . $pick->("\n", "\r\n") }
        }
        $text .= '</' . (pop @open) =~ s/ .*//r . ">\n" while @open;
        my ($new) = migrated($text);
        my ($same, undef, $diff) = migrated($new);
        is $diff, '', "mixture $round: the second run";
    }
}

# Every cipher list has the same ciphers as before.
for my $list ('ALL:!ADH:RC4+RSA:+HIGH:+MEDIUM:+LOW:+SSLv2:+EXP', 'ALL:!ADH:!EXPORT56:RC4+RSA:+HIGH:+MEDIUM:+LOW:+SSLv2:+EXP:+eNULL',
    'RC4-SHA:AES128-SHA:HIGH:!aNULL:!MD5', 'HIGH:MEDIUM:!aNULL:!MD5:!SEED:!IDEA', 'DES-CBC3-SHA:AES256-SHA:EXP1024-RC4-SHA') {
    my ($new) = migrated("SSLCipherSuite $list\n");
    my ($after) = $new =~ /^SSLCipherSuite (\S+)$/m or die $new;
    my @ciphers = map { scalar qx(openssl ciphers '$_:!aNULL:!eNULL:!EXP') } $list, $after;
    ok $ciphers[0] && $ciphers[0] eq $ciphers[1], "$list becomes $after, the same ciphers";
}

# --- The 2.8 sample, on a server ---------------------------------------------------------------------------------------
{
    my ($text) = migrated(TestHttpd::slurp("$samples/mod_ssl-2.8.conf"));
    my $certs = TestHttpd::certs();
    my %path = (
        '/usr/local/apache/conf/ssl.crt/server.crt'    => "$certs/localhost-rsa.pem",
        '/usr/local/apache/conf/ssl.key/server.key'    => "$certs/localhost-rsa.key",
        '/usr/local/apache/conf/ssl.crt/ca-bundle.crt' => "$certs/root.pem",
        '/usr/local/apache/conf/ssl.crl/ca-bundle.crl' => "$folder/empty.crl",
        '/usr/local/apache/htdocs'                     => TestHttpd::docs(),
        '/usr/local/apache/logs'                       => '@ROOT@/logs',
    );
    $text =~ s/(\Q$_\E)\b/$path{$1}/g for sort { length $b <=> length $a } keys %path;
    $text =~ s/^Listen 443\n//m;
    $text =~ s/_default_:443/*:\@PORT\@/;
    revocation_list("$folder/empty.crl");

    my $httpd = TestHttpd->new($text);
    is $httpd->try_start, 'runs', 'a server starts with the migrated sample' or diag $httpd->output, $httpd->error_log;
    my $client = TlsClient->new(port => $httpd->port, sni => 'localhost', ciphers => 'ALL');
    is $client->handshake->get('/1k.bin')->{status}, 200, '... and answers over TLS';
    like $httpd->error_log, qr/\[ssl:info\]/, '... and logs what SSLLogLevel asked for';
    my (undef, $dump) = $httpd->command('-t', '-DDUMP_RUN_CFG');
    like $dump, qr{^Mutex ssl-cache: dir="\Q$httpd->{root}\E/logs" }m, '... and the mutex is where SSLMutex had it';
}

# What the translation of options means is what they meant: only the words that are left, in whatever stands outside.
{
    my @options = map { (migrated("SSLOptions $_\n"))[0] =~ s/^/ /gmr } 'StdEnvVars CompatEnvVars', 'CompatEnvVars +StdEnvVars', '-CompatEnvVars';
    my $httpd   = TestHttpd->start(<<"END");
<VirtualHost *:\@PORT\@>
    SSLEngine on
    \@ECDSA\@
    SSLOptions +StdEnvVars
    ScriptAlias /one/ "\@CGI\@/"
    ScriptAlias /two/ "\@CGI\@/"
    ScriptAlias /three/ "\@CGI\@/"
    <Location /one/>
$options[0]    </Location>
    <Location /two/>
$options[1]    </Location>
    <Location /three/>
$options[2]    </Location>
</VirtualHost>
END
    my $client = TlsClient->new(port => $httpd->port, sni => 'localhost')->handshake;
    my %has    = map { $_ => $client->get("/$_/env")->{body} =~ /^SSL_PROTOCOL=/m ? 1 : 0 } qw(one two three);
    is_deeply \%has, {one => 0, two => 1, three => 1}, 'options that replace and options that add';
}

# Rules about access parse, and the one that stands for what could not be translated refuses.
{
    my ($rules) = migrated("<Location /16k.bin>\nSSLRequireCipher A\nSSLRequireCipher TLS_AES_256_GCM_SHA384 ECDHE-X\nSSLBanCipher \"B\\\"\"\n</Location>\n"
        . "<Location /1k.bin>\nSSL_Require x\n</Location>\n");
    my $httpd  = TestHttpd->start("<VirtualHost *:\@PORT\@>\nSSLEngine on\n\@ECDSA\@\nSSLCipherSuite TLSv1.3 TLS_AES_256_GCM_SHA384\n$rules</VirtualHost>\n");
    my $client = TlsClient->new(port => $httpd->port, sni => 'localhost', version => '1.3')->handshake;
    is $client->get('/16k.bin')->{status}, 200, 'a cipher of the second of two lines';
    is $client->get('/1k.bin')->{status},  403, 'a rule that could not be translated lets nobody in';
}

sub revocation_list {
    my ($path) = @_;
    my $certs = TestHttpd::certs();
    write_file('index.txt', '');
    my $config = write_file('ca.conf', "[ca]\ndefault_ca=d\n[d]\ndatabase=$folder/index.txt\ndefault_md=sha256\ndefault_crl_days=2\n");
    my $said   = qx(openssl ca -config $config -gencrl -keyfile $certs/root.key -cert $certs/root.pem -out $path 2>&1);
    die "no revocation list: $said" unless -s $path;
    return;
}

# --- Files: written in place ----------------------------------------------------------------------------------------------
{
    my $old  = "SSLVerifyClient 2\n";
    my $new  = "SSLVerifyClient require\n";
    my $path = write_file('place.conf', $old);
    chmod 0640, $path;
    my $inode = (stat $path)[1];
    is((run('--in-place', $path))[0], 1, 'in place');
    is TestHttpd::slurp($path), $new, '... the new text';
    is((stat $path)[2] & 07777, 0640, '... with the mode of before');
    is TestHttpd::slurp("$path.orig"), $old, '... and a copy';
    is((stat "$path.orig")[1], $inode, '... which is the file of before');
    is_deeply [map { m{([^/]+)\z} } sort glob "$folder/place.conf*"], ['place.conf', 'place.conf.orig'], '... and nothing else';
    is((run('--in-place', $path))[0], 0, 'the second time there is nothing to do');
    is_deeply [map { m{([^/]+)\z} } sort glob "$folder/place.conf*"], ['place.conf', 'place.conf.orig'], '... and no other copy';
    write_file('place.conf', $old);
    is((run('--in-place', $path))[0], 1, 'a copy that exists');
    is TestHttpd::slurp("$path.orig"), $old, '... is kept';
    is TestHttpd::slurp("$path.orig2"), $old, '... and there is another';

    my $real = write_file('real.conf', $old);
    symlink $real, "$folder/link.conf" or die "symlink: $!";
    my ($status, undef, $said) = run('--in-place', "$folder/link.conf");
    is $status, 2, 'a symbolic link is not written';
    like $said, qr/link\.conf: it is a symbolic link/, '... and that is said';
    ok -l "$folder/link.conf" && TestHttpd::slurp($real) eq $old, '... nothing has changed';
    is((run("$folder/link.conf"))[0], 1, '... but it can be read');
    link $real, "$folder/hard.conf" or die "link: $!";
    is((run('--in-place', $real))[0], 2, 'nor a file with two names');
    is TestHttpd::slurp($real), $old, '... nothing has changed';

    mkdir "$folder/closed";
    my $inside = write_file('closed/x.conf', $old);
    chmod 0555, "$folder/closed";
    SKIP: {
        skip 'root writes everywhere', 2 if -w "$folder/closed";
        is((run('--in-place', $inside))[0], 2, 'a folder that must not be written');
        is TestHttpd::slurp($inside), $old, '... nothing has changed';
    }
    chmod 0755, "$folder/closed";
}

# --- Files that are none, and bad ones: status 2, nothing written, no control characters on the terminal -----------------
{
    my $random = do { my $x = 12345; join '', map { $x = ($x * 1103515245 + 12345) % 2147483648; chr($x >> 16 & 255) } 1 .. 20_000 };
    my $secret = write_file('secret.conf', "SSLVerifyClient 2\n");
    chmod 0, $secret;
    POSIX::mkfifo("$folder/fifo", 0600) or die "mkfifo: $!";
    my @bad = (
        ['a folder', $folder, qr/it is a directory/], ['no file', "$folder/nothing", qr/No such file/],
        ['a fifo', "$folder/fifo", qr/no regular file/], ['a device', '/dev/zero', qr/no regular file/],
        ['NUL bytes', write_file('nul.conf', "SSLVerifyClient 2\n\0"), qr/NUL bytes/],
        ['random bytes', write_file('random.conf', $random), qr/NUL bytes/],
        ['an end too much', write_file('end.conf', "SSLVerifyClient 2\n</Directory>\n"), qr/line 2: <\/Directory> does not close/],
        ['a wrong end', write_file('wrong.conf', "<Directory />\n<Files x>\n</Directory>\n</Files>\n"), qr/line 3: /],
        ['no end', write_file('open.conf', "<Directory />\n"), qr/line 1: <Directory> is not closed/],
        ["an escape in the name", write_file("esc\e[31m\n.conf", "</x>\n"), qr/esc\\x1b\[31m\\x0a\.conf/],
    );
    push @bad, ['a file that cannot be read', $secret, qr/Permission denied/] unless -r $secret;
    for (@bad) {
        my ($what, $path, $why) = @$_;
        for my $in_place ([], ['--in-place']) {
            my ($status, $out, $said) = run(@$in_place, $path);
            is $status, 2, "$what @$in_place";
            like $said, $why, '... and why';
            is $out, '', '... and no diff';
            unlike $said, qr/[^\n\x20-\x7e]/, '... in plain text';
        }
        ok !-e "$path.orig", '... no copy';
    }
    my $good = write_file('good.conf', "SSLVerifyClient 2\n");
    my ($status, $out) = run("$folder/nothing", $good);
    is $status, 2, 'a bad file and a good one';
    like $out, qr/^\+SSLVerifyClient require$/m, '... the good one is handled';

    # Text that is no configuration stays as it is.
    (my $text = $random) =~ tr/\0</ab/;
    my ($same) = migrated($text);
    ok $same eq $text, 'random bytes without NUL';

    # Long lines take no time that grows with the square of their length.
    my $long = 10_000_000;
    for (['letters', 'ServerName ' . 'x' x $long], ['blanks', 'ServerName ' . ' ' x $long . 'x'], ['a comment', '#' . ' \\' x ($long / 2)],
        ['quotes', 'SSLMutex "' . '\\"' x ($long / 20)], ['continuations', "SSLVerifyClient \\\n" . " \\\n" x 300_000 . 'x']) {
        my ($what, $line) = @$_;
        ($same) = migrated("$line\n");
        ok length $same >= length $line, "a line of ${\ length $line } bytes: $what";
    }
    my ($new) = migrated('SSLOptions +CompatEnvVars ' . '+StdEnvVars ' x 200_000 . "\n");
    like $new, qr/^SSLOptions \+StdEnvVars \+StdEnvVars/m, 'a long line that is rewritten';
}

# --- The command line ---------------------------------------------------------------------------------------------------
{
    my ($status, $out, $said) = run('--help');
    is $status, 0, '--help';
    like $out, qr/Exit status: 0 nothing to do, 1 /, '... and the exit status is documented';
    is((run())[0], 2, 'no file');
    is((run('--nonsense', $samples))[0], 2, 'an unknown option');
    ($status, $out) = run('--', write_file('after.conf', "SSLMutex none\n"));
    is $status, 1, 'names after --';
}

done_testing;
