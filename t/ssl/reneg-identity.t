# What requests see of the client when its certificate comes, or changes, in the middle of a connection: never what it was
# before, and nothing of what was not found good. Revocation counts as in the first handshake.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use ClientPki ();
use Responder ();
use TestHttpd ();
use TlsClient ();

my $ours = !TestHttpd::stock();
my $pki  = ClientPki->new;
$pki->root($_) for qw(one two);
$pki->issue('mid', by => 'one', ca => 1);
my %client = (
    none    => [],
    first   => [$pki->issue('first', by => 'mid', chain => ['mid'], subject => '/O=Clients/CN=first/L=Here')],
    second  => [$pki->issue('second', by => 'one')],
    other   => [$pki->issue('other', by => 'two')],
    revoked => [$pki->issue('revoked', by => 'one')],
);
my ($ca, $crl) = ($pki->file('one'), $pki->crl('one', revoked => ['revoked']));
my $responder = Responder->start;
my $folder    = $responder->folder;

# A host that asks a responder about the certificates that a directory demands.
sub asks {
    my ($name) = @_;
    return <<"END";
<VirtualHost *:\@PORT\@>
    ServerName $name.test
    SSLEngine on
    \@ECDSA\@
    SSLCACertificateFile $folder/ca.pem
    SSLOCSPEnable on
    SSLOCSPOverrideResponder on
    SSLOCSPDefaultResponder ${\ $responder->url($name) }
    <Location />
        SSLVerifyClient require
    </Location>
</VirtualHost>
END
}

my $rules = <<'END';
    SSLOptions +StdEnvVars +ExportCertData
    <Location /deep>
        SSLVerifyClient optional
        SSLVerifyDepth 2
    </Location>
    <Location /optional>
        SSLVerifyClient optional
    </Location>
    <Location /require>
        SSLVerifyClient require
    </Location>
    <Location /lenient>
        SSLVerifyClient optional_no_ca
    </Location>
    <Location /user>
        SSLVerifyClient require
        SSLUserName SSL_CLIENT_S_DN_CN
        Require user second
    </Location>
    <Location /named>
        SSLVerifyClient require
        SSLRequire %{SSL_CLIENT_S_DN_CN} eq "second"
    </Location>
    <Location /verified>
        SSLVerifyClient optional_no_ca
        Require ssl-verify-client
    </Location>
END
my $aliases = join '', map { "    ScriptAlias /$_/ \@CGI\@/\n" } qw(deep optional require lenient user named verified);
my $hello   = $ours ? 'SSLClientHelloVars on' : '';
my $modules = TestHttpd::load_also(qw(authn_core authz_user));
my $httpd   = TestHttpd->start(<<"END");
$modules
CustomLog logs/clients "%U %{SSL_CLIENT_S_DN_CN}x %{SSL_CLIENT_VERIFY}x %>s"
<VirtualHost *:\@PORT\@>
    ServerName localhost
    SSLEngine on
    \@ECDSA\@
    SSLCACertificateFile $ca
    $hello
$aliases$rules
</VirtualHost>
<VirtualHost *:\@PORT\@>
    ServerName crl.test
    SSLEngine on
    \@ECDSA\@
    SSLCACertificateFile $ca
    SSLCARevocationFile $crl
    SSLCARevocationCheck leaf
    <Location />
        SSLVerifyClient require
    </Location>
</VirtualHost>
${\ asks('good') }${\ asks('revoked') }${\ asks('unknown') }
END

sub client {
    my ($version, $who, @more) = @_;
    return TlsClient->new(port => $httpd->port, sni => 'localhost', version => $version, ca => undef, pha => 1, @{$client{$who}}, @more)->handshake;
}

# From now on the client shows another certificate, or none.
sub become {
    my ($client, $who) = @_;
    my %file = @{$client{$who}};
    if (!%file) {
        my $empty = Net::SSLeay::CTX_new_with_method(Net::SSLeay::TLS_client_method());
        Net::SSLeay::set_SSL_CTX($client->{ssl}, $empty);
        return;
    }
    Net::SSLeay::use_certificate_chain_file($client->{ssl}, $file{cert}) or die "$file{cert}: $!";
    Net::SSLeay::use_PrivateKey_file($client->{ssl}, $file{key}, Net::SSLeay::FILETYPE_PEM()) or die "$file{key}: $!";
    return;
}

