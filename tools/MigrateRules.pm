# What becomes of each directive; for tools/migrate-config, which reads and writes the files.
package MigrateRules;

use strict;
use warnings;

# --- Names ----------------------------------------------------------------------------------------------------------

# The directives of mod_ssl 2.4, those of its development line that are handled below, and SSLStaplingFile.
my %known = map { lc, $_ } (
    qw(SSLCACertificateFile SSLCACertificatePath SSLCADNRequestFile SSLCADNRequestPath SSLCARevocationCheck
      SSLCARevocationFile SSLCARevocationPath SSLCertificateChainFile SSLCertificateFile SSLCertificateKeyFile
      SSLCipherSuite SSLCompression SSLCryptoDevice SSLEngine SSLFIPS SSLHonorCipherOrder SSLInsecureRenegotiation
      SSLLegacyDirectives SSLOpenSSLConfCmd SSLOptions SSLPassPhraseDialog SSLProtocol SSLRandomSeed SSLRenegBufferSize
      SSLRequire SSLRequireSSL SSLSRPUnknownUserSeed SSLSRPVerifierFile SSLSessionCache SSLSessionCacheTimeout
      SSLSessionTicketKeyFile SSLSessionTickets SSLStrictSNIVHostCheck SSLUseStapling SSLUserName SSLVHostSNIPolicy
      SSLVerifyClient SSLVerifyDepth),
    (map { "SSLOCSP$_" } qw(DefaultResponder Enable NoVerify OverrideResponder ProxyURL ResponderCertificateFile
          ResponderTimeout ResponseMaxAge ResponseTimeSkew UseRequestNonce)),
    (map { "SSLProxy$_" } qw(CACertificateFile CACertificatePath CARevocationCheck CARevocationFile CARevocationPath
          CheckPeerCN CheckPeerExpire CheckPeerName CipherSuite Engine MachineCertificateChainFile
          MachineCertificateFile MachineCertificatePath Protocol Verify VerifyDepth)),
    (map { "SSLStapling$_" } qw(Cache ErrorCacheTimeout FakeTryLater File ForceURL ResponderTimeout ResponseMaxAge
          ResponseTimeSkew ReturnResponderErrors StandardCacheTimeout)),
);

# Old names for what exists under another name; the value may need a rule of its own (%rule).
my %renamed = (
    SSLLogFile          => 'SSLLog',             SSL_Log                 => 'SSLLog',
    SSLRequiredCiphers  => 'SSLCipherSuite',     SSLCipherList           => 'SSLCipherSuite',
    SSL_CipherSuite     => 'SSLCipherSuite',     SSLProxyCipherList      => 'SSLProxyCipherSuite',
    SSL_CertFile        => 'SSLCertificateFile', SSL_KeyFile             => 'SSLCertificateKeyFile',
    SSL_X509VerifyDir   => 'SSLCACertificatePath', SSL_X509VerifyDepth   => 'SSLVerifyDepth',
    SSLClientCAfile     => 'SSLCACertificateFile', SSL_ClientAuth        => 'SSLVerifyClient',
    SSL_Connect         => 'SSLEngine',          SSLFlag                 => 'SSLEngine',
    SSLProxyMachineCertPath => 'SSLProxyMachineCertificatePath',
    SSLProxyMachineCertFile => 'SSLProxyMachineCertificateFile',
    # mod_gnutls
    GnuTLSEnable          => 'SSLEngine',
    GnuTLSCertificateFile => 'SSLCertificateFile',   GnuTLSKeyFile          => 'SSLCertificateKeyFile',
    GnuTLSX509CertificateFile => 'SSLCertificateFile', GnuTLSX509KeyFile    => 'SSLCertificateKeyFile',
    GnuTLSClientCAFile    => 'SSLCACertificateFile', GnuTLSProxyCAFile      => 'SSLProxyCACertificateFile',
    GnuTLSProxyCRLFile    => 'SSLProxyCARevocationFile', GnuTLSCacheTimeout => 'SSLSessionCacheTimeout',
    GnuTLSSessionTickets  => 'SSLSessionTickets',
    GnuTLSOCSPCacheTimeout   => 'SSLStaplingStandardCacheTimeout',
    GnuTLSOCSPFailureTimeout => 'SSLStaplingErrorCacheTimeout',
    GnuTLSOCSPSocketTimeout  => 'SSLStaplingResponderTimeout',
    GnuTLSOCSPResponseFile   => 'SSLStaplingFile',
);

