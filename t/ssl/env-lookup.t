# The variables without any SSLOptions: in logs, in mod_headers, in mod_rewrite and in expressions.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use TestHttpd ();
use TlsClient ();

my @names = qw(HTTPS SSL_PROTOCOL SSL_CIPHER SSL_CIPHER_USEKEYSIZE SSL_CIPHER_EXPORT SSL_TLS_SNI SSL_SESSION_RESUMED SSL_COMPRESS_METHOD SSL_SECURE_RENEG
    SSL_VERSION_INTERFACE SSL_VERSION_LIBRARY SSL_SERVER_M_SERIAL SSL_SERVER_S_DN SSL_SERVER_S_DN_O SSL_SERVER_S_DN_OU SSL_SERVER_S_DN_OU_1
    SSL_SERVER_S_DN_OU_01 SSL_SERVER_S_DN_O_RAW SSL_SERVER_S_DN_SP SSL_SERVER_I_DN_CN SSL_SERVER_SAN_DNS_2 SSL_SERVER_A_KEY SSL_SERVER_S_DN_OU_9
    SSL_SERVER_NOTHING SSL_NOTHING SSL_CLIENT_S_DN SSL_CLIENT_VERIFY ssl_protocol ssl_server_s_dn SSL_SERVER_s_dn);

# What needs a request or nothing at all: found by the full lookup, not by the variables of expressions.
my @others = qw(REQUEST_METHOD request_method SERVER_NAME REQUEST_SCHEME THE_REQUEST HTTP_HOST HTTP_NOTHING API_VERSION ENV:MARK REMOTE_ADDR QUERY_STRING);

my $separator = '|';
my $log       = join $separator, map { "%{$_}x" } @names, @others;
my $legacy    = join $separator, map { "%{$_}c" } qw(version cipher subjectdn issuerdn clientcert cacert errcode errstr nothing);
my $headers   = '';
my $number    = 0;
for my $name (@names, @others) {
    $number++;
    $headers .= "Header set H$number \"[%{$name}s]\"\n";
    $headers .= "Header set E$number \"expr=[%{$name}]\"\n" if $name =~ /^(?:SSL_|HTTPS$|ssl_)/;
    $headers .= "Header set L$number \"expr=[%{SSL:$name}]\"\n";
    $headers .= "RewriteRule .* - [E=R$number:%{SSL:$name}]\nHeader set R$number \"[%{R$number}e]\"\n";
}
my $common = <<"END";
RewriteEngine on
RewriteRule .* - [E=HTTPS_SEEN:%{HTTPS}]
Header set Https-Seen "%{HTTPS_SEEN}e"
SetEnvIf Request_URI . MARK=marked
Header set Function "expr=%{reqenv:MARK} %{SSL:SSL_PROTOCOL}"
$headers
END
my $httpd = TestHttpd->start(<<"END");
LogFormat "$log" variables
LogFormat "$legacy" legacy
CustomLog logs/variables variables
CustomLog logs/legacy legacy
<VirtualHost *:\@PORT@>
    ServerName names.example.test
    SSLEngine on
    SSLCertificateFile    \@CERTS@/names.pem
    SSLCertificateKeyFile \@CERTS@/names.key
    $common
</VirtualHost>
<VirtualHost *:\@PORT2@>
    ServerName names.example.test
    $common
</VirtualHost>
END

