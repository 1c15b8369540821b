# The page of mod_status: the block of the session cache as the distribution's module prints it, byte for byte, and the figures below it.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use TestHttpd ();
use TlsClient ();

my $theirs = TestHttpd::apxs('LIBEXECDIR') . '/mod_ssl.so';

# A server with a CACHE, whose page is read without TLS: reading it changes nothing there.
sub server {
    my ($cache, %option) = @_;
    return TestHttpd->start(TestHttpd::load_also('socache_dbm') . "SSLSessionCache $cache\n" . <<'END', %option);
<Location /server-status>
    SetHandler server-status
</Location>
SSLSessionTickets off
<VirtualHost *:@PORT@>
    SSLEngine on
    @ECDSA@
</VirtualHost>
<VirtualHost *:@PORT2@>
</VirtualHost>
END
}
sub page { my ($httpd, $query) = @_; return scalar qx(curl --silent 'http://localhost:${\ $httpd->port(2)}/server-status$query') }
sub handshake { my ($httpd, %option) = @_; my $client = TlsClient->new(port => $httpd->port, version => '1.2', %option)->handshake; $client->get('/1.bin'); return $client }

# --- The session cache ------------------------------------------------------------------------------------------------
my $head = qr{<hr>\n<table cellspacing=0 cellpadding=0>\n<tr><td bgcolor="#000000">\n<b><font color="#ffffff" face="Arial,Helvetica">SSL/TLS Session Cache Status:</font></b>\r</td></tr>\n<tr><td bgcolor="#ffffff">\n};
my $foot = qr{</td></tr>\n</table>\n};

# What stands between the table of workers and the figures, or the end.
sub block { my ($page) = @_; return ($page =~ m{($head.*?$foot)}s)[0] // 'nothing' }
sub short { my ($page) = @_; return ($page =~ m{^(TLSSessionCacheStatus\n(?:Cache\w+: .*\n)*)}m)[0] // 'nothing' }

# How long entries last depends on the second in which they were made; and our sessions are larger, for what they are tied to.
sub masked { my ($text) = @_; return $text =~ s/(TimeLeft\w+: |avg: <b>|range: (?:<b>)?|\.\.\.|Size: |size: <b>)\d+/$1N/gr }

for my $cache ('shmcb', 'shmcb:@ROOT@/cache(128000)', 'dbm:@ROOT@/cache') {
    my $ours = server($cache);
    like page($ours, ''), qr{$head(?:cache type|<b>cache type|Cache)[^\0]*?$foot}i, "$cache: the block";
    like page($ours, '?auto'), $cache =~ /shmcb/ ? qr{^TLSSessionCacheStatus\nCacheType: SHMCB\nCacheSharedMemory: \d+\nCacheCurrentEntries: 0\n}m : qr{^TLSSessionCacheStatus\nCacheType: DBM\n}m, '... for programs';
    handshake($ours, session => handshake($ours)->session);
    SKIP: {
        skip 'compared with itself',                          4 if TestHttpd::stock();
        skip 'there is no module of the distribution\'s', 4 if !-e $theirs;
        my $other = server($cache, module => $theirs);
        handshake($other, session => handshake($other)->session);
        my @blocks = map { [masked(block(page($_, ''))), masked(short(page($_, '?auto')))] } $ours, $other;
        isnt $blocks[0][$_], 'nothing', '... found' for 0, 1;
        is $blocks[0][0], $blocks[1][0], '... byte for byte that of the distribution\'s module, with an entry and a resumption';
        is $blocks[0][1], $blocks[1][1], '... for programs, too';
    }
}

# --- The figures ------------------------------------------------------------------------------------------------------
for my $cache ('none', 'shmcb') {
    my $httpd = server($cache);
    handshake($httpd);
    my ($html, $auto) = map { page($httpd, $_) } '', '?auto';
    if ($cache eq 'none') { unlike $_, qr{Session Cache Status|TLSSessionCacheStatus|^Cache}m, 'without a cache there is no block' for $html, $auto }
    if (TestHttpd::stock()) {
        unlike $_, qr{TLSModule|TLS Module Figures}, 'the distribution\'s module has no figures' for $html, $auto;
        next;
    }
    my $before = $cache eq 'none' ? qr{ </table>\n} : qr{$head[^\0]*?$foot};
    like $html, qr{$before<hr>\n<table[^>]*>\n<tr><td[^>]*>\n<b><font[^>]*>TLS Module Figures:</font></b>\n</td></tr>\n<tr><td[^>]*>\n<span title="[^"]+">handshakes</span>: [^\0]*full TLSv1\.2 <b>1</b>[^\0]*$foot</body></html>\n\z}, "$cache: the figures, behind all else";
    like $auto, qr{^TLSModuleHandshakesFullTLSv1_2: 1\n}m, '... for programs';
    my ($tail) = $auto =~ m{^(TLSModule.*)\z}ms;
    unlike $tail, qr{^(?!TLSModule\w+: \d+$)}m, '... nothing but names and numbers' if $tail =~ /\n\z/ && chomp $tail;
    my @names = $auto =~ /^(\w+): /mg;
    my %seen;
    is_deeply [grep { $seen{$_}++ } grep { /^TLSModule/ } @names], [], '... each name once';
}
done_testing;