# Old names without a counterpart: the reason, and what is to be decided if it matters.
my $cache_server = 'there is no cache server any more; SSLSessionCache takes its place';
my $formats      = 'certificates are read as PEM, keys as PEM or DER';
my $refreshed    = 'stapling has no such setting in mod_ssl';
my %gone = (
    SSLCacheServerPath    => [$cache_server, 'set SSLSessionCache, for example to shmcb, unless the file does so already'],
    SSLCacheServerPort    => [$cache_server],
    SSLCacheServerRunDir  => [$cache_server],
    SSL_SessionDir        => ['sessions are not kept in a directory of files; see SSLSessionCache', 'set SSLSessionCache'],
    SSL_FetchKeyPhraseFrom => ['pass phrases come from SSLPassPhraseDialog', 'set SSLPassPhraseDialog if the key is encrypted'],
    SSL_CertFileType      => [$formats],
    SSL_KeyFileType       => [$formats],
    SSL_X509VerifyPolicy  => ['mod_ssl has no such policies', 'check what SSLVerifyClient and SSLVerifyDepth ask for'],
    SSL_LogX509Attributes => ['certificates are logged with LogFormat, as %{SSL_CLIENT_S_DN}x'],
    SSL_CertificateLogDir => ['client certificates are not stored in a directory'],
    AuthCertDir           => ['there is no directory of allowed certificates', 'write the rule with SSLRequire, or use SSLOptions +FakeBasicAuth'],
    StrongholdAccelerator => ['engines of that time do not exist any more; see SSLCryptoDevice', 'set SSLCryptoDevice if there is a device'],
    StrongholdKey         => ['no licence key is needed'],
    StrongholdLicenseFile => ['no licence is needed'],
    SSLErrorFile          => ['messages are in ErrorLog'],
    SSLRoot               => ['paths are relative to ServerRoot'],
    # httpd's development line
    SSLPolicy             => ['mod_ssl 2.4 has no policies', 'set SSLProtocol and SSLCipherSuite, and SSLSessionTickets off'],
    SSLProxyPolicy        => ['mod_ssl 2.4 has no policies', 'set SSLProxyProtocol and SSLProxyCipherSuite'],
    SSLECHKeyDir          => ['mod_ssl 2.4 has no encrypted ClientHello'],
    SSLClientHelloVars    => ['mod_ssl 2.4 has no SSL_CLIENTHELLO variables', 'look for their users: they get empty values'],
    # mod_gnutls
    GnuTLSPIN             => ['a pass phrase does not stand in the configuration', 'set SSLPassPhraseDialog, and take the secret out of this comment'],
    GnuTLSSRKPIN          => ['there is no access to a TPM of its own', 'take the secret out of this comment'],
    GnuTLSP11Module       => ['modules for tokens are set up in the configuration of OpenSSL', 'set up a provider or engine for PKCS #11'],
    GnuTLSSRPPasswdFile   => ['the file has another format', 'make a new one with openssl srp, for SSLSRPVerifierFile'],
    GnuTLSSRPPasswdConfFile => ['the parameters are in the file of SSLSRPVerifierFile'],
    GnuTLSProxyKeyFile    => ['the key belongs into the file of SSLProxyMachineCertificateFile', 'append this key to that file'],
    (map { ("GnuTLSOCSP$_" => [$refreshed]) } qw(AutoRefresh CheckNonce FuzzTime)),
);

# These must not stand in a virtual host.
my %global = map { lc, 1 } qw(SSLPassPhraseDialog SSLSessionCache SSLStaplingCache SSLCryptoDevice SSLRandomSeed SSLFIPS
  SSLVHostSNIPolicy SSLMutex SSLSessionLockFile SSLCacheDisable GnuTLSCache GnuTLSOCSPCache);

my %is_directory = map { $_, 1 } qw(directory directorymatch location locationmatch files filesmatch if elseif else limit
  limitexcept proxy proxymatch);

my %new_name = map { lc, $renamed{$_} } keys %renamed;
my %reason   = map { lc, $gone{$_} } keys %gone;