my ($httpd_version)   = qx(${\ TestHttpd::httpd()} -v) =~ m{Apache/([0-9.]+)};
my ($library_version) = qx(openssl version) =~ /Library: OpenSSL ([0-9.]+)/;
my %tls = (
    HTTPS                 => 'on',
    SSL_PROTOCOL          => 'TLSv1.2',
    SSL_CIPHER            => 'ECDHE-RSA-AES128-GCM-SHA256',
    SSL_CIPHER_USEKEYSIZE => 128,
    SSL_CIPHER_EXPORT     => 'false',
    SSL_TLS_SNI           => 'names.example.test',
    SSL_SESSION_RESUMED   => 'Initial',
    SSL_COMPRESS_METHOD   => 'NULL',
    SSL_SECURE_RENEG      => 'true',
    SSL_VERSION_INTERFACE => "mod_ssl/$httpd_version",
    SSL_VERSION_LIBRARY   => "OpenSSL/$library_version",
    SSL_SERVER_M_SERIAL   => '0ABCDEF0123456789ABCDEF0123456789A',
    SSL_SERVER_S_DN       => 'emailAddress=admin@example.test,CN=names.example.test,OU=Unit Two,OU=Unit One,O=Acme\\, Inc. \\+ Söhne\\; \\"Q\\" \\<x\\> \\\\,L=Frankfurt,ST=Hessen,C=DE',
    SSL_SERVER_S_DN_O     => 'Acme, Inc. + Söhne; "Q" <x> \\\\',
    SSL_SERVER_S_DN_O_RAW => "Acme, Inc. + S\xf6hne; \"Q\" <x> \\\\",    # one byte for a letter of Latin-1
    SSL_SERVER_S_DN_OU    => 'Unit One',
    SSL_SERVER_S_DN_OU_1  => 'Unit Two',
    SSL_SERVER_S_DN_OU_01 => 'Unit Two',
    SSL_SERVER_S_DN_SP    => 'Hessen',
    SSL_SERVER_I_DN_CN    => 'Demonstration intermediate',
    SSL_SERVER_SAN_DNS_2  => '*.names.example.test',
    SSL_SERVER_A_KEY      => 'rsaEncryption',
    SSL_CLIENT_VERIFY     => 'NONE',
    ssl_protocol          => 'TLSv1.2',
);
my %always = (
    REQUEST_METHOD => 'GET',
    request_method => 'GET',
    SERVER_NAME    => 'names.example.test',
    THE_REQUEST    => 'GET /1k.bin?a=b HTTP/1.1',
    HTTP_HOST      => 'names.example.test',
    API_VERSION    => '20120211',
    'ENV:MARK'     => 'marked',
    REMOTE_ADDR    => '127.0.0.1',
    QUERY_STRING   => 'a=b',
);
my %plain = (HTTPS => 'off', map { $_ => $tls{$_} } qw(SSL_VERSION_INTERFACE SSL_VERSION_LIBRARY));

# As the log shows it: backslash and quote escaped, bytes that are not ASCII as \xHH.
sub escaped { my ($text) = @_; $text =~ s/(["\\])/\\$1/g; $text =~ s/([^ -~])/sprintf '\\x%02x', ord $1/ge; return $text }

sub check {
    my ($what, $answer, $before, $expected) = @_;
    is $answer->{status}, 200, "$what: answered";
    my $number = 0;
    my @logged;
    for my $name (@names, @others) {
        $number++;
        my $value  = $expected->{$name} // '';
        my $header = $answer->{headers};
        is $header->{"h$number"}, '[' . (length $value ? $value : '(null)') . ']', "$what: %{$name}s in mod_headers";
        is $header->{"l$number"}, "[$value]", "$what: %{SSL:$name} in an expression";
        is $header->{"r$number"}, "[$value]", "$what: %{SSL:$name} in mod_rewrite";
        if (exists $header->{"e$number"}) {
            # The direct form knows only what belongs to a TLS connection.
            my $direct = $name =~ /^SSL_VERSION/ && !$expected->{SSL_PROTOCOL} ? '' : $value;
            is $header->{"e$number"}, "[$direct]", "$what: %{$name} in an expression";
        }
        push @logged, length $value ? escaped($value) : '-';
    }
    is $answer->{headers}{'https-seen'}, $expected->{HTTPS}, "$what: %{HTTPS} in mod_rewrite";
    $httpd->wait_for(sub { substr($httpd->access_log('variables'), $before) =~ /\n/ }, 'a line in the log');
    my $line = substr $httpd->access_log('variables'), $before;
    chomp $line;
    my @got = split /\Q$separator\E/, $line, -1;
    is $got[$_], $logged[$_], "$what: %{" . ((@names, @others)[$_]) . '}x in a log' for 0 .. $#logged;
}

my $client = TlsClient->new(port => $httpd->port, sni => 'names.example.test', version => '1.2', ciphers => $tls{SSL_CIPHER})->handshake;
check('TLS', $client->get('/1k.bin?a=b', Host => 'names.example.test'), 0, {%tls, %always, REQUEST_SCHEME => 'https'});
is $httpd->access_log('legacy'), "TLSv1.2|ECDHE-RSA-AES128-GCM-SHA256|-|-|-|-|-|-|-\n", '%{..}c in a log';

# Without TLS, by a client that can speak it: the same helper, sent in clear.
my $before = length $httpd->access_log('variables');
my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $httpd->port(2)) or die "connect: $!";
print {$socket} TlsClient::request_text('GET', '/1k.bin?a=b', Host => 'names.example.test', Connection => 'close');
my $text   = do { local $/; <$socket> };
my %header = map { lc($_->[0]) => $_->[1] } map { [/^([\w-]+): (.*?)\r?$/] } grep { /^[\w-]+: / } split /\n/, $text =~ s/\r\n\r\n.*//sr;
my ($status) = $text =~ m{\AHTTP/1\.1 (\d+)};
check('plain', {status => $status, headers => \%header}, $before, {%plain, %always, REQUEST_SCHEME => 'http'});
done_testing;
