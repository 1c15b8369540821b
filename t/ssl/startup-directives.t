# Every directive with good and bad arguments, and in places where it must not stand.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use StartUp ();
use TestHttpd ();

# On or off, in a host or before all.
my @flags = qw(SSLHonorCipherOrder SSLSessionTickets SSLInsecureRenegotiation SSLStrictSNIVHostCheck SSLCompression);
for my $name (@flags) {
    StartUp::check_table(
        ["$name off",  'vhost',    'runs'],
        ["$name OFF",  'global',   'runs'],
        ["$name",      'vhost',    syntax => qr/\Q$name must be On or Off\E/],
        ["$name 1",    'vhost',    syntax => qr/\Q$name must be On or Off\E/],
        ["$name off",  'location', syntax => qr/\Q$name not allowed in <Location> context\E/],
    );
    StartUp::check("$name on", 'vhost', 'runs') unless $name eq 'SSLCompression';
}
StartUp::check('SSLHonorCipherOrder off', 'htaccess', 500 => qr/SSLHonorCipherOrder not allowed here/);

# Debian's OpenSSL is built without compression.
StartUp::check('SSLCompression on', 'vhost', syntax => qr/This version of OpenSSL does not have any compression methods available, cannot enable SSLCompression\./)
    if qx(openssl list -disabled) =~ /^ZLIB$/m;