sub env {
    my ($client, $path, @more) = @_;
    my $answer = $client->get($path, @more);
    return {map { /\A(SSL_\w+|REMOTE_USER|AUTH_TYPE)=(.*)\z/s ? ($1 => $2) : () } split /\n/, $answer->{body}} if $answer->{status} == 200;
    return {status => $answer->{status}};
}

# All that a request may see of the client: who it is in each variable.
sub seen {
    my ($env) = @_;
    my %seen = map { $_ => $env->{$_} } grep { /\ASSL_CLIENT_(?!HELLO|VERIFY\z)/ && length $env->{$_} } keys %$env;
    return \%seen;
}

sub is_nobody { my ($env, $what) = @_; is_deeply [$env->{SSL_CLIENT_VERIFY}, seen($env)], ['NONE', {}], $what; return }

sub is_somebody {
    my ($env, $who, $verify, $what) = @_;
    like $env->{SSL_CLIENT_VERIFY} // "status $env->{status}", $verify, "$what: SSL_CLIENT_VERIFY";
    is $env->{SSL_CLIENT_S_DN_CN}, $who, "$what: the name";
    my $pem = TestHttpd::slurp($pki->file($who)) =~ s/\n/\\n/gr;
    is $env->{SSL_CLIENT_CERT}, $pem, "$what: the certificate";
    my @strange = grep { $_ ne $who && /\A(?:first|second|other|revoked)\z/ } map { $env->{$_} } grep { /\ASSL_CLIENT_S_/ } keys %$env;
    is "@strange", '', "$what: nothing of another client";
    return;
}

