# Certificates that are shown to backends: files and folders, which one, chains, during the handshake and after it.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use Backend ();
use ClientPki ();
use Curl ();
use TestHttpd ();

my $stock = TestHttpd::stock();
my $pki   = ClientPki->new;
$pki->root($_) for qw(root clients others);
$pki->issue('server', by => 'root', eku => 'serverAuth', san => 'DNS:localhost');
$pki->issue('mid', by => 'clients', ca => 1);
$pki->issue('one', by => 'clients');
$pki->issue('rsa', by => 'clients', rsa => 1);
$pki->issue('two', by => 'mid');
$pki->issue('odd', by => 'others');
my $server = $pki->combined('server');
my %file = map { $_ => $pki->combined($_) } qw(one rsa two odd);
my $both   = $pki->write('both', join '', map { TestHttpd::slurp($file{$_}) } qw(odd rsa one two));
my $folder = File::Temp->newdir;
chmod 0755, $folder;
for my $name (qw(odd one)) {
    open my $copy, '>', "$folder/$name.any" or die "$name: $!";
    print {$copy} TestHttpd::slurp($file{$name});
    close $copy;
}
my $key_first = $pki->write('key-first', TestHttpd::slurp($pki->key('one')) . TestHttpd::slurp($pki->file('one')));

# What a backend asks for: nginx names the CAs that it believes, Python none.
my %ask = (
    clients  => 'ssl_verify_client on; ssl_verify_depth 3; ssl_client_certificate ' . $pki->file('clients'),
    others   => 'ssl_verify_client on; ssl_client_certificate ' . $pki->file('others'),
    some     => 'ssl_verify_client on; ssl_client_certificate ' . $pki->bundle('some', qw(clients others)),
    optional => 'ssl_verify_client optional; ssl_client_certificate ' . $pki->file('clients'),
    nobody   => 'ssl_verify_client off',
);
my %backend;
for my $version ('1.2', '1.3') {
    for my $kind (keys %ask) {
        $backend{"$kind $version"} = Backend->nginx("ssl_certificate $server; ssl_certificate_key $server; ssl_protocols TLSv$version; $ask{$kind}; location / { return 200 \"sees \$ssl_client_s_dn\"; }");
    }
    $backend{"unnamed $version"} = Backend->python('--cert', $server, '--min', $version, '--max', $version, '--verify', 'require', '--ca', $pki->file('clients'));
}
$backend{'later 1.3'} = Backend->python('--cert', $server, '--verify', 'later', '--ca', $pki->file('clients'));

my $machine = 'SSLProxyMachineCertificate';
my $chain   = "${machine}ChainFile " . $pki->bundle('above', 'mid', 'clients');

# Backend, settings, what it says of us (a number: the status of its refusal), what the log says.
my @table = (
    ['clients',  "${machine}File $file{one}", qr/CN=one/, qr/AH02279: found acceptable cert|AH02277: .*AH02279|found acceptable cert, sending/],
    ['clients',  "${machine}File $key_first", qr/CN=one/],
    ['clients',  "${machine}File $file{rsa}", qr/CN=rsa/],
    ['clients',  "${machine}Path $folder", qr/CN=one/],
    ['others',   "${machine}Path $folder", qr/CN=odd/],
    ['others',   "${machine}File $both", qr/CN=odd/],
    ['some',     "${machine}File $both", qr/CN=rsa/],
    ['clients',  "${machine}File $file{two}\n$chain", qr/CN=two/, qr/found acceptable cert by intermediate CA/],
    ['clients',  "${machine}File $file{odd}", 400, qr/AH02269: .* no client certificate found/],
    ['clients',  '', 400, qr/AH02268: .* downstream server wanted client certificate but none are configured/],
    ['optional', "${machine}File $file{odd}", qr/sees $/, qr/AH02269: /],
    ['optional', "${machine}File $file{one}", qr/CN=one/],
    ['optional', '', qr/sees $/],
    ['nobody',   "${machine}File $file{one}", qr/sees $/],
    ['unnamed',  "${machine}File $file{one}", qr/ one$/, qr/no acceptable CA list/],
    ['unnamed',  "${machine}File $both", 'refused'],    # the first one
    ['unnamed',  '', 'refused', qr/AH02268: /],
);
my ($number, $config) = (0, '');
my @cases;
for my $version ('1.2', '1.3') {
    for my $row (@table) {
        my $port = $backend{"$row->[0] $version"}->port;
        $number++;
        push @cases, [$version, $number, @$row];
        $config .= "<VirtualHost *:\@PORT$number\@>\nServerName front$number\nSSLProxyEngine on\n$row->[1]\nProxyPass / https://localhost:$port/\n</VirtualHost>\n";
    }
}
my $later = $number + 1;
my $port  = $backend{'later 1.3'}->port;
$config .= "<VirtualHost *:\@PORT$later\@>\nServerName later\nSSLProxyEngine on\n${machine}File $file{one}\nProxyPass / https://localhost:$port/ disablereuse=on\n</VirtualHost>\n";
my $httpd = TestHttpd->start(TestHttpd::load_also(qw(proxy proxy_http)) . $config);
for my $case (@cases) {
    my ($version, $at, $backend, $lines, $who, $log) = @$case;
    my $what   = "TLS $version: $backend: " . ($lines =~ s/\S+\/|\n/ /gr);
    my $before = length $httpd->error_log;
    my $answer = Curl::get('http://127.0.0.1:' . $httpd->port($at) . '/');
    if (ref $who) {
        is $answer->{status}, 200, "$what: 200";
        like $answer->{body}, $who, '... and the backend sees what it should';
    }
    else {
        # With TLS 1.3 the backend objects when the handshake is over for us.
        my $expected = $who eq '400' ? 400 : $version eq '1.2' && $stock ? 500 : 502;
        is $answer->{status}, $expected, "$what: $expected";
    }
    like substr($httpd->error_log, $before), $log, '... and the log says why' if $log;
}

