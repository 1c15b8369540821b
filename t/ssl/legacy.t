# SSLLegacyDirectives on: the directives and words of mod_ssl 2.8. Ours alone; what happens without it is in directives.tbl.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use ClientCert ();
use StartUp ();
use TestHttpd ();
use TlsClient ();

plan skip_all => 'the distribution\'s module does not have it' if TestHttpd::stock();

my $certs = TestHttpd::certs();

# Every line that is taken gets one notice. What it names may stand anywhere after the switch.
my $place = qr{line \d+ of \S+/httpd\.conf};
sub notice { my ($name, $meaning) = @_; return qr/^(?!.*SSLLegacyDirectives.*SSLLegacyDirectives).*ssl:notice.*SSLLegacyDirectives: $name on $place: $meaning/m }
my @table = (
    ['SSLLog logs/ssl_engine_log',       'SSLLog',   qr/nothing is written to 'logs\/ssl_engine_log', the messages go to the ErrorLog of the server/],
    ['SSLLogLevel warn',                 'SSLLogLevel', qr/taken as LogLevel ssl:warn/],
    ['SSLMutex file:@ROOT@/logs/ssl_mutex', 'SSLMutex', qr{taken as Mutex file:\S+/logs ssl-cache}],
    ['SSLMutex sem',                     'SSLMutex', qr/taken as Mutex sem ssl-cache/],
    ['sslmutex none',                    'SSLMutex', qr/taken as Mutex default ssl-cache/],
    ['SSLSessionCache shm:@ROOT@/cache(512000)', 'SSLSessionCache', qr{taken as shmcb:\S+/cache\(512000\)}],
    ['SSLSessionCache shmht:@ROOT@/cache', 'SSLSessionCache', qr{taken as shmcb:\S+/cache}],
    ['SSLSessionCache dbm:@ROOT@/cache', 'SSLSessionCache', qr/there is no mod_socache_dbm, taken as shmcb/],
    ['SSLRandomSeed startup egd:/nowhere', 'SSLRandomSeed', qr/without effect, OpenSSL seeds itself/],
    ['SSLOptions StdEnvVars ExportCertData', 'SSLOptions', qr/taken as a list of options, as in mod_ssl 2\.8/],
    ['SSLProtocol +SSLv2 +SSLv3 +TLSv1.2',   'SSLProtocol', qr/SSL 2\.0 and SSL 3\.0 are gone, which leaves '\+TLSv1\.2'/],
    ['SSLProtocol SSLv2 all',            'SSLProtocol', qr/SSL 2\.0 and SSL 3\.0 are gone, which leaves 'all'/],
);
for my $row (@table) {
    my ($line, $name, $meaning) = @$row;
    StartUp::check("SSLLegacyDirectives on\n$line", 'global', 'runs', notice($name, $meaning));
}

# Not the old dialect: no notice. Off, or behind the line: refused as ever.
my $httpd = TestHttpd->start("SSLLegacyDirectives on\nSSLSessionCache shmcb\nSSLRandomSeed startup builtin\nSSLOptions +StdEnvVars -ExportCertData\nSSLProtocol all -SSLv3\n"
    . "<VirtualHost *:\@PORT@>\nServerName localhost\nSSLEngine on\n\@ECDSA@\n</VirtualHost>\n");
