# Backends that mean no good: flights that are cut, changed, sent twice or followed by nonsense, answers that nobody has asked for.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use Backend ();
use ClientPki ();
use Curl ();
use Digest::SHA ();
use TestHttpd ();

my $stock = TestHttpd::stock();
my $pki   = ClientPki->new;
$pki->root('root');
$pki->issue('server', by => 'root', eku => 'serverAuth', san => 'DNS:*.test');
my %backend = map { $_ => Backend->hostile('--cert', $pki->combined('server'), '--version', $_) } '1.2', '1.3';
$backend{tickets} = Backend->hostile('--cert', $pki->combined('server'), '--version', '1.3', '--tickets', 2000);
my $trust = "SSLProxyEngine on\nSSLProxyVerify require\nSSLProxyCACertificateFile " . $pki->file('root') . "\nProxyPreserveHost on";
my @kinds = sort keys %backend;
my %at    = map { $kinds[$_] => $_ + 1 } 0 .. $#kinds;
$pki->issue('elsewhere', by => 'root', eku => 'serverAuth', san => 'DNS:elsewhere.example');
$pki->root('stranger');
$pki->issue('foreign', by => 'stranger', eku => 'serverAuth', san => 'DNS:*.test');
my %again = map { $_ => Backend->renegotiating($pki->combined('server'), $pki->combined($_)) } qw(elsewhere foreign);
$at{again} = 2 * @kinds + 1;
my $again = join '', map { "ProxyPass /$_ https://localhost:" . $again{$_}->port . "/ disablereuse=on\n" } keys %again;    # which serve one connection after the other
$again = "<VirtualHost *:\@PORT$at{again}\@>\nServerName again\n$trust\n$again</VirtualHost>\n";
my $httpd = TestHttpd->start(TestHttpd::load_also(qw(proxy proxy_http)) . $again . join '', map { my $port = $backend{$_}->port; <<"END" } @kinds);
<VirtualHost *:\@PORT$at{$_}\@>
    ServerName $_
    $trust
    ProxyPass /once https://localhost:$port/ disablereuse=on timeout=20
    # Another name, so that mod_proxy keeps the settings apart.
    ProxyPass /soon https://127.0.0.1:$port/ disablereuse=on timeout=1
</VirtualHost>
<VirtualHost *:\@PORT${\ ($at{$_} + @kinds)}\@>
    ServerName $_-kept
    $trust
    ProxyPass / https://localhost:$port/
</VirtualHost>
END
my $refused = $stock ? 500 : 502;

sub ask { my ($kind, $path, $how) = @_; return Curl::get('http://127.0.0.1:' . $httpd->port($at{$kind} + ($path eq '/kept' ? @kinds : 0)) . $path, '-H', "Host: $how.test") }

for my $version ('1.2', '1.3') {
    my $backend = $backend{$version};
    # How long the first flight is: one cut at its first byte says so.
    is ask($version, '/once', 'cut-0')->{status}, $refused, "TLS $version: closed after the ClientHello";
    my ($length) = $backend->said =~ /^cut 0 of (\d+)$/m or BAIL_OUT 'the backend has said nothing';
    $length -= 8;    # signatures are not all of the same length
    my (%cut, %flip);
    for (my $place = 1; $place < $length; $place += $place < 8 ? 1 : 41) {
        $cut{ask($version, '/once', "cut-$place")->{status}}++;
        my $answer = ask($version, '/soon', "flip-$place");
        $flip{$answer->{status} == 200 && $answer->{body} ne 'right' ? 'wrong' : $answer->{status}}++;
    }
    is_deeply [keys %cut], [$refused], "TLS $version: a flight that is cut anywhere, " . (values %cut)[0] . ' places';
    ok !(grep { !/^(?:200|$refused)$/ } keys %flip), "TLS $version: a wrong bit anywhere" or diag explain \%flip;
    cmp_ok $flip{200} // 0, '<', 6, '... which hardly any survives, outside of what is protected';
    is ask($version, '/soon', "hang-$_")->{status}, $refused, "TLS $version: silence after $_ bytes" for 3, int $length / 2, $length;
    for my $how (qw(twice junk text)) {
        my $status = ask($version, '/once', $how)->{status};
        like $status, qr/^(?:502|$refused)$/, "TLS $version: $how: $status";
    }
    is $backend->said =~ /^request .*(?:cut|hang)/m ? 1 : 0, 0, '... and none of these gets the request';

    # Answers that nobody has asked for.
    for my $how (qw(extra later)) {
        for my $time (1 .. 4) {
            my $answer = ask($version, '/kept', $how);
            is $answer->{body}, 'right', "TLS $version: two answers to one request ($how), request $time";
            $backend->wait_for(qr/(?:^later sent\n.*?){$time}/ms) if $how eq 'later';
        }
    }
}
# --- Another handshake on the connection ----------------------------------------------------------------------------------
my $url    = 'http://127.0.0.1:' . $httpd->port($at{again});
my @host   = ('-H', 'Host: a.test');
my $nobody = Digest::SHA::sha256_hex('');
is Curl::get("$url/elsewhere/same", @host)->{body}, "0 $nobody 1\n", 'another handshake with the same certificate';
{
    my $large = TestHttpd::root() . "/home/upload-$$";
    open my $file, '>:raw', $large or die "$large: $!";
    print {$file} TestHttpd::pattern(20_000_000);
    close $file or die "$large: $!";
    my $body = Curl::get("$url/elsewhere/upload", @host, '--upload-file', $large, '-H', 'Expect:')->{body};
    # Hands are shaken when the upload is over: who writes does not read.
    like $body, qr/^20000000 ${\ Digest::SHA->new(256)->addfile($large)->hexdigest} [01]$/, '... asked for in the middle of an upload, which arrives whole';
    unlink $large;
}
for my $case (['elsewhere', $stock ? 200 : 502, qr/AH02411: SSL Proxy: Peer certificate does not match for hostname a\.test/], ['foreign', 502, qr/AH02276: Certificate Verification: Error \(20\)/]) {
    my ($kind, $status, $log) = @$case;
    my $before = length $httpd->error_log;
    is Curl::status("$url/$kind/other", @host), $status, "another handshake, with a certificate that is not good for that ($kind): $status";
    like substr($httpd->error_log, $before), $log, '... and the log says why' unless $status == 200;
    is $again{$kind}->said =~ /^shaken \S*other/m ? 1 : 0, $status == 200 ? 1 : 0, '... ' . ($status == 200 ? 'it comes' : 'it does not come') . ' to its end';
}

like ask('tickets', '/once', 'many')->{status}, qr/^(?:200|502)$/, 'two thousand tickets';
is ask('1.3', '/once', 'honest')->{body}, 'right', 'an honest backend';
unlike $httpd->error_log, qr/panicked/, 'nothing panicked';
done_testing;