# --- After the handshake ------------------------------------------------------------------------------------------------
my $answer = Curl::get('http://127.0.0.1:' . $httpd->port($later) . '/later');
is $answer->{status}, 200, 'asked after the handshake: 200';
like $answer->{body}, qr/ one$/m, '... and the backend sees the certificate';
unlike $httpd->error_log, qr/panicked/, 'nothing panicked';
$httpd->stop;

# --- Start-up -----------------------------------------------------------------------------------------------------------
my $encrypted = do {
    $pki->_openssl('pkey', '-in', $pki->key('one'), '-aes128', '-passout', 'pass:x', '-out', 'locked.key');
    $pki->write('locked', TestHttpd::slurp($pki->file('one')) . TestHttpd::slurp($pki->key('locked')));
};
my $wrong = $pki->write('wrong', TestHttpd::slurp($pki->file('one')) . TestHttpd::slurp($pki->key('two')));
for my $row (
    ["${machine}File $encrypted", qr/AH02252: incomplete client cert configured for SSL proxy \(missing or encrypted private key\?\)/],
    ["${machine}File $wrong", qr/AH02326: proxy client certificate and private key do not match/],
    ["${machine}File " . $pki->key('one'), qr/AH02326: proxy client certificate and private key do not match/],
) {
    my ($lines, $log) = @$row;
    for my $place ('host', 'section') {
        my $settings = $place eq 'host' ? "SSLProxyEngine on\n$lines" : "<Proxy \"https://localhost:1/\">\nSSLProxyEngine on\n$lines\n</Proxy>";
        my $refused  = TestHttpd->new(TestHttpd::load_also(qw(proxy proxy_http)) . "$settings\n<VirtualHost *:\@PORT@>\n</VirtualHost>\n");
        is $refused->try_start, 'exit 1', "$place: " . ($lines =~ s/\S+\///gr) . ': the server does not start';
        like $refused->error_log . $refused->output, $log, '... and says why';
        like $refused->error_log, qr/the settings of <Proxy "https:\/\/localhost:1\/"> \(\S+:\d+\) cannot be used/, '... and where' if $place eq 'section' && !$stock;
    }
}
my $warned = TestHttpd->start(TestHttpd::load_also(qw(proxy proxy_http)) . "SSLProxyEngine on\n${machine}File $file{two}\n${machine}ChainFile " . $pki->file('others') . "\n<VirtualHost *:\@PORT@>\n</VirtualHost>\n");
like $warned->error_log, qr/ssl:warn.*AH02270: SSL proxy client cert chain verification failed: /, 'a chain that is not one: a warning';
like $warned->error_log, qr/ssl:debug.*AH02207: loaded 1 client certs for SSL proxy/, '... and what was loaded';
done_testing;