StartUp::check_table(
    ['SSLEngine ON',           'vhost',    'runs'],
    ['SSLEngine off',          'vhost',    'plain'],
    ['SSLEngine Optional',     'vhost',    'plain', qr/AH10510: 'SSLEngine optional' is no longer supported/],
    ['SSLEngine maybe',        'vhost',    syntax => qr/Argument must be On or Off/],
    ['SSLEngine',              'vhost',    syntax => qr/SSLEngine takes one argument/],
    ['SSLEngine on on',        'vhost',    syntax => qr/SSLEngine takes one argument/],
    ['SSLEngine ""',           'vhost',    syntax => qr/SSLEngine takes one argument/],
    ['SSLEngine on',           'location', syntax => qr/SSLEngine not allowed in <Location> context/],
    ['sslengine on',           'vhost',    'runs'],
    ['SSLNoSuchThing on',      'vhost',    syntax => qr/Invalid command 'SSLNoSuchThing', perhaps misspelled or defined by a module not included in the server configuration/],

    ['SSLProtocol all -SSLv3',             'vhost', 'runs'],
    ['SSLProtocol ALL -sslv3 -tlsv1',      'vhost', 'runs'],
    ['SSLProtocol +TLSv1.2 +TLSv1.3',      'vhost', 'runs'],
    ['SSLProtocol TLSv1.2 +TLSv1.3',       'vhost', 'runs'],
    ['SSLProtocol all -SSLv2 -SSLv3',      'vhost', 'runs'],
    ['SSLProtocol TLSv1.2 TLSv1.3',        'vhost',  'runs'],
    ['SSLProtocol TLSv1.2 TLSv1.3',        'global', 'runs', qr/AH02532: SSLProtocol: Protocol 'TLSv1\.3' overrides already set parameter\(s\)\. Check if a \+\/- prefix is missing\./],
    ['SSLProtocol SSLv2',                  'vhost', syntax => qr/SSLProtocol: SSLv2 is no longer supported/],
    ['SSLProtocol +SSLv2',                 'vhost', syntax => qr/SSLProtocol: SSLv2 is no longer supported/],
    ['SSLProtocol SSLv3',                  'vhost', syntax => qr/SSLv3 not supported by this version of OpenSSL/],
    ['SSLProtocol TLSv1.4',                'vhost', syntax => qr/SSLProtocol: Illegal protocol 'TLSv1\.4'/],
    ['SSLProtocol none',                   'vhost', syntax => qr/SSLProtocol: Illegal protocol 'none'/],
    ['SSLProtocol ""',                     'vhost', syntax => qr/SSLProtocol: Illegal protocol ''/],
    ['SSLProtocol -all',                   'vhost', fatal => qr/emerg.*AH02231: No SSL protocols available \[hint: SSLProtocol\]/],
    ['SSLProtocol',                        'vhost', fatal => qr/emerg.*AH02231: No SSL protocols available \[hint: SSLProtocol\]/],
    ['SSLProtocol all',                    'location', syntax => qr/SSLProtocol not allowed in <Location> context/],

    ['SSLCipherSuite HIGH:!aNULL',                         'vhost',  'runs'],
    ['SSLCipherSuite HIGH:!aNULL',                         'global', 'runs'],
    ['SSLCipherSuite SSL ECDHE-ECDSA-AES128-GCM-SHA256',   'vhost',  'runs'],
    ['SSLCipherSuite TLSv1.3 TLS_AES_128_GCM_SHA256',      'vhost',  'runs'],
    ["SSLCipherSuite NOSUCH\nSSLCipherSuite HIGH",         'vhost',  'runs'],
    ['SSLCipherSuite NOSUCH',                              'vhost',  fatal => qr/emerg.*AH01898: Unable to configure permitted SSL ciphers.*no cipher match.*AH02312: Fatal error initialising mod_ssl, exiting\./s],
    ['SSLCipherSuite TLS_AES_128_GCM_SHA256',              'vhost',  fatal => qr/AH01898: Unable to configure permitted SSL ciphers/],
    ['SSLCipherSuite TLSv1.3 NOSUCH',                      'vhost',  fatal => qr/emerg.*AH10127: Unable to configure permitted TLSv1\.3 ciphers/],
    ['SSLCipherSuite TLSv1.2 HIGH',                        'vhost',  syntax => qr/protocol 'TLSv1\.2' not supported/],
    ['SSLCipherSuite tlsv1.3 TLS_AES_128_GCM_SHA256',      'vhost',  syntax => qr/protocol 'tlsv1\.3' not supported/],
    ['SSLCipherSuite',                                     'vhost',  syntax => qr/SSLCipherSuite takes 1-2 arguments/],
    ['SSLCipherSuite SSL HIGH MORE',                       'vhost',  syntax => qr/SSLCipherSuite takes 1-2 arguments/],

    ['SSLSessionCache none',                        'global', 'runs', qr/warn.*AH01873: Init: Session Cache is not configured \[hint: SSLSessionCache\]/],
    ['SSLSessionCache NoneNotNull',                 'global', 'runs', qr/AH01873/],
    ['SSLSessionCache shmcb',                       'global', 'runs'],
    ['SSLSessionCache default',                     'global', 'runs'],
    ['SSLSessionCache shmcb:@ROOT@/cache',          'global', 'runs'],
    ['SSLSessionCache shmcb:@ROOT@/cache(8192)',    'global', 'runs'],
    ['SSLSessionCache shmcb:/nowhere/cache(512000)', 'global', 'runs'],
    ['SSLSessionCache shmcb:@ROOT@/cache(8191)',    'global', syntax => qr/SSLSessionCache: Invalid argument: size has to be >= 8192 bytes/],
    ['SSLSessionCache shmcb:@ROOT@/cache(many)',    'global', syntax => qr/SSLSessionCache: Invalid argument: cache size not numerical/],
    ['SSLSessionCache shmcb:@ROOT@/cache(512000',   'global', syntax => qr/SSLSessionCache: Invalid argument: no closing parenthesis/],
    ['SSLSessionCache nosuch:@ROOT@/cache',         'global', syntax => qr/SSLSessionCache: 'nosuch' session cache not supported \(known names: \w+(?:,\w+)*\)\. Maybe you need to load the appropriate socache module \(mod_socache_nosuch\?\)\./],
    ['SSLSessionCache SHMCB',                       'global', syntax => qr/'SHMCB' session cache not supported/],
    ['SSLSessionCache',                             'global', syntax => qr/SSLSessionCache takes one argument/],
    ['SSLSessionCache none',                        'vhost',  syntax => qr/SSLSessionCache cannot occur within <VirtualHost> section/],
    # In the C module `none` does not take back a cache that was named before it.
    ["SSLSessionCache shmcb\nSSLSessionCache none", 'global', 'runs', TestHttpd::stock() ? undef : qr/AH01873/],

    ['SSLSessionCacheTimeout 100',   'vhost',    'runs'],
    ['SSLSessionCacheTimeout 0',     'global',   'runs'],
    ['SSLSessionCacheTimeout 5x',    'vhost',    'runs'],
    ['SSLSessionCacheTimeout -1',    'vhost',    syntax => qr/SSLSessionCacheTimeout: Invalid argument/],
    ['SSLSessionCacheTimeout',       'vhost',    syntax => qr/SSLSessionCacheTimeout takes one argument/],
    ['SSLSessionCacheTimeout 1',     'location', syntax => qr/SSLSessionCacheTimeout not allowed in <Location> context/],

    ['SSLRandomSeed startup builtin',                 'global', 'runs'],
    ['SSLRandomSeed connect builtin',                 'global', 'runs'],
    ['SSLRandomSeed Startup file:/dev/urandom 512',   'global', 'runs'],
    ['SSLRandomSeed startup /dev/urandom 16',         'global', 'runs'],
    ["SSLRandomSeed startup builtin\nSSLRandomSeed connect file:/dev/urandom 16\nSSLRandomSeed connect builtin", 'global', 'runs'],
    ['SSLRandomSeed startup exec:/bin/echo 5',        'global', 'runs'],
    ['SSLRandomSeed sometimes builtin',               'global', syntax => qr/SSLRandomSeed: invalid context: `sometimes'/],
    ['SSLRandomSeed startup file:/nowhere/seed',      'global', syntax => qr{SSLRandomSeed: source path '/nowhere/seed' does not exist}],
    ['SSLRandomSeed startup nowhere',                 'global', syntax => qr{SSLRandomSeed: source path '/\S+/nowhere' does not exist}],
    ['SSLRandomSeed startup exec:/nowhere/seed',      'global', syntax => qr{SSLRandomSeed: source path '/nowhere/seed' does not exist}],
    ['SSLRandomSeed startup file:/dev/urandom -1',    'global', syntax => qr/SSLRandomSeed: invalid number of bytes specified/],
    ['SSLRandomSeed startup builtin 16',              'global', syntax => qr/SSLRandomSeed: byte specification not allowed for builtin seed source/],
    ['SSLRandomSeed startup egd:/nowhere',            'global', syntax => qr/Invalid SSLRandomSeed entropy source `egd:\/nowhere': This version of OpenSSL does not support the Entropy Gathering Daemon \(EGD\)\./],
    ['SSLRandomSeed startup',                         'global', syntax => qr/SSLRandomSeed takes two or three arguments/],
    ['SSLRandomSeed startup builtin',                 'vhost',  syntax => qr/SSLRandomSeed cannot occur within <VirtualHost> section/],

    ['SSLOptions +StdEnvVars',                              'vhost',    'runs'],
    ['SSLOptions',                                          'vhost',    'runs'],
    ['SSLOptions stdenvvars +EXPORTCERTDATA -FakeBasicAuth', 'location', 'runs'],
    ['SSLOptions +StrictRequire +OptRenegotiate +LegacyDNStringFormat', 'global', 'runs'],
    ['SSLOptions +NoSuchOption',                            'vhost',    syntax => qr/SSLOptions: Illegal option 'NoSuchOption'/],
    ['SSLOptions +CompatEnvVars',                           'vhost',    syntax => qr/SSLOptions: Illegal option 'CompatEnvVars'/],
    ['SSLOptions +StdEnvVars',                              'htaccess', 'runs'],
    ['SSLOptions +NoSuchOption',                            'htaccess', 500 => qr/SSLOptions: Illegal option 'NoSuchOption'/],

    ['SSLOpenSSLConfCmd Groups P-256',             'vhost',  'runs', qr/debug.*AH02556: "SSLOpenSSLConfCmd Groups P-256" applied to localhost:\d+/],
    ['SSLOpenSSLConfCmd curves P-256',             'global', 'runs'],
    ['SSLOpenSSLConfCmd MinProtocol TLSv1.2',      'vhost',  'runs'],
    ["SSLOpenSSLConfCmd Options -SessionTicket\nSSLOpenSSLConfCmd CipherString HIGH", 'vhost', 'runs'],
    ["SSLOpenSSLConfCmd Certificate \@CERTS@/localhost-rsa.pem\nSSLOpenSSLConfCmd PrivateKey \@CERTS@/localhost-rsa.key", 'bare', 'runs'],
    ['SSLOpenSSLConfCmd Groups nosuch',            'vhost',  fatal => qr/emerg.*AH02407: "SSLOpenSSLConfCmd Groups nosuch" failed for localhost:\d+.*AH02312/s],
    ['SSLOpenSSLConfCmd -curves P-256',            'vhost',  syntax => qr/'-curves': invalid OpenSSL configuration command/],
    ['SSLOpenSSLConfCmd NoSuch value',             'vhost',  syntax => qr/'NoSuch': invalid OpenSSL configuration command/],
    ['SSLOpenSSLConfCmd Certificate /nowhere.pem', 'vhost',  syntax => qr{SSLOpenSSLConfCmd: file '/nowhere\.pem' does not exist or is empty}],
    ['SSLOpenSSLConfCmd Groups',                   'vhost',  syntax => qr/SSLOpenSSLConfCmd takes two arguments/],
    ['SSLOpenSSLConfCmd Groups P-256',             'location', syntax => qr/SSLOpenSSLConfCmd not allowed in <Location> context/],

    ['SSLPassPhraseDialog builtin',          'global', 'runs'],
    ['SSLPassPhraseDialog BuiltIn',          'global', 'runs'],
    ['SSLPassPhraseDialog exec:/bin/cat',    'global', 'runs'],
    ['SSLPassPhraseDialog exec:/',           'global', 'runs'],    # only that it exists; it is run when it is needed
    ['SSLPassPhraseDialog "|/nowhere x"',    'global', 'runs'],
    ["SSLPassPhraseDialog exec:/bin/cat\nSSLPassPhraseDialog builtin", 'global', 'runs'],
    ['SSLPassPhraseDialog Exec:/bin/cat',    'global', syntax => qr/SSLPassPhraseDialog: Invalid argument/],
    ['SSLPassPhraseDialog exec:',            'global', syntax => qr/SSLPassPhraseDialog: Invalid argument/],
    ['SSLPassPhraseDialog |',                'global', syntax => qr/SSLPassPhraseDialog: Invalid argument/],
    ['SSLPassPhraseDialog /bin/cat',         'global', syntax => qr/SSLPassPhraseDialog: Invalid argument/],
    ['SSLPassPhraseDialog exec:nowhere',     'global', syntax => qr{SSLPassPhraseDialog: file '/\S+/nowhere' does not exist}],
    ['SSLPassPhraseDialog',                  'global', syntax => qr/SSLPassPhraseDialog takes one argument/],
    ['SSLPassPhraseDialog |/bin/cat -u',     'global', syntax => qr/SSLPassPhraseDialog takes one argument/],
    ['SSLPassPhraseDialog builtin',          'vhost',  syntax => qr/SSLPassPhraseDialog cannot occur within <VirtualHost> section/],
    ['SSLPassPhraseDialog builtin',          'location', syntax => qr/SSLPassPhraseDialog not allowed in <Location> context/],

    ['SSLFIPS off',                'global', 'runs', qr/AH01886: OpenSSL has FIPS mode disabled/],
    ["SSLFIPS off\nSSLFIPS off",   'global', 'runs'],
    ["SSLFIPS on\nSSLFIPS off",    'global', syntax => qr/Conflicting SSLFIPS options, cannot be both On and Off/],
    ['SSLFIPS maybe',              'global', syntax => qr/SSLFIPS must be On or Off/],
    ['SSLFIPS off',                'vhost',  syntax => qr/SSLFIPS cannot occur within <VirtualHost> section/],
);

# Without an active FIPS provider the mode can be asked for, but nothing works in it.
StartUp::check('SSLFIPS on', 'global', fatal => qr/notice.*AH01884: OpenSSL has FIPS mode enabled.*library has no ciphers.*AH02312/s)
    unless qx(openssl list -providers) =~ /fips/i;
done_testing;