# Directives that have a rule, by their name after %renamed. The old ones among them count as old names too.
my %rule = (
    SSLLog => \&ssl_log, SSLLogLevel => \&ssl_log_level, SSLMutex => \&mutex, SSLSessionLockFile => sub { mutex($_[0], 'file:') },
    SSLSessionCache => \&session_cache, SSLStaplingCache => \&session_cache, SSLVerifyClient => \&verify_client,
    SSLOptions => \&options, SSLProtocol => \&protocol, SSLProxyProtocol => \&protocol,
    SSLCipherSuite => \&ciphers, SSLProxyCipherSuite => \&ciphers, SSLRandomSeed => \&random_seed, SSLEngine => \&engine,
    SSLCACertificateFile => \&client_ca, SSLCACertificatePath => \&client_ca,
    SSLEnable  => sub { write_as($_[0], 'SSLEngine on'); engine($_[0]) },
    SSLDisable => sub { write_as($_[0], 'SSLEngine off') },
    SSLCacheDisable => sub { is_off($_[0]) ? comment_out($_[0], 'it disabled nothing') : write_as($_[0], 'SSLSessionCache none') },
    RequireSSL      => sub { is_off($_[0]) ? comment_out($_[0], 'it required nothing') : write_as($_[0], 'SSLRequireSSL') },
    SSLFakeBasicAuth            => sub { write_as($_[0], 'SSLOptions ' . (is_off($_[0]) ? '-' : '+') . 'FakeBasicAuth') },
    SSLExportClientCertificates => sub { write_as($_[0], 'SSLOptions ' . (is_off($_[0]) ? '-' : '+') . 'ExportCertData') },
    SSLRequireCipher => \&require_cipher, SSLBanCipher => \&require_cipher,
    SSL_Require => \&closed, SSL_Group => \&closed,
    LoadModule => \&load_module, AddModule => \&load_module, IfDefine => \&if_define, IfModule => \&if_module,
    GnuTLSCache => \&gnutls_cache, GnuTLSOCSPCache => \&gnutls_cache, GnuTLSClientVerify => \&gnutls_verify,
    GnuTLSExportCertificates => sub { write_as($_[0], 'SSLOptions ' . (is_off($_[0]) || $_[0]{rest} eq '0' ? '-ExportCertData' : '+StdEnvVars +ExportCertData')) },
    GnuTLSPriorities => \&gnutls_priorities, GnuTLSProxyPriorities => \&gnutls_priorities,
    GnuTLSOCSPStapling => \&gnutls_stapling,
    # mod_gnutls always verified the other server.
    GnuTLSProxyEngine => sub { write_as($_[0], "SSLProxyEngine $_[0]{rest}", is_off($_[0]) ? () : 'SSLProxyVerify require') },
    GnuTLSDHFile => sub { write_as($_[0], "SSLOpenSSLConfCmd DHParameters $_[0]{rest}") },
    GnuTLSProxyCertificateFile => sub {
        write_as($_[0], "SSLProxyMachineCertificateFile $_[0]{rest}");
        decide($_[0], 'this file must hold the key as well (that of GnuTLSProxyKeyFile)');
    },
);
my %rule_for = map { lc, $rule{$_} } keys %rule;

sub new_name { return $new_name{lc $_[0]} }

sub is_directory { return $is_directory{$_[0]} }

sub old_names {
    my @ruled = grep { !/^(?:LoadModule|AddModule|IfDefine|IfModule)$/ && !$known{lc $_} } keys %rule;
    return sort { lc $a cmp lc $b } keys %renamed, keys %gone, @ruled;
}

# --- What rules do with an item ---------------------------------------------------------------------------------------

