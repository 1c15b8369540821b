# Every variable of docs/variables.md through this module and through the distribution's, with the same certificates, byte for byte: the
# environment of programs, and lookups by all who can look up.
use strict;
use warnings FATAL => 'all';
use File::Path qw(make_path);
use Test::More;
use lib 'lib', 't/lib';
use ClientCert ();
use TestHttpd ();
use TlsClient ();

my $modules = TestHttpd::apxs('LIBEXECDIR');
my $theirs  = "$modules/mod_ssl.so";
plan skip_all => 'the module under test is the distribution\'s own'          if TestHttpd::stock();
plan skip_all => 'the distribution\'s module is not there to compare with' if !-e $theirs;

# --- Names ------------------------------------------------------------------------------------------------------------
# In two piles: those of both modules, and those that only ours has.
my @attributes = qw(C ST L O OU CN T I G S D UID Email SerialNumber SP);
my (@common, @ours);
my ($section, $prefixed) = ('', 0);
for my $line (split /\n/, TestHttpd::slurp(TestHttpd::root() . '/docs/variables.md')) {
    ($section) = $line =~ /^## (.*)/ if $line =~ /^## /;
    last if $section =~ /in logs/;
    my ($name, $rest) = $line =~ /^\| `([^`]+)` \|(.*)/ or next;
    my @names = $section eq 'Certificates' ? ("SSL_SERVER_$name", "SSL_CLIENT_$name") : $name;
    @names = map { my $n = $_; $n =~ /_x/ ? map { $n =~ s/_x/_$_/r } @attributes : $n } @names;
    @names = map { my $n = $_; $n =~ /_n/ ? map { $n =~ s/_n/_$_/r } 0 .. 2 : $n } @names;
    my $new = $rest =~ /Not in the distribution/ || $section =~ /negotiated|ClientHello/;
    push @{$new ? \@ours : \@common}, @names;
}
ok @common > 300 && @ours > 15, 'names: ' . @common . ' and ' . @ours;
@common = map { $_ eq 'HTTP:name' ? 'HTTP:X-Mark' : $_ eq 'ENV:name' ? ('ENV:MARK', 'ENV:PATH', 'ENV:HTTPS', 'ENV:ssl-secure-reneg') : $_ } @common;
# Those that show the clock are another test's.
@common = grep { !/^TIME/ } @common;
# Odd ones, and names that are none.
push @common, qw(TIME_YEAR ssl_protocol Ssl_Cipher https hTTpS http_host rEQUEST_method time_year SSL_ SSL_X SSL SSL_CIPHER_ SSL_CIPHER_X SSL_CIPHERS SSL_TLS_SNI_ SSL_VERSION_ SSL_VERSION_X SSL_VERSION_library
    ssl_version_LIBRARY SSL_CLIENT_ SSL_CLIENT_X SSL_SERVER_X SSL_CLIENT_S_DN_ SSL_CLIENT_S_DN_DC SSL_CLIENT_S_DN_SN SSL_CLIENT_S_DN_GN SSL_CLIENT_S_DN_street SSL_CLIENT_S_DN_postalCode SSL_CLIENT_S_DN_emailAddress
    SSL_CLIENT_S_DN_cn SSL_CLIENT_s_dn SSL_CLIENT_S_dn SSL_CLIENT_S_dn_CN SSL_CLIENT_S_DN_CN_01 SSL_CLIENT_S_DN_CN_00 SSL_CLIENT_S_DN_CN_x SSL_CLIENT_S_DN_CN_ SSL_CLIENT_S_DN_CN__RAW SSL_CLIENT_S_DN_CN_RAW_1
    SSL_CLIENT_S_DN_CN_RAW SSL_CLIENT_S_DN_G_RAW SSL_CLIENT_S_DN_O_raw SSL_CLIENT_S_DN_RAW SSL_CLIENT_SAN_email_0 SSL_CLIENT_SAN_dns_0 SSL_CLIENT_SAN_DNS_0001 SSL_CLIENT_SAN_DNS_00001 SSL_CLIENT_SAN_DNS_
    SSL_CLIENT_SAN_DNS_x SSL_CLIENT_SAN_DNS SSL_CLIENT_SAN_URI_0 SSL_CLIENT_SAN_OTHER_MSUPN_0 SSL_CLIENT_SAN_OTHER_dnsSRV_0 SSL_SERVER_SAN_OTHER_msUPN_0 SSL_CLIENT_CERT_CHAIN_ SSL_CLIENT_CERT_CHAIN_x
    SSL_CLIENT_CERT_CHAIN SSL_CLIENT_CERT_CHAIN_9 SSL_CLIENT_CERT_CHAIN_00 SSL_SERVER_CERT_CHAIN_0 SSL_CLIENT_VERIFY_X SSL_SERVER_VERIFY ssl_client_s_dn ssl_client_m_serial SSL_SERVER_CERT_RFC4523_CEA
    SSL_CLIENT_A_SIG_ SSL_CLIENT_V_remain SSL_SRP_USER_ SSL_ECH_STATUS SSL_ECH_INNER_SNI SSL_ECH_OUTER_SNI HTTP_X HTTP: HTTP:x-mark HTTP:NONE REMOTE_PORT SERVER_ADDR SCRIPT_NAME SERVER_SIGNATURE REMOTE_
    ENV: ENV:NONE env:MARK API_VERSION_ NOTHING);
my @names = (@common, @ours);

# --- Certificates -----------------------------------------------------------------------------------------------------
my $ca     = ClientCert->authority;
my $spec   = ClientCert::name(
    ['C', 'DE'], ['ST', 'Hessen'], ['L', 'Frankfurt'], ['O', 'Acme, Inc. + Söhne; "Q" <x> \\'], ['OU', 'Unit One'], ['OU', 'Unit Two'], ['OU', '#hash'],
    [['UID', 'alice'], ['CN', ' Alicé Smith ']], ['CN', 'second cn'], ['title', 'Dr'], ['initials', 'A.S.'], ['GN', 'Alicé'], ['SN', 'Smith'],
    ['description', 'desc=1'], ['UID', 'uid2'], ['x500UniqueIdentifier', '12345'], ['serialNumber', 'SN99', 'printable'], ['street', 'Main St 1'],
    ['postalCode', '60311'], ['DC', 'example'], ['DC', 'test'], ['pseudonym', 'ps'], ['emailAddress', 'alice@example.test'], ['emailAddress', 'second@example.test'],
);
my $san = ClientCert::san(
    ClientCert::dns('cli1.example.test'), ClientCert::email('alice@example.test'), ClientCert::upn('alice@corp.example'), ClientCert::uri('urn:x:1'), ClientCert::ip("\x0a\x01\x02\x03"),
    ClientCert::dns('cli2.example.test'), ClientCert::email('bob@example.test'), ClientCert::upn('bob@corp.example'), ClientCert::other('1.3.6.1.5.5.7.8.7', ClientCert::string(ia5 => '_smtp.example.test')),
);
my $x = ClientCert::name(['CN', 'x']);
my @certificates = (
    ['of the examples',    {serial => '00FFEE01', subject => $spec, extensions => [$san]}],
    ['none'],
    ['Ed25519',            {subject => $x, key => ClientCert::new_key('two-ed25519', 'ed25519'), by => 'modern'}],
    ['RSA-PSS',            {subject => $x, key => ClientCert::new_key('two-pss', 'rsa-pss'), algorithm => 'pss'}],
    ['control characters', {subject => ClientCert::name(['CN', "line1\nline2\ttab\x7fdel"])}],
    ['BMPString',          {subject => ClientCert::name(['CN', "\0J\0\xfc\0r\0g\0e\0n\0 \x20\xac", 'bmp'])}],
    ['T61String',          {subject => ClientCert::name(['CN', "J\xfcrgen", 't61'])}],
    ['NUL, unknown type',  {subject => ClientCert::name(['C', 'DE'], ['1.2.3.4.99', 'foo bar'], ['CN', "a\0b"])}],
    ['serial 0, version 1', {subject => $x, serial => '00', version => 1}],
    ['serial -5',          {subject => $x, serial => 'FB'}],
    ['empty subject',      {subject => ClientCert::name()}],
    ['otherName of a wrong type', {subject => $x, extensions => [ClientCert::san(ClientCert::upn(undef, ClientCert::string(ia5 => 'wrong')), ClientCert::upn('right'))]}],
    ['blanks, empty values', {subject => ClientCert::name(['O', ''], ['CN', ' '], ['OU', ' # '], ['L', '#'], ['CN', '']), extensions => [ClientCert::san(ClientCert::dns(''), ClientCert::dns('a'))]}],
);

# --- Servers ----------------------------------------------------------------------------------------------------------
my $list   = join '|', map { "%{$_}x" } @names;
my $legacy = join '|', map { "%{$_}c" } qw(version cipher subjectdn issuerdn clientcert cacert errcode errstr nothing VERSION);
my %by     = (s => '', SSL => '', expr => '', rewrite => '');
for my $number (0 .. $#names) {
    my $name = $names[$number];
    # Lines of PEM are no value of a header; mod_headers folds them itself.
    my $is_text = $name !~ /CERT(?:_CHAIN_\d+)?\z/ || $name =~ /B64/;
    $by{s}   .= "Header set N$number \"[%{$name}s]\"\n" if $name ne 'HTTP:' && $name ne 'ENV:';
    next if !$is_text;
    $by{SSL} .= "Header set N$number \"expr=[%{SSL:$name}]\"\n";
    $by{rewrite} .= "RewriteRule .* - [E=R$number:%{SSL:$name}]\nHeader set N$number \"[%{R$number}e]\"\n";
    $by{expr} .= "Header set N$number \"expr=[%{$name}]\"\n" if $name =~ /^(?:SSL_\w+|HTTPS)\z/i;
}
my $lookups = join '', map { my $rewrite = $_ eq 'rewrite' ? "RewriteEngine on\n" : ''; "<Location /by/$_>\n$rewrite$by{$_}</Location>\n" } sort keys %by;
my $lua     = -e "$modules/mod_lua.so";
my $config  = <<"END";
Protocols h2 http/1.1
@{[ $lua ? "LoadModule lua_module $modules/mod_lua.so\n" : '' ]}
LogFormat "$list" variables
LogFormat "$legacy" legacy
SSLSessionCache shmcb
UseCanonicalName on
AliasMatch ^/by/ \@DOCS@/1k.bin
<VirtualHost *:\@PORT@>
    ServerName names.example.test:443
    ServerAdmin you\@example.test
    SSLEngine on
    SSLCertificateFile    \@CERTS@/names.pem
    SSLCertificateKeyFile \@CERTS@/names.key
    SSLVerifyClient optional
    SSLVerifyDepth 3
    SSLCACertificateFile ${\ $ca->root}
    SSLOptions +StdEnvVars +ExportCertData
    SetEnvIf Request_URI . MARK=marked
    $lookups
    <Location /cgi/env/legacy>
        SSLOptions +LegacyDNStringFormat
    </Location>
    <Location /cgi/env/nothing>
        SSLOptions -StdEnvVars -ExportCertData
    </Location>
    <Directory "\@ROOT@/pages">
        AddHandler lua-script .lua
    </Directory>
    Alias /lookup \@ROOT@/pages
    SetEnvIf Request_URI ^/by/ to_log
    CustomLog logs/variables variables env=to_log
    CustomLog logs/legacy legacy env=to_log
</VirtualHost>
END
my @names_of_lua = grep { !/^(?:HTTP:|ENV:)\z/ } @names;

sub start {
    my (%option) = @_;
    my $httpd = TestHttpd->new($config, %option);
    make_path("$httpd->{root}/pages");
    open my $file, '>', "$httpd->{root}/pages/lookup.lua" or die "lookup.lua: $!";
    my $table = join ', ', map { "\"$_\"" } @names_of_lua;
    print {$file} <<"LUA";
function handle(r)
    r.content_type = "text/plain"
    for _, name in ipairs({ $table }) do
        local value = r:ssl_var_lookup(name)
        r:puts(type(value), ":", value, "\\1")
    end
    r:puts(tostring(r.is_https))
    return apache2.OK
end
LUA
    close $file or die "lookup.lua: $!";
    my $outcome = $httpd->try_start;
    $outcome eq 'runs' or BAIL_OUT("$outcome: " . $httpd->output . $httpd->error_log);
    return $httpd;
}
my %server = (ours => start(), theirs => start(module => $theirs));

# --- What is compared -------------------------------------------------------------------------------------------------
# Ours alone has a few names.
my %is_ours = map { $_ => 1 } @ours;

sub masked {
    my ($name, $value) = @_;
    return length($value) . ' digits' if $name eq 'SSL_SESSION_ID';
    # What each module was built with, and the folder and the port of each server.
    return $value =~ s{OpenSSL/\d[\w.]+}{OpenSSL/VERSION}r if $name eq 'SSL_VERSION_LIBRARY_INTERFACE';
    return $value =~ s{/run/\d+-\d+/}{/run/}gr             if $name =~ /_FILENAME\z/;
    return $value =~ s{:\d+\z}{}r                          if $name =~ /^http_host\z/i;
    return $value;
}

sub environment {
    my ($body) = @_;
    return {map { /^((?:SSL_|HTTPS|REMOTE_USER|AUTH_TYPE)\w*)=(.*)$/ ? ($1, masked($1, $2)) : () } split /\n/, $body};
}

# All that one connection shows, by what was looked at.
sub everything {
    my ($httpd, $client) = @_;
    my %host = (Host => 'names.example.test', 'X-Mark' => 'marked', Cookie => 'a=b', Referer => 'x', 'User-Agent' => "y\"\\\xc3\xa9", Forwarded => 'z', 'Proxy-Connection' => 'p', Accept => '*/*');
    my %seen;
    for my $path ('/cgi/env', '/cgi/env/legacy', '/cgi/env/nothing') {
        $seen{$path} = environment($client->get("$path?a=b", %host)->{body});
    }
    for my $how (sort keys %by) {
        my $before = length $httpd->access_log('variables');
        my $fields = $client->get("/by/$how?a=b", %host)->{headers};
        $seen{"by $how"} = {map { my $value = $fields->{"n$_"}; defined $value ? ($names[$_] => masked($names[$_], $value)) : () } 0 .. $#names};
        $httpd->wait_for(sub { substr($httpd->access_log('variables'), $before) =~ /\n/ }, 'a line in the log');
        my $line = substr $httpd->access_log('variables'), $before;
        chomp $line;
        my @values = split /\|/, $line, -1;
        @values == @names or die 'the log has ' . @values . " values\n";
        $seen{"log of $how"} = {map { ($names[$_] => masked($names[$_], $values[$_])) } 0 .. $#names};
    }
    ($seen{'legacy log'}) = (split /\n/, $httpd->access_log('legacy'))[-1];
    if ($lua) {
        my @values = split /\x01/, $client->get('/lookup/lookup.lua?a=b', %host)->{body}, -1;
        $seen{'lua is_https'} = pop @values;
        $seen{lua} = {map { ($names_of_lua[$_] => masked($names_of_lua[$_], $values[$_] // 'nothing')) } 0 .. $#names_of_lua};
    }
    return \%seen;
}

sub compare {
    my ($what, $ours, $theirs) = @_;
    my ($differences, $compared) = (0, 0);
    for my $view (sort keys %$theirs) {
        if (!ref $theirs->{$view}) {
            is $ours->{$view}, $theirs->{$view}, "$what: $view";
            next;
        }
        my %all = (%{$ours->{$view}}, %{$theirs->{$view}});
        for my $name (sort keys %all) {
            my ($one, $other) = map { $_->{$view}{$name} // '(absent)' } $ours, $theirs;
            $compared++;
            next if $one eq $other;
            # What the distribution's module does not know is empty there.
            next if $is_ours{$name} && $other =~ /\A(?:|\(absent\)|-|\[\]|\[\(null\)\]|string:)\z/;
            $differences++;
            diag "$what, $view, $name:\n  ours   $one\n  theirs $other";
        }
    }
    is $differences, 0, "$what: no difference in $compared values";
    return;
}

# --- HTTP/1.1 ---------------------------------------------------------------------------------------------------------
for my $case (@certificates) {
    my ($what, $option) = @$case;
    my @certificate = $option ? (cert => $ca->issue(%$option), key => $option->{key} // $ca->key) : ();
    # All ways for the first two, one for the others.
    my @ways = $case == $certificates[0] || $case == $certificates[1] ? map { my $v = $_; map { [$v, $_] } 'names.example.test', undef } '1.2', '1.3' : ['1.3', 'names.example.test'];
    for my $way (@ways) {
        my ($version, $sni) = @$way;
        my (%first, %again);
        for my $which (sort keys %server) {
            my $httpd  = $server{$which};
            my %client = (port => $httpd->port, version => $version, sni => $sni, @certificate);
            my $client = TlsClient->new(%client)->handshake;
            $first{$which} = everything($httpd, $client);
            my $resumed = TlsClient->new(%client, session => $client->session)->handshake;
            is $resumed->reused, 1, "$what, TLS $version, $which: resumed";
            $again{$which} = everything($httpd, $resumed);
        }
        my $name = "certificate: $what, TLS $version, " . ($sni ? 'SNI' : 'no SNI');
        like $first{ours}{'/cgi/env'}{SSL_SERVER_S_DN}, qr/names\.example\.test/, "$name: there are values";
        compare("$name, initial", @first{qw(ours theirs)});
        compare("$name, resumed", @again{qw(ours theirs)});
    }
}

# --- HTTP/2 -----------------------------------------------------------------------------------------------------------
# A connection of HTTP/1.1 first, whose session the second one resumes.
sub by_curl {
    my ($httpd, $version, $host, $path, @options) = @_;
    my $port = $httpd->port;
    my @all  = (qw(--silent --show-error --include --cacert), TestHttpd::ca(), '--resolve', "names.example.test:$port:127.0.0.1", '--insecure', "--tlsv$version", '--tls-max', $version, @options);
    my @command = ('curl', '--http1.1', '--header', 'Connection: close', @all, "https://$host:$port/1.bin", '--next', '--http2', @all, "https://$host:$port$path");
    open my $pipe, '-|', @command or die "curl: $!";
    my $text = do { local $/; <$pipe> // '' };
    close $pipe;
    my ($head, $body) = $text =~ m{(HTTP/2 200 \r?\n.*?)\r?\n\r?\n(.*)\z}ms or die "curl: $text";
    return ($head, $body);
}

SKIP: {
    skip 'mod_http2 does not work with prefork', 1 if TestHttpd::mpm() eq 'prefork';
    my @alice = ('--cert', $ca->issue(%{$certificates[0][1]}), '--key', $ca->key);
    for my $version ('1.2', '1.3') {
        for my $host ('names.example.test', '127.0.0.1') {
            for my $certificate ([], \@alice) {
                my %seen;
                for my $which (sort keys %server) {
                    my $httpd = $server{$which};
                    my ($head, $body) = by_curl($httpd, $version, $host, '/cgi/env', @$certificate);
                    $seen{$which}{'/cgi/env'} = environment($body);
                    my $before = length $httpd->access_log('variables');
                    by_curl($httpd, $version, $host, '/by/nothing', @$certificate);
                    $httpd->wait_for(sub { substr($httpd->access_log('variables'), $before) =~ /\n/ }, 'a line in the log');
                    my @values = split /\|/, (substr($httpd->access_log('variables'), $before) =~ s/\n\z//r), -1;
                    $seen{$which}{log} = {map { ($names[$_] => masked($names[$_], $values[$_])) } 0 .. $#names};
                    $seen{$which}{legacy} = (split /\n/, $httpd->access_log('legacy'))[-1];
                    if ($lua) {
                        my @found = split /\x01/, (by_curl($httpd, $version, $host, '/lookup/lookup.lua', @$certificate))[1], -1;
                        pop @found;
                        $seen{$which}{lua} = {map { ($names_of_lua[$_] => masked($names_of_lua[$_], $found[$_] // 'nothing')) } 0 .. $#names_of_lua};
                    }
                }
                my $what = "HTTP/2, TLS $version, $host, " . (@$certificate ? 'a certificate' : 'no certificate');
                is $seen{ours}{log}{SSL_PROTOCOL}, "TLSv$version", "$what: there are values";
                is $seen{ours}{log}{SSL_SESSION_RESUMED}, 'Resumed', '... of a connection that is resumed';
                compare($what, @seen{qw(ours theirs)});
            }
        }
    }
}
done_testing;
