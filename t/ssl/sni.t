# Which virtual host's certificate a name gets.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use TestHttpd ();
use TlsClient ();

sub vhost {
    my ($where, $name, $more) = @_;
    return <<"END";
<VirtualHost $where>
    ServerName $name.example.test
    $more
    SSLEngine on
    SSLCertificateFile    \@CERTS@/$name.pem
    SSLCertificateKeyFile \@CERTS@/$name.key
    Header always set Vhost "$name"
</VirtualHost>
END
}

my $httpd = TestHttpd->start(join '',
    vhost('*:@PORT@', 'alpha', 'ServerAlias www.alpha.example.test'),
    vhost('*:@PORT@', 'beta',  ''),
    vhost('*:@PORT@', 'wild',  'ServerAlias *.wild.example.test'),
    # IP-based: one host for each address.
    "Listen 127.0.0.2:\@PORT2@\n",
    vhost('127.0.0.1:@PORT2@', 'beta', ''),
    vhost('127.0.0.2:@PORT2@', 'wild', ''),
);

my @table = (
    # name sent                        the host it gets   what the log says
    ['alpha.example.test',             'alpha',           'found'],
    ['www.alpha.example.test',         'alpha',           'found'],
    ['beta.example.test',              'beta',            'found'],
    ['BETA.Example.TEST',              'beta',            'found'],
    ['wild.example.test',              'wild',            'found'],
    ['a.wild.example.test',            'wild',            'found'],
    ['a.b.wild.example.test',          'wild',            'found'],
    ['A.WILD.example.test',            'wild',            'found'],
    ['beta.example.test.',             'alpha',           'default'],
    ['eta.example.test',               'alpha',           'default'],
    ['xbeta.example.test',             'alpha',           'default'],
    ['unknown.example.test',           'alpha',           'default'],
    [undef,                            'alpha',           'none'],
);
my %log_line = (
    found   => 'AH02043: SSL virtual host for servername %s found',
    default => 'AH02044: No matching SSL virtual host for servername %s found (using default/first virtual host)',
    none    => 'AH02645: Server name not provided via TLS extension (using default/first virtual host)',
);
for my $version ('1.2', '1.3') {
    for my $row (@table) {
        my ($name, $vhost, $log) = @$row;
        my $shown  = $name // 'no name';
        my $before = length $httpd->error_log;
        my $client = TlsClient->new(port => $httpd->port, sni => $name, version => $version)->handshake;
        is $client->common_name, "$vhost.example.test", "TLS $version: $shown gets the certificate of $vhost";
        my $answer = $client->get('/1k.bin', Host => $name // 'alpha.example.test');
        if ($shown =~ /\.$/) {
            # A final dot matters to SNI, which compares as sent, but not to Host: two hosts with other certificates.
            is $answer->{status}, 421, '... and is told to connect anew';
        }
        else {
            is $answer->{status}, 200, '... and is served';
            is $answer->{headers}{vhost}, $vhost, "... by $vhost";
        }
        my $line = $log_line{$log} =~ s/%s/$shown/r;
        $httpd->wait_for(sub { index(substr($httpd->error_log, $before), $line) >= 0 }, $line);
    }
}

for my $row (['127.0.0.1', 'beta'], ['127.0.0.2', 'wild']) {
    my ($address, $vhost) = @$row;
    for my $name (undef, 'beta.example.test', 'wild.example.test') {
        my $client = TlsClient->new(port => $httpd->port(2), address => $address, sni => $name)->handshake;
        is $client->common_name, "$vhost.example.test", "$address with " . ($name // 'no name') . " gets the certificate of $vhost";
    }
}
done_testing;
