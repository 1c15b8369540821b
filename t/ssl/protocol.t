# SSLProtocol: the versions a server then speaks.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use TestHttpd ();
use TlsClient ();

# TLS 1.0 and 1.1 need a lower security level of the library.
my $low   = 'SSLCipherSuite ALL:@SECLEVEL=0';
my @table = (
    # directives                                   versions
    ['',                                           ['1.2', '1.3']],
    ['SSLProtocol all -SSLv3',                     ['1.2', '1.3']],
    ['SSLProtocol all',                            ['1.2', '1.3']],
    [$low,                                         ['1.0', '1.1', '1.2', '1.3']],
    ["SSLProtocol TLSv1.2",                        ['1.2']],
    ["SSLProtocol TLSv1.3",                        ['1.3']],
    ["SSLProtocol TLSv1.2 +TLSv1.3",               ['1.2', '1.3']],
    ["SSLProtocol TLSv1.2 TLSv1.3",                ['1.3']],
    ["SSLProtocol -all +TLSv1.2",                  ['1.2']],
    ["SSLProtocol all -TLSv1.3\n$low",             ['1.0', '1.1', '1.2']],
    ["SSLProtocol all -TLSv1\n$low",               ['1.1', '1.2', '1.3']],
    ["SSLProtocol TLSv1.1\n$low",                  ['1.1']],
    # A gap cuts off what is below it.
    ["SSLProtocol TLSv1.1 +TLSv1.3\n$low",         ['1.3']],
    ["SSLProtocol all -TLSv1.2\n$low",             ['1.3']],
    # The last line of a host counts.
    ["SSLProtocol TLSv1.3\nSSLProtocol TLSv1.2",   ['1.2']],
);
my $config = '';
for my $index (0 .. $#table) {
    my $port = '@PORT' . ($index + 1) . '@';
    $config .= "<VirtualHost *:$port>\nServerName localhost\nSSLEngine on\n\@RSA@\n$table[$index][0]\n</VirtualHost>\n";
}
# A host takes over what is set before all hosts, as a whole.
$config .= <<'END';
SSLProtocol TLSv1.3
<VirtualHost *:@PORT30@>
    SSLEngine on
    @RSA@
</VirtualHost>
<VirtualHost *:@PORT31@>
    SSLEngine on
    @RSA@
    SSLProtocol +TLSv1.2
</VirtualHost>
END
my $global = $config =~ s/\A(.*?)^SSLProtocol TLSv1\.3\n(<VirtualHost \*:\@PORT30.*)\z/$1/sm ? "SSLProtocol TLSv1.3\n$2" : die;

sub speaks {
    my ($port, $version) = @_;
    my $client = TlsClient->new(port => $port, version => $version);
    return 0 if $client->handshake_error;
    return $client->get('/1k.bin')->{status} == 200 ? 1 : 0;
}

my $httpd = TestHttpd->start($config);
for my $index (0 .. $#table) {
    my ($directives, $versions) = @{$table[$index]};
    my @spoken = grep { speaks($httpd->port($index + 1), $_) } '1.0', '1.1', '1.2', '1.3';
    is_deeply \@spoken, $versions, ($directives =~ s/\n/; /gr || 'nothing set') . ": @$versions";
}
$httpd = TestHttpd->start($global);
is_deeply [grep { speaks($httpd->port(30), $_) } '1.2', '1.3'], ['1.3'], 'inherited';
is_deeply [grep { speaks($httpd->port(31), $_) } '1.2', '1.3'], ['1.2'], 'replaced as a whole, in spite of the plus sign';
done_testing;
