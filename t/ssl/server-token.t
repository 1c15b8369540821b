# The Server header names the library, as much of it as ServerTokens allows; the start is logged with both versions.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use TestHttpd ();
use TlsClient ();

my ($library) = qx(openssl version) =~ /Library: OpenSSL ([0-9.]+)/;
my %pattern = (
    Full => qr{\AApache/2\.4\.\d+ \([^)]+\) OpenSSL/\Q$library\E\z},
    OS   => qr{\AApache/2\.4\.\d+ \([^)]+\)\z},
    Prod => qr{\AApache\z},
);
for my $tokens (sort keys %pattern) {
    my $httpd = TestHttpd->start("ServerTokens $tokens\n" . <<'END');
<VirtualHost *:@PORT@>
    SSLEngine on
    @ECDSA@
</VirtualHost>
END
    my $answer = TlsClient->new(port => $httpd->port)->handshake->get('/1k.bin');
    like $answer->{headers}{server}, $pattern{$tokens}, "ServerTokens $tokens";
    like $httpd->error_log, qr{ssl:info.*AH01876: mod_ssl/2\.4\.\d+ compiled against Server: Apache/2\.4\.\d+, Library: OpenSSL/[0-9.]+}, '... the line in the log';
}
done_testing;
