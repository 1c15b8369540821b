# SSLRequire: the comparisons of mod_ssl, what is an error, what .htaccess files may not do, and who is refused with which words.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use Curl ();
use TestHttpd ();

# Expression, and whether it holds. `0`: the status is 403.
my @rules = (
    ['true', 1], ['false', 0], ['!true', 0], ['not false', 1],
    ['true && false', 0], ['true and true', 1], ['false || true', 1], ['false or false', 0], ['true or false and false', 1], ['( true or false ) and false', 0],
    # Comparisons of numbers and of strings are one: by length, then by bytes.
    ['"100" > "9"', 1], ['"9" > "10"', 0], ['"b" > "aa"', 0], ['"B" lt "a"', 1], ['"09" == "9"', 0], ['5 < 10', 1], ['"a" = "a"', 1], ['"a" eq "a"', 1],
    ['"a" -eq "b"', 0], ['"a" != "b"', 1], ['"a" ne "a"', 0], ['5 -lt 10', 1], ['5 <= 5', 1], ['5 le 4', 0], ['5 -le 5', 1], ['6 gt 50', 0], ['6 -gt 5', 1], ['7 >= 8', 0],
    ['7 ge 7', 1], ['7 -ge 70', 0],
    # A negation binds looser than a comparison, and tighter than `and`.
    ['!"a" eq "b"', 1], ['not "a" eq "a" or true', 1],
    ['"b" in { "a", "b" }', 1], ['"c" in { "a", "b" }', 0], ['"B" in { "a", "b" }', 0],
    ['%{SSL_PROTOCOL} =~ /^TLSv1\.[23]$/', 1], ['%{SSL_PROTOCOL} =~ m#^tls#', 0], ['%{SSL_PROTOCOL} =~ m#^tls#i', 1], ['%{SSL_PROTOCOL} !~ /^SSL/', 1],
    ['%{SSL_CIPHER} !~ m/^(EXP|NULL)/', 1],
    ['%{SSL_TLS_SNI} eq "localhost"', 1], ['%{SSL:SSL_TLS_SNI} eq %{HTTP_HOST}', 0], ['ssl("SSL_SERVER_S_DN_CN") eq "localhost"', 1], ['%{HTTPS} eq "on"', 1],
    ['%{SSL_NO_SUCH} eq ""', 1], ['%{SSL_CLIENT_S_DN_CN} eq "x"', 0], ['%{SSL_CLIENT_VERIFY} eq "NONE"', 1],
    ['%{SSL_CIPHER_USEKEYSIZE} >= 128', 1], ['%{SSL_CIPHER_USEKEYSIZE} < 128', 0],
    ['%{REMOTE_ADDR} eq "127.0.0.1" and %{REQUEST_METHOD} in { "GET", "HEAD" }', 1], ['%{TIME_YEAR} > 2000', 1],
    ['"\101\x" eq "Ax"', 1], [q{'a' . "b" eq "ab"}, 1], ['%{HTTP_USER_AGENT} =~ /^curl/', 1],
    ['file("@DOCS@/index.html") =~ /html/i', 1], ['file("/nowhere") ne ""', 0], ['"x" in PeerExtList("nsComment")', 0], ['tolower("AB") eq "ab"', 1],
    ['-z %{SSL_CLIENT_S_DN}', 1], ['-n %{SSL_PROTOCOL}', 1],
);

my $locations = join '', map { "<Location /rule$_>\nSSLRequire $rules[$_][0]\n</Location>\nAlias /rule$_ \"\@DOCS\@/1.bin\"\n" } 0 .. $#rules;
my @folders   = (
    ['SSLRequire %{SSL_PROTOCOL} =~ /^TLS/',               200],
    ['SSLRequire false',                                    403],
    ['SSLRequire file("/etc/passwd") ne ""',               500, qr/SSLRequire: file not available in restricted context/],
    ['SSLRequire filesize("/etc/passwd") > 0',             500, qr/SSLRequire: filesize not available in restricted context/],
    ['SSLRequire nonsense',                                500, qr/SSLRequire: syntax error, unexpected \$end/],
    ["SSLRequireSSL\nSSLRequire true\nSSLUserName SSL_PROTOCOL", 200],
    ["SSLRequire true\nSSLRequire false\nSSLRequire true", 403],
);
my $folders = join '', map { <<"END" } 0 .. $#folders;
<Directory "\@ROOT@/folder$_">
    AllowOverride AuthConfig