# The words of TEXT as httpd divides it: quotes hold words together, \\ is a backslash, \" in quotes a quote.
sub words {
    my ($text) = @_;
    my @words;
    while ($text =~ /\G\s*(?=\S)(["']?)/gc) {
        my ($quote, $word) = ($1, '');
        my $plain = $quote ? qr/[^\\$quote]+/ : qr/[^\\\s]+/;
        while ($text =~ /\G(?:($plain)|\\([\\$quote])|(\\))/gc) {
            $word .= $1 // $2 // $3;
        }
        $text =~ /\G$quote/gc;
        push @words, $word;
    }
    return @words;
}

sub word {
    my ($word) = @_;
    return $word if $word =~ /\A[^\s"'\\]+\z/;
    return '"' . $word =~ s/(["\\])/\\$1/gr . '"';
}

sub write_as {
    my ($item, @texts) = @_;
    $item->{new} = [map { $item->{indent} . $_ } @texts];
    return;
}

# The item as comments below the reason, and then TEXTS in its place.
sub comment_out {
    my ($item, $why, @texts) = @_;
    my @old = map { s/\r?\n\z//r =~ s/\A([ \t]*)/$1#/r } @{$item->{raw}};
    $old[-1] =~ s/\\\z//;
    $item->{new} = ["$item->{indent}# migrate-config: $why", @old, map { $item->{indent} . $_ } @texts];
    return;
}

# Something that somebody has to decide. LASTING: the new line gives the same reason to say so.
sub decide {
    my ($item, $what, $lasting) = @_;
    push @{$item->{file}{notes}}, [$item->{number}, "$item->{name}: $what", $item, "# migrate-config: $what", $lasting];
    return;
}

sub is_off { return $_[0]{rest} =~ /\A"?(?:off|no)"?\z/i }

# A rule about requests, which stands in a section for directories.
sub in_directory {
    my ($item, @texts) = @_;
    return $item->{directory} ? @texts : ('<Location />', (map { "    $_" } @texts), '</Location>');
}

# --- mod_ssl 2.8 --------------------------------------------------------------------------------------------------------

sub ssl_log {
    my ($item) = @_;
    my ($target) = words($item->{rest});
    my $server = $item->{scope}{server};
    if ($item->{directory} || !defined $target) {
        return comment_out($item, 'messages are in ErrorLog');
    }
    if ($server->{errorlog}) {
        return comment_out($item, "messages are in this server's ErrorLog");
    }
    if ($target eq '/dev/null') {
        return comment_out($item, 'messages about TLS are in ErrorLog; LogLevel ssl:... says how many');
    }
    if ($item != $server->{ssllog}[-1]) {
        return comment_out($item, 'a later line takes its place');
    }
    decide($item, 'the new ErrorLog takes all messages of this server, not only those about TLS');
    return write_as($item, "ErrorLog $item->{rest}");
}

sub ssl_log_level {
    my ($item)  = @_;
    my ($level) = map { lc } words($item->{rest});
    my %new = (error => 'error', warn => 'warn', info => 'info', trace => 'trace3', debug => 'trace7');
    my $to  = $new{$level // ''};
    if (!$to || $item->{directory}) {
        return comment_out($item, 'errors are in ErrorLog; LogLevel ssl:... says what else');
    }
    decide($item, 'ssl:trace7 logs the bytes that are transferred; take it out when it is not needed') if $level eq 'debug';
    # A LogLevel below would set the level of this module too.
    my ($last) = grep { $_->{number} > $item->{number} } reverse @{$item->{scope}{server}{loglevel} // []};
    return write_as($item, "LogLevel ssl:$to") unless $last;
    if ($last->{rest} =~ /\bssl(?:_module)?:/) {
        return comment_out($item, 'a later LogLevel sets the level');
    }
    push @{$last->{after}}, "LogLevel ssl:$to";
    return write_as($item);
}

sub mutex {
    my ($item, $prefix) = @_;
    my ($value) = words($item->{rest});
    $value = ($prefix // '') . ($value // '');
    if ($value =~ /\A(?:none|no)?\z/i) {
        return comment_out($item, 'the session cache is always locked where it needs to be');
    }
    if ($value =~ /\A(file|flock|fcntl):(.+)\z/is) {    # a file then, a directory for locks now
        my ($kind, $directory) = (lc $1, $2 =~ m{\A(.*)/}s ? ($1 eq '' ? '/' : $1) : '.');
        return write_as($item, 'Mutex ' . word("$kind:$directory") . ' ssl-cache');
    }
    $value = 'default' if $value =~ /\Ayes\z/i;
    if ($value =~ /\A(?:default|sem|sysvsem|posixsem|pthread)\z/i) {
        return write_as($item, 'Mutex ' . lc($value) . ' ssl-cache');
    }
    decide($item, 'what kind of lock is meant? See Mutex in the manual of httpd');
    return comment_out($item, 'not a kind of lock that Mutex has');
}

my $dbm = 'the module socache_dbm must be loaded; shmcb is faster';

sub session_cache {
    my ($item) = @_;
    my ($value) = words($item->{rest});
    return unless defined $value;
    if ($value =~ /\A(?:shm|shmht)(?::(.*))?\z/is) {
        decide($item, 'the module socache_shmcb must be loaded');
        return write_as($item, "$known{$item->{key}} " . word('shmcb' . (defined $1 ? ":$1" : '')));
    }
    decide($item, $dbm, 'lasting') if $value =~ /\Adbm:/i;
    return;
}

sub verify_client {
    my ($item) = @_;
    my ($value) = words($item->{rest});
    my @levels = qw(none optional require optional_no_ca);
    return write_as($item, "SSLVerifyClient $levels[$value]") if defined $value && $value =~ /\A[0-3]\z/;
    return;
}

# Of several words without a sign only the last one counts, in 2.8 as in 2.4, and it takes away what stands before it.
sub last_bare {
    my @words = @_;
    my ($index) = grep { $words[$_] !~ /\A[+-]/ } reverse 0 .. $#words;
    return $index;
}

sub options {
    my ($item)  = @_;
    my @words   = words($item->{rest});
    my $base    = last_bare(@words);
    my $is_gone = qr/\A[+-]?(CompatEnvVars|ExportBase64CertData)\z/i;
    if ($base) {
        my $without = join ' ', @words[0 .. $base - 1];
        decide($item, "$words[$base] takes the words before it away ($without); put a + before each word that is meant to add");
    }
    my @gone = map { /$is_gone/ ? $1 : () } @words or return;
    my @kept = grep { $_ !~ $is_gone } @words[($base // 0) .. $#words];
    if (defined $base && $words[$base] =~ $is_gone) {    # it set everything else off, and that must stay
        my ($first) = grep { /\A\+/ } @kept;
        @kept = defined $first ? (substr($first, 1), grep { $_ ne $first } @kept) : ('StdEnvVars', '-StdEnvVars', @kept);
    }
    comment_out($item, "mod_ssl 2.4 has no $gone[0]", @kept ? join(' ', 'SSLOptions', map { word($_) } @kept) : ());
    decide($item, "look for users of the variables of $gone[0]; SetEnvIfExpr can make them from those of today")
      if grep { $_ !~ /\A-/ && $_ =~ $is_gone } @words;
    return;
}

sub protocol {
    my ($item) = @_;
    my @words  = words($item->{rest});
    my $name   = $known{$item->{key}};
    my @counts = @words[(last_bare(@words) // 0) .. $#words];
    my %set;
    for (@counts) {
        my ($sign, $version) = /\A([+-]?)(.*)\z/s;
        my @versions = lc $version eq 'all' ? qw(tlsv1 tlsv1.1 tlsv1.2 tlsv1.3) : lc $version;
        delete @set{@versions} if $sign eq '-';
        @set{@versions} = () if $sign ne '-' && $version !~ /\Asslv[23]\z/i;
    }
    if (grep { /\A\+?SSLv[23]\z/i } @words) {
        my @kept = grep { !/\A(?:[+-]?SSLv2|\+?SSLv3)\z/i } @counts;
        if (!%set) {
            decide($item, 'no version of today is left; without the line all versions are allowed that this server allows elsewhere');
            return comment_out($item, 'there is no SSLv2 and SSLv3 any more');
        }
        write_as($item, join ' ', $name, map { word($_) } @kept);
    }
    decide($item, 'TLS 1.1 is the newest version that is left, and OpenSSL 3 does not speak it with usual cipher lists; '
        . "consider $name all -SSLv3", 'lasting') if %set && !grep { !/\Atlsv1(?:\.1)?\z/ } keys %set;
    return;
}

# Aliases and names of suites that OpenSSL 3 does not have, and those that are never allowed.
my $no_cipher = qr/(?:EXP(?:ORT(?:40|56)?)?(?:-.*)?|EXP1024-.*|LOW|SSLv2|DES|3DES|RC2|RC4|IDEA|SEED|MD5|k?FZA|[ae]FZA|kKRB5|aKRB5|KRB5
    |.*\b(?:RC4|RC2|IDEA|SEED|MD5|DES-CBC3?|DES)\b.*)/xi;
my $no_secret = qr/(?:ADH|AECDH|aNULL|eNULL|NULL|(?:ADH|AECDH|NULL)-.*|.*-NULL-.*)/i;

sub ciphers {
    my ($item) = @_;
    my @arguments = words($item->{rest});
    return if !@arguments || @arguments > 2 || @arguments == 2 && $arguments[0] ne 'SSL';
    my (@kept, @dropped, $secret);
    for my $element (grep { $_ ne '' } split /[:,; ]+/, $arguments[-1]) {
        my ($sign, $name) = $element =~ /\A([!+-]?)(.*)\z/s;
        my @parts = split /\+/, $name;
        if ($sign =~ /[!-]/ || !grep { /\A(?:$no_cipher|$no_secret)\z/ } @parts) {
            push @kept, $element;
            next;
        }
        push @dropped, $element;
        $secret = 1 if $sign eq '' && grep { /\A$no_secret\z/ } @parts;
    }
    return unless @dropped;
    decide($item, 'ciphers without encryption or without a certificate are never allowed') if $secret;
    if (!grep { /\A[^!+\@-]/ } @kept) {
        decide($item, 'OpenSSL 3 has none of these ciphers; without the line its own list holds');
        return comment_out($item, 'OpenSSL 3 has none of these ciphers');
    }
    return write_as($item, join ' ', $known{$item->{key}}, (map { word($_) } @arguments[0 .. $#arguments - 1], join ':', @kept));
}

sub random_seed {
    my ($item) = @_;
    my @words = words($item->{rest});
    return comment_out($item, 'OpenSSL seeds itself and asks no EGD') if @words > 1 && $words[1] =~ /\Aegd:/;
    return;
}

sub engine {
    my ($item) = @_;
    if ($item->{key} eq 'sslengine' && $item->{rest} =~ /\A"?optional"?\z/i) {
        decide($item, 'TLS inside of a plain HTTP connection (RFC 2817) does not exist any more; is TLS meant?');
        return comment_out($item, 'TLS by an upgrade of HTTP does not exist any more', 'SSLEngine off');
    }
    my $old = lc $item->{name} ne 'sslengine';
    decide($item, 'SSLEngine on outside of virtual hosts holds for all of them, also those for plain HTTP')
      if $old && $item->{scope} == $item->{file}{main} && !is_off($item);
    return;
}

sub client_ca {
    my ($item) = @_;
    return unless $item->{directory};
    decide($item, 'move it to the virtual host; what may be different here is SSLRequire');
    return comment_out($item, 'the CAs of clients are settings of a whole server');
}

sub load_module {
    my ($item) = @_;
    my @words = words($item->{rest});
    if (lc $item->{name} eq 'addmodule') {
        return unless @words && $words[0] =~ /\A(?:mod_ssl|apache_ssl)\.c\z/;
        return comment_out($item, 'httpd 2.4 needs LoadModule alone');
    }
    my $other = @words == 2 && ($words[0] =~ /\A(?:gnutls_module|apache_ssl_module)\z/ || $words[0] eq 'ssl_module' && $words[1] =~ m{(?:\A|/)libssl\.so\z});
    return unless $other;
    decide($item, 'load this module instead: LoadModule ssl_module and its path');
    return comment_out($item, 'this is another module');
}

# `apachectl startssl` passed -DSSL; a start of today passes nothing.
sub if_define {
    my ($item) = @_;
    return if $item->{file}{defines} || $item->{rest} !~ /\A"?(!?)SSL"?\z/;
    my $not   = $1;
    my $close = $item->{closed_by};
    my @inside = grep { $_->{number} > $item->{number} && $_->{number} < $close->{number} } @{$item->{file}{items}};
    if (grep { ($_->{key} // '') eq 'loadmodule' && $_->{rest} =~ /\A"?ssl_module\b/ } @inside) {
        comment_out($item,  'the module is loaded without -DSSL');
        comment_out($close, 'the end of <IfDefine SSL>');
        return;
    }
    write_as($item,  "<IfModule ${not}ssl_module>");
    write_as($close, '</IfModule>');
    return;
}

sub if_module {
    my ($item) = @_;
    my ($not) = $item->{rest} =~ /\A"?(!?)(?:(?:mod_gnutls|apache_ssl)\.c|(?:gnutls|apache_ssl)_module)"?\z/ or return;
    return write_as($item, "<IfModule ${not}ssl_module>");
}

# --- Apache-SSL and Stronghold ----------------------------------------------------------------------------------------

# The ciphers that several lines of one section name make one list; several SSLRequire must all be true.
sub require_cipher {
    my ($item) = @_;
    my $all = $item->{block}{items}{$item->{key}};
    if ($item != $all->[0]) {
        return comment_out($item, 'it is part of the SSLRequire above');
    }
    my @names = map { words($_->{rest}) } @$all;
    my $list  = join ', ', map { '"' . s/(["\\])/\\$1/gr . '"' } @names;
    my $rule  = "%{SSL_CIPHER} in {$list}";
    if ($item->{key} eq 'sslbancipher') {
        $rule = "not ($rule)";
    }
    elsif (!grep { !/\A$no_cipher\z/ } @names) {
        decide($item, 'OpenSSL 3 has none of these ciphers, so that every request is refused');
    }
    return write_as($item, in_directory($item, "SSLRequire $rule"));
}

# A rule about access that cannot be translated must not fall away.
sub closed {
    my ($item) = @_;
    decide($item, 'write the rule anew with SSLRequire; until then all requests are refused here');
    return comment_out($item, 'this rule is to be written anew; until then nobody is let in', in_directory($item, 'SSLRequire false'));
}

# --- mod_gnutls -------------------------------------------------------------------------------------------------------

sub gnutls_cache {
    my ($item) = @_;
    my ($kind, $where) = words($item->{rest});
    my $name = lc $item->{name} eq 'gnutlscache' ? 'SSLSessionCache' : 'SSLStaplingCache';
    return comment_out($item, 'there is no cache unless one is named') if !defined $kind || $name eq 'SSLStaplingCache' && lc $kind eq 'none';
    $kind =~ s/\Agdbm\b/dbm/;
    $kind =~ s/\Ashm(?:ht)?(?=:|\z)/shmcb/;
    $where = $where =~ s/\s+/,/gr if defined $where;    # `memcache host:port host:port` of old versions
    my $is_dbm = lc $kind eq 'dbm';
    decide($item, $is_dbm ? $dbm : 'the module socache_' . ($kind =~ /\A(\w+)/ ? $1 : '...') . ' must be loaded', $is_dbm) if lc $kind ne 'none';
    return write_as($item, "$name " . word(defined $where ? "$kind:$where" : $kind));
}

sub gnutls_verify {
    my ($item) = @_;
    my %new = (ignore => 'none', request => 'optional', require => 'require');
    my ($value) = map { $new{lc $_} } words($item->{rest});
    return unless $value;
    decide($item, 'a client with an invalid certificate is refused now; optional_no_ca lets in those of unknown CAs') if $value eq 'optional';
    return write_as($item, "SSLVerifyClient $value");
}

sub gnutls_stapling {
    my ($item) = @_;
    my @caches = map { @{$item->{file}{main}{server}{$_} // []} } qw(gnutlsocspcache sslstaplingcache);
    decide($item, 'SSLStaplingCache must be set, outside of virtual hosts') unless @caches || is_off($item);
    return write_as($item, "SSLUseStapling $item->{rest}");
}

# Versions are translated; lists of ciphers are a language of their own.
sub gnutls_priorities {
    my ($item)  = @_;
    my $proxy   = $item->{key} =~ /proxy/ ? 'Proxy' : '';
    my @words   = map { split /:/ } words($item->{rest});
    my %version = ('TLS1.0' => 'TLSv1', 'TLS1.1' => 'TLSv1.1', 'TLS1.2' => 'TLSv1.2', 'TLS1.3' => 'TLSv1.3', 'SSL3.0' => 'SSLv3');
    my (@protocol, @rest);
    for (@words) {
        if    (/\A[!-]VERS-(?:TLS-|SSL-)?ALL\z/) { @protocol = ('-all') }
        elsif (/\A\+VERS-(?:TLS-)?ALL\z/)        { @protocol = ('all', '-SSLv3') }
        elsif (/\A([!+-])VERS-(.+)\z/ && $version{$2}) {
            @protocol = ('all', '-SSLv3') unless @protocol;
            push @protocol, ($1 eq '+' ? '+' : '-') . $version{$2} unless $2 eq 'SSL3.0';
        }
        elsif (!/\A(?:NORMAL|PERFORMANCE|%.*)?\z/) { push @rest, $_ }
    }
    my @new = @protocol ? "SSL${proxy}Protocol @protocol" : ();
    decide($item, "write the ciphers (@rest) as a list for SSL${proxy}CipherSuite") if @rest;
    return write_as($item, @new) if @new && !@rest;
    return comment_out($item, @rest ? "ciphers are written for SSL${proxy}CipherSuite, in the notation of OpenSSL" : 'these are the defaults', @new);
}

# --- A whole file -----------------------------------------------------------------------------------------------------

sub migrate {
    my ($file) = @_;
    for my $item (grep { defined $_->{key} } @{$file->{items}}) {
        my $key = $item->{key};
        if ($global{$key} && $item->{scope} != $file->{main}) {
            decide($item, 'move it in front of the virtual hosts');
            comment_out($item, 'this setting belongs in front of the virtual hosts');
            next;
        }
        write_as($item, "$item->{as} $item->{rest}") if $item->{as};
        if    ($rule_for{$key}) { $rule_for{$key}->($item) }
        elsif (my $gone = $reason{$key}) {
            comment_out($item, $gone->[0]);
            decide($item, $gone->[1]) if $gone->[1];
        }
        elsif ($key =~ /\A(?:ssl|gnutls|nss|stronghold)/ && !$known{$key}) {
            decide($item, 'the name is not known, and the line stays as it is');
        }
    }
    complete($file, $_) for @{$file->{scopes}};
    mark($file);
    return;
}

# A line that stays although there is something to decide gets that as a comment. One that has it already was spoken of
# by an earlier run.
sub mark {
    my ($file) = @_;
    my (%above, @comments);
    for my $item (@{$file->{items}}) {
        if (!defined $item->{key} && $item->{raw}[0] =~ /\A\s*(# migrate-config: .*?)\s*\z/) { push @comments, $1; next }
        $above{$item} = {map { $_ => 1 } splice @comments};
    }
    my $stays = sub { my ($note) = @_; my $item = $note->[2]; return $note->[4] || !$item->{new} && !@{$item->{before}} && !@{$item->{after}} };
    my @left  = grep { !$stays->($_) || !$above{$_->[2]}{$_->[3]} } @{$file->{notes}};
    my @alone = grep { $stays->($_) } @left;
    push @{$_->[2]{before}}, $_->[3] for @alone;
    $file->{notes} = \@left;
    return;
}

# What mod_ssl 2.4 wants besides: that revocation lists are used, and that TLS to other servers is turned on.
sub complete {
    my ($file, $scope) = @_;
    my $set = sub { my ($key) = @_; return $scope->{server}{$key} || $file->{main}{server}{$key} };
    for my $proxy ('', 'Proxy') {
        my $check = "SSL${proxy}CARevocationCheck";
        my @lists = map { @{$scope->{server}{lc "SSL${proxy}CARevocation$_"} // []} } qw(File Path) or next;
        next if $set->(lc $check) || $file->{main}{adds}{$check};
        my %last;
        $last{$_->{block}} = $_ for sort { $a->{number} <=> $b->{number} } @lists;
        push @{$_->{after}}, "$check chain no_crl_for_cert_ok" for values %last;
        decide($lists[0], "$check is added; without no_crl_for_cert_ok it also refuses certificates of CAs without a list");
        $scope->{adds}{$check} = 1;
    }
    my @proxy = sort { $a->{number} <=> $b->{number} } map { @{$scope->{server}{$_}} } grep { /\Asslproxy/ && $known{$_} } keys %{$scope->{server}};
    return if !@proxy || $set->('sslproxyengine') || $set->('gnutlsproxyengine') || $file->{main}{adds}{SSLProxyEngine};
    push @{$proxy[0]{before}}, 'SSLProxyEngine on';
    $scope->{adds}{SSLProxyEngine} = 1;
    return;
}

1;