for my $version ('1.2', '1.3') {
    subtest "TLS $version: nobody, then somebody" => sub {
        my $client = client($version, 'second');
        my $before = env($client, '/cgi/env');
        is_nobody $before, 'before';
        my $after = env($client, '/require/env');
        is_somebody $after, 'second', qr/^SUCCESS$/, 'after';
        is $after->{SSL_CLIENT_I_DN_CN}, 'one', 'the issuer';
        ok $after->{SSL_CLIENT_V_REMAIN} > 0, 'days are left';
        is_somebody env($client, '/cgi/env'), 'second', qr/^SUCCESS$/, 'elsewhere on the same connection';
        is_nobody env(client($version, 'second'), '/cgi/env'), 'another connection';
        return unless $ours;
        my ($said, $still) = map { my $env = $_; join ' ', map { "$_=$env->{$_}" } sort grep { /\ASSL_CLIENTHELLO_/ } keys %$env } $before, $after;
        is $still, $said, 'the variables of the ClientHello stay those of the first one';
    };

    subtest "TLS $version: one client, then another" => sub {
        plan skip_all => 'the C module refuses a second certificate in TLS 1.3' if !$ours && $version eq '1.3';
        my $client = client($version, 'first');
        is_somebody env($client, '/deep/env'), 'first', qr/^SUCCESS$/, 'the first';
        become($client, 'second');
        is_somebody env($client, '/cgi/env'), 'first', qr/^SUCCESS$/, 'nobody has asked for another one';
        my $after = env($client, '/require/env');
        is_somebody $after, 'second', qr/^SUCCESS$/, 'the second';
        is $after->{SSL_CLIENT_S_DN_L}, undef, 'nothing of the first';
        is $after->{SSL_CLIENT_CERT_CHAIN_0}, undef, "no chain of it" if $ours;
        is_somebody env($client, '/cgi/env'), 'second', qr/^SUCCESS$/, 'and still';
        my $user = env($client, '/user/env');
        is $user->{REMOTE_USER}, 'second', 'SSLUserName';
    };

    subtest "TLS $version: one client, then nobody" => sub {
        plan skip_all => 'the C module asks less often' unless $ours;
        my $client = client($version, 'second');
        is_somebody env($client, '/deep/env'), 'second', qr/^SUCCESS$/, 'somebody';
        become($client, 'none');
        is_nobody env($client, '/optional/env'), 'nobody';
        is $client->get('/verified/env')->{status}, 403, 'Require ssl-verify-client';
        is_nobody env($client, '/cgi/env'), 'and still';
    };

    subtest "TLS $version: one client, then one that is refused" => sub {
        plan skip_all => 'the C module refuses a second certificate in TLS 1.3' if !$ours && $version eq '1.3';
        my $client = client($version, 'first');
        is_somebody env($client, '/deep/env'), 'first', qr/^SUCCESS$/, 'the first';
        become($client, 'other');
        my $env = eval { env($client, '/named/env') } // {};
        is $env->{SSL_CLIENT_S_DN_CN}, undef, 'no answer';
        is(($client->alerts)[0], 48, 'unknown_ca');
        $httpd->wait_for(sub { TestHttpd::slurp("$httpd->{root}/logs/clients") =~ m{^/named/env - - 403$}m }, 'the line of the log');
        pass 'neither the old name nor the new one is in the log';
    };

    subtest "TLS $version: nobody vouches" => sub {
        plan skip_all => 'SSL_CLIENT_VERIFY changes with the second request there' unless $ours;
        my $client = client($version, 'other');
        is_somebody env($client, '/lenient/env'), 'other', $version eq '1.2' ? qr/^GENEROUS$/ : qr/^FAILED:/, 'is taken';
        is $client->get('/verified/env')->{status}, 403, 'Require ssl-verify-client';
        become($client, 'second');
        is_somebody env($client, '/require/env'), 'second', qr/^SUCCESS$/, 'and replaced by one that somebody does vouch for';
        is $client->get('/verified/env')->{status}, 200, 'Require ssl-verify-client';
    };

    subtest "TLS $version: users" => sub {
        my $client = client($version, 'second');
        my $env = env($client, '/user/env');
        is $env->{REMOTE_USER}, 'second', 'SSLUserName knows the certificate';
        is $env->{AUTH_TYPE}, 'ClientCert';
        is client($version, 'second')->get('/named/env')->{status}, 200, 'so does SSLRequire';
        is client($version, 'second')->get('/verified/env')->{status}, 200, 'and Require ssl-verify-client';
        is client($version, 'none')->get('/verified/env')->{status}, 403, 'of nobody';
    };

    # One connection, several requests of which only some are in directories: each sees the client that there was then.
    subtest "TLS $version: the log" => sub {
        my $client = client($version, 'second');
        env($client, "/cgi/env/$version");
        env($client, "/require/env/$version");
        my $log;
        $httpd->wait_for(sub { ($log = TestHttpd::slurp("$httpd->{root}/logs/clients")) =~ m{^/require/env/\Q$version\E}m }, 'the line of the log');
        like $log, qr{^/cgi/env/\Q$version\E - NONE 200$}m,             'before';
        like $log, qr{^/require/env/\Q$version\E second SUCCESS 200$}m, 'after';
    };

    subtest "TLS $version: lists of revoked certificates" => sub {
        my $get = sub {
            my ($who) = @_;
            my $client = client($version, $who, sni => 'crl.test');
            my $answer = eval { $client->get('/1k.bin', Host => 'crl.test') };
            return $answer ? $answer->{status} : 'alert ' . (($client->alerts)[0] // 'none');
        };
        is $get->('second'),  200,        'one that is not on it';
        is $get->('revoked'), 'alert 44', 'one that is';
    };

    subtest "TLS $version: OCSP" => sub {
        for my $case (['good', 200], ['revoked', 'alert 44'], ['unknown', 'alert 40']) {
            my ($name, $expected) = @$case;
            my $before = $responder->count($name);
            my $client = TlsClient->new(port => $httpd->port, sni => "$name.test", version => $version, ca => undef, pha => 1, cert => "$folder/client.pem", key => "$folder/client.key")->handshake;
            is $responder->count($name), $before, "$name: not asked before";
            my $answer = eval { $client->get('/1k.bin', Host => "$name.test") };
            is $answer ? $answer->{status} : 'alert ' . (($client->alerts)[0] // 'none'), $expected, $name;
            cmp_ok $responder->count($name), '>', $before, "$name: asked" if $ours && $version eq '1.2';
        }
        like $httpd->error_log, qr/AH03239: OCSP validation completed, certificate status: revoked/;
    };
}
is client('1.3', 'none')->get('/1k.bin')->{status}, 200, 'the server is well';
done_testing;