</Directory>
Alias /folder$_ "\@ROOT@/folder$_"
END
my $hosts = <<"END";
    <Location /outer>
        SSLRequire %{HTTP:X-Outer} eq "yes"
    </Location>
    <Location /outer/inner>
        SSLRequire %{HTTP:X-Inner} eq "yes"
    </Location>
    Alias /outer/inner "\@DOCS@/1.bin"
    <If "%{HTTP:X-If} == 'yes'">
        SSLRequire false
    </If>
    $locations
    $folders
END
my $httpd = TestHttpd->new(<<"END");
Protocols h2 http/1.1
<VirtualHost *:\@PORT@>
    ServerName localhost
    SSLEngine on
    \@ECDSA@
    $hosts
</VirtualHost>
<VirtualHost *:\@PORT2@>
    ServerName localhost
    $hosts
</VirtualHost>
END
for my $number (0 .. $#folders) {
    mkdir "$httpd->{root}/folder$number";
    for my $page (['.htaccess', "$folders[$number][0]\n"], ['page.txt', 'text']) {
        open my $file, '>', "$httpd->{root}/folder$number/$page->[0]" or die "$page->[0]: $!";
        print {$file} $page->[1];
        close $file or die "$page->[0]: $!";
    }
}
is $httpd->try_start, 'runs', 'the server runs' or BAIL_OUT($httpd->output . $httpd->error_log);
my ($tls, $plain) = ('https://localhost:' . $httpd->port, 'http://localhost:' . $httpd->port(2));

for my $number (0 .. $#rules) {
    my ($rule, $holds) = @{$rules[$number]};
    is Curl::status("$tls/rule$number"), $holds ? 200 : 403, "$rule is " . ($holds ? 'true' : 'false');
}
for my $number (0 .. $#folders) {
    my ($lines, $status, $says) = @{$folders[$number]};
    my $from = length $httpd->error_log;
    is Curl::status("$tls/folder$number/page.txt"), $status, '.htaccess: ' . ($lines =~ s/\n/; /gr);
    like substr($httpd->error_log, $from), $says, '... and the log says why' if $says;
}

# Sections add up.
my @versions = TestHttpd::mpm() eq 'prefork' ? '--http1.1' : ('--http1.1', '--http2');
for my $version (@versions) {
    for my $case (['yes', 'yes', 200], ['yes', 'no', 403], ['no', 'yes', 403], ['no', 'no', 403]) {
        my ($outer, $inner, $status) = @$case;
        is Curl::status("$tls/outer/inner", $version, '-H', "X-Outer: $outer", '-H', "X-Inner: $inner"), $status, "$version: outer $outer, inner $inner";
    }
}
is Curl::status("$tls/1.bin", '-H', 'X-If: yes'), 403, 'in an <If> section';
is Curl::status("$tls/1.bin", '-H', 'X-If: no'),  200, 'in an <If> section that does not apply';
like Curl::get("$tls/outer/inner", '-H', 'X-Outer: yes', '-H', 'X-Inner: yes', '--include')->{body}, qr/^Vary: .*X-Outer.*X-Inner/mi, 'header fields that were looked at are in Vary';

# On plain connections nothing is evaluated.
my ($false) = grep { $rules[$_][0] eq 'false' } 0 .. $#rules;
is Curl::status("$plain/rule$false"), 200, 'without TLS expressions are not asked';

my $log = $httpd->error_log;
like $log, qr{\[ssl:info\].*AH02266: Access to \S+/1\.bin denied for 127\.0\.0\.1 \(requirement expression not fulfilled\)}, 'AH02266';
like $log, qr{\[ssl:info\].*AH02228: Failed expression: 5 le 4$}m, 'AH02228';
like $log, qr{\[ssl:error\].*AH02229: access to \S+/1\.bin failed, reason: SSL requirement expression not fulfilled}, 'AH02229';
like $log, qr{Evaluation of expression from \S+:\d+ failed: Cannot open file /nowhere}, 'what failed';
like $log, qr{\[ssl:error\].*AH02265: access to \S+/1\.bin failed, reason: Failed to execute SSL requirement expression: Cannot open file /nowhere}, 'AH02265';
done_testing;