unlike $httpd->output . $httpd->error_log, qr/SSLLegacyDirectives:/, 'no notice about lines that mean what they mean';
$httpd->stop;
StartUp::check_table(
    ["SSLMutex sem\nSSLLegacyDirectives on",                         'global',   syntax => qr/Invalid command 'SSLMutex'/],
    ["SSLLegacyDirectives on\nSSLLegacyDirectives off\nSSLMutex sem", 'global',  syntax => qr/Invalid command 'SSLMutex'/],
    ["SSLLegacyDirectives on\nSSLMutex nonsense",                    'global',   syntax => qr/SSLMutex: Invalid argument/],
    ["SSLLegacyDirectives on\nSSLMutex file:/nowhere/at/all",        'global',   syntax => qr/./],
    ["SSLLegacyDirectives on\nSSLMutex",                             'global',   syntax => qr/SSLMutex takes one argument/],
    ["SSLLegacyDirectives on\nSSLLogLevel emerg",                    'global',   syntax => qr/SSLLogLevel: Invalid argument/],
    ["SSLLegacyDirectives on\nSSLLog",                               'global',   syntax => qr/SSLLog takes one argument/],
    ["SSLLegacyDirectives on\n<Location />\nSSLLogLevel info\n</Location>", 'global', syntax => qr/SSLLogLevel cannot occur within directory context/],
    ["SSLLegacyDirectives on\n<VirtualHost *:9>\nSSLMutex sem\n</VirtualHost>", 'global', syntax => qr/SSLMutex cannot occur within <VirtualHost> section/],
    ["SSLLegacyDirectives on\nSSLOptions Nonsense",                  'global',   syntax => qr/SSLOptions: Illegal option 'Nonsense'/],
    ["SSLLegacyDirectives on\nSSLProtocol SSLv2",                    'global',   fatal  => qr/AH02231: No SSL protocols available/],
);

# What they do. Levels of each host; the lock; the old names of variables.
$httpd = TestHttpd->start(<<'END', log_level => 'warn');
SSLLegacyDirectives on
SSLMutex file:@ROOT@/logs/ssl_mutex
SSLSessionCache shm:@ROOT@/cache(512000)
SSLLogLevel none
<VirtualHost *:@PORT@>
    ServerName quiet.example.test
    SSLEngine on
    @ECDSA@
</VirtualHost>
<VirtualHost *:@PORT2@>
    ServerName chatty.example.test
    SSLEngine on
    @ECDSA@
    SSLLogLevel info
    SSLOptions StdEnvVars CompatEnvVars
</VirtualHost>
<VirtualHost *:@PORT3@>
    ServerName steps.example.test
    SSLEngine on
    @ECDSA@
    SSLLogLevel trace
    <Directory "@CGI@">
        AllowOverride Options
    </Directory>
