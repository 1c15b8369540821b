# The session cache on the page of mod_status.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use TestHttpd ();
use TlsClient ();

sub page {
    my ($cache, $query) = @_;
    my $httpd = TestHttpd->start("SSLSessionCache $cache\n" . <<'END');
<Location /server-status>
    SetHandler server-status
</Location>
<VirtualHost *:@PORT@>
    SSLEngine on
    @ECDSA@
</VirtualHost>
END
    return TlsClient->new(port => $httpd->port)->handshake->get("/server-status$query")->{body};
}

my $html = page('shmcb', '');
like $html, qr{<hr>\n<table cellspacing=0 cellpadding=0>\n<tr><td bgcolor="#000000">\n<b><font color="#ffffff" face="Arial,Helvetica">SSL/TLS Session Cache Status:</font></b>\r</td></tr>\n<tr><td bgcolor="#ffffff">\n}, 'the head of the block';
like $html, qr{cache type: <b>SHMCB</b>}, '... the figures of the provider';
like page('shmcb', '?auto'), qr{^TLSSessionCacheStatus\nCacheType: SHMCB\nCacheSharedMemory: \d+\n}m, '... for programs';
unlike page('none', ''), qr{Session Cache Status}, 'without a cache there is no block';
done_testing;
