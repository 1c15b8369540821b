# OCSP responses that mod_md fetches (MDStapling) for a certificate of the configuration.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use IO::Select ();
use IO::Socket::INET ();
use POSIX ();
use TestHttpd ();

my $mod_md = TestHttpd::apxs('LIBEXECDIR') . '/mod_md.so';
plan skip_all => 'mod_md is not there: install libapache2-mod-md or a newer apache2-bin' unless -e $mod_md;

my $certs   = TestHttpd::certs();
my $scratch = TestHttpd::root() . "/home/md-stapling-$$";
mkdir $scratch or die "$scratch: $!";

sub run { my (@command) = @_; system("cd $scratch && @command >log 2>&1") == 0 or die "@command:\n", TestHttpd::slurp("$scratch/log"); return }
sub put { my ($name, $text) = @_; open my $file, '>', "$scratch/$name" or die "$name: $!"; print {$file} $text; close $file or die "$name: $!"; return }

# A certificate that says where its responder is, and the response.
my $responder = IO::Socket::INET->new(Listen => 5, LocalAddr => '127.0.0.1', LocalPort => 0) or die "listen: $!";
my $url       = 'http://127.0.0.1:' . $responder->sockport . '/';
put('ext', "subjectAltName = DNS:localhost\nauthorityInfoAccess = OCSP;URI:$url\n");
put('index', "V\t401231235959Z\t\t0ABC\tunknown\t/CN=localhost\n");
my @issuer = ('-CA', "$certs/intermediate.pem");
run("openssl req -new -newkey rsa:2048 -nodes -keyout key -subj /CN=localhost -out csr");
run("openssl x509 -req -in csr @issuer -CAkey $certs/intermediate.key -set_serial 0x0ABC -days 30 -extfile ext -out leaf");
put('cert', TestHttpd::slurp("$scratch/leaf") . TestHttpd::slurp("$certs/intermediate.pem"));
run("openssl ocsp -no_nonce -issuer $certs/intermediate.pem -cert leaf -reqout request");    # mod_md sends a nonce of its own, and may do without an answer to it
run("openssl ocsp -index index @issuer -rsigner $certs/intermediate.pem -rkey $certs/intermediate.key -ndays 1 -reqin request -respout response");

# The responder: the same response to everybody.
my $main  = $$;
my $child = fork // die "fork: $!";
if (!$child) {
    my $response = TestHttpd::slurp("$scratch/response");
    local $SIG{PIPE} = 'IGNORE';
    while (getppid == $main) {
        IO::Select->new($responder)->can_read(1) or next;
        my $client = $responder->accept or next;
        my $request = '';
        while (IO::Select->new($client)->can_read(TestHttpd::PATIENCE)) {
            sysread($client, $request, 65_536, length $request) or last;
            last if $request =~ /\r\n\r\n(.*)\z/s && length $1 >= ($request =~ /^Content-Length: (\d+)/mi ? $1 : 0);
        }
        print {$client} "HTTP/1.1 200 OK\r\nContent-Type: application/ocsp-response\r\nConnection: close\r\nContent-Length: ", length $response, "\r\n\r\n", $response;
        close $client;
    }
    POSIX::_exit(0);
}
END {
    if ($child && $$ == $main) {
        my $status = $?;
        kill TERM => $child;
        waitpid $child, 0;
        $? = $status;
    }
}

my $httpd = TestHttpd->start(<<"END", log_level => 'info ssl:debug md:debug');
LoadModule md_module $mod_md
MDStoreDir "\@ROOT@/md"
MDStapling on
<VirtualHost *:\@PORT@>
    ServerName localhost
    SSLEngine on
    SSLCertificateFile $scratch/cert
    SSLCertificateKeyFile $scratch/key
</VirtualHost>
END
like $httpd->error_log, qr/ssl:debug.*AH10177: OCSP stapling added via hook$/m, 'mod_md takes the certificate';

sub stapled {
    my ($version) = @_;
    return qx(openssl s_client -connect 127.0.0.1:${\ $httpd->port} -servername localhost -$version -status -CAfile $certs/root.pem </dev/null 2>&1);
}
$httpd->wait_for(sub { stapled('tls1_3') =~ /OCSP Response Status: successful/ }, 'a response');
for my $version (qw(tls1_2 tls1_3)) {
    my $text = stapled($version);
    like $text, qr/Cert Status: good/, "$version: the response is stapled";
    like $text, qr/Serial Number: 0ABC/, '... and is that of the certificate';
    like $text, qr/Verif(?:ication: OK|y return code: 0)/, '... to a handshake that works';
}
$httpd->graceful;
$httpd->wait_for(sub { stapled('tls1_3') =~ /Cert Status: good/ }, 'a response after the restart');
pass 'after a restart';
done_testing;