</VirtualHost>
END
sub variables { my ($port, $name) = @_; my $body = TlsClient->new(port => $httpd->port($port), sni => "$name.example.test")->handshake->get('/cgi/env', Host => "$name.example.test")->{body}; return {$body =~ /^(\w+)=(.*)$/mg} }
variables(1, 'quiet');
my $seen = variables(2, 'chatty');
$httpd->wait_log(qr/ssl:info.*AH01964: Connection to child \d+ established \(server chatty\.example\.test:443\)|ssl:info.*AH01964: Connection to child \d+ established \(server chatty\.example\.test:\d+\)/);
variables(3, 'steps');
$httpd->wait_log(qr/ssl:trace3.*OpenSSL: Handshake: done/);
my $log = $httpd->error_log;
unlike $log, qr/AH01964.*quiet/, 'SSLLogLevel none: nothing of a connection';
unlike $log, qr/AH02034.*chatty|ssl:debug.*chatty/, 'SSLLogLevel info: nothing of debug';
my ($status, $run) = $httpd->command('-t', '-DDUMP_RUN_CFG');
like $run, qr{Mutex ssl-cache: using_defaults|Mutex ssl-cache: .*dir="\S+/logs}, 'the lock of the session cache is in the folder of SSLMutex';

my %same = (
    SSL_PROTOCOL_VERSION => 'SSL_PROTOCOL', HTTPS_CIPHER => 'SSL_CIPHER', HTTPS_KEYSIZE => 'SSL_CIPHER_ALGKEYSIZE', HTTPS_SECRETKEYSIZE => 'SSL_CIPHER_USEKEYSIZE',
    HTTPS_EXPORT => 'SSL_CIPHER_EXPORT', SSLEAY_VERSION => 'SSL_VERSION_LIBRARY', SSL_SERVER_DN => 'SSL_SERVER_S_DN', SSL_SERVER_CN => 'SSL_SERVER_S_DN_CN',
    SSL_SERVER_IDN => 'SSL_SERVER_I_DN', SSL_SERVER_IO => 'SSL_SERVER_I_DN_O', SSL_SERVER_CERT_START => 'SSL_SERVER_V_START', SSL_SERVER_CERT_SERIAL => 'SSL_SERVER_M_SERIAL',
    SSL_SERVER_SIGNATURE_ALGORITHM => 'SSL_SERVER_A_SIG',
);
for my $old (sort keys %same) {
    ok length($seen->{$same{$old}} // ''), "$same{$old} has a value";
    is $seen->{$old}, $seen->{$same{$old}}, "$old is the same";
}
is $seen->{SSL_STRONG_CRYPTO}, 'Not supported by mod_ssl', 'a name that never had a value';
like $seen->{SSL_SERVER_CERTIFICATE}, qr/BEGIN CERTIFICATE/, 'the certificate';
is variables(3, 'steps')->{SSL_PROTOCOL_VERSION}, undef, 'not without the option';
is $seen->{$_}, undef, "$_ is not there without a certificate" for qw(SSL_CLIENT_DN SSL_CLIENT_CN SSL_CLIENT_IDN SSL_CLIENT_CERTIFICATE);
$httpd->stop;

# Names for the client's certificate; added to the others by the form with a sign as well.
my $ca = ClientCert->authority;
$httpd = TestHttpd->start(<<"END");
SSLLegacyDirectives on
<VirtualHost *:\@PORT@>
    ServerName localhost
    SSLEngine on
    \@ECDSA@
    SSLVerifyClient optional
    SSLVerifyDepth 3
    SSLCACertificateFile ${\ $ca->root}
    SSLOptions +StdEnvVars +ExportCertData
    SSLOptions +CompatEnvVars
</VirtualHost>
END
my @parts       = (['CN', 'CN', 'Alicé'], ['emailAddress', 'EMAIL', 'alice@example.test'], ['O', 'O', 'Acme'], ['OU', 'OU', 'Unit'], ['C', 'C', 'DE'], ['ST', 'SP', 'Hessen'], ['L', 'L', 'Frankfurt']);
my $certificate = $ca->issue(serial => '0123', subject => ClientCert::name(map { [$_->[0], $_->[2]] } @parts));
my $client      = TlsClient->new(port => $httpd->port, sni => 'localhost', cert => $certificate, key => $ca->key)->handshake;
$seen = {$client->get('/cgi/env')->{body} =~ /^(\w+)=(.*)$/mg};
is $seen->{"SSL_CLIENT_$_->[1]"}, $_->[2], "SSL_CLIENT_$_->[1] of a client's certificate" for @parts;
is $seen->{"SSL_CLIENT_$_->[0]"}, $_->[1], "SSL_CLIENT_$_->[0] of its issuer" for ['IC', 'DE'], ['IO', 'Spec Örg, Inc.'], ['IOU', 'A'], ['ICN', 'Spec Intermediate'];
%same = (
    SSL_CLIENT_DN => 'SSL_CLIENT_S_DN', SSL_CLIENT_IDN => 'SSL_CLIENT_I_DN', SSL_CLIENT_CERT_START => 'SSL_CLIENT_V_START', SSL_CLIENT_CERT_END => 'SSL_CLIENT_V_END',
    SSL_CLIENT_CERT_SERIAL => 'SSL_CLIENT_M_SERIAL', SSL_CLIENT_SIGNATURE_ALGORITHM => 'SSL_CLIENT_A_SIG', SSL_CLIENT_CERTIFICATE => 'SSL_CLIENT_CERT',
);
for my $old (sort keys %same) {
    ok length($seen->{$same{$old}} // ''), "$same{$old} has a value";
    is $seen->{$old}, $seen->{$same{$old}}, "$old is the same";
}
is $seen->{SSL_CLIENT_M_SERIAL}, '0123', 'and it is that of the certificate';
is $seen->{$_}, undef, "$_: the issuer has none" for qw(SSL_CLIENT_IEMAIL SSL_CLIENT_ISP SSL_CLIENT_IL);
is $seen->{SSL_CLIENT_KEY_SIZE}, 'Not supported by mod_ssl', 'a name that never had a value';
done_testing;
