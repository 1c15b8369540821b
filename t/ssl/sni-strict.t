# SSLStrictSNIVHostCheck: who sends no name is refused where names tell hosts apart.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use TestHttpd ();
use TlsClient ();

# The two hosts have the same certificate, so that the check of SNI against Host stays out of the way.
sub pair {
    my ($port, $first, $second) = @_;
    return <<"END";
<VirtualHost *:$port>
    ServerName first.example.test
    SSLEngine on
    \@ECDSA@
    SSLStrictSNIVHostCheck $first
</VirtualHost>
<VirtualHost *:$port>
    ServerName second.example.test
    SSLEngine on
    \@ECDSA@
    SSLStrictSNIVHostCheck $second
</VirtualHost>
END
}
my $httpd = TestHttpd->start(join '', pair('@PORT@', 'on', 'off'), pair('@PORT2@', 'off', 'on'), pair('@PORT3@', 'off', 'off'), <<'END');
<VirtualHost *:@PORT4@>
    ServerName only.example.test
    SSLEngine on
    @ECDSA@
    SSLStrictSNIVHostCheck on
</VirtualHost>
END

my ($first, $second) = map { "$_.example.test" } qw(first second);
my @table = (
    # port   on in       name sent               Host      status
    [1,      'first',    undef,                  $first,   403],
    [1,      'first',    undef,                  $second,  403],
    [1,      'first',    $first,                 $first,   200],
    [1,      'first',    $second,                $second,  200],
    [1,      'first',    'unknown.example.test', $first,   200],
    [2,      'second',   undef,                  $first,   200],
    [2,      'second',   undef,                  $second,  403],
    [2,      'second',   $second,                $second,  200],
    [3,      'neither',  undef,                  $first,   200],
    [3,      'neither',  undef,                  $second,  200],
    [4,      'the only', undef,                  'only.example.test', 200],
);
for my $row (@table) {
    my ($port, $on, $name, $host, $status) = @$row;
    my $what   = "on in $on host, " . ($name // 'no name') . " in SNI, Host $host";
    my $answer = TlsClient->new(port => $httpd->port($port), sni => $name)->handshake->get('/1k.bin', Host => $host);
    is $answer->{status}, $status, "$what: $status";
    next unless $status == 403;
    like $answer->{body}, qr/Reason: The client software did not provide a hostname using Server Name Indication \(SNI\), which is required to access this server\./,
        '... with the reason on the page';
}
$httpd->wait_log(qr/ssl:info.*AH02033: No hostname was provided via SNI for a name based virtual host/);
done_testing;
