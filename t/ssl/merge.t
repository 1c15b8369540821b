# What a host makes of the main server's lines, and a directory of the host's: lists of certificates, and options.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use File::Path qw(make_path);
use TestHttpd ();
use TlsClient ();

# --- Lists of certificates and keys ---------------------------------------------------------------------------------
# A host's first three take the places of the main server's, the others are appended. -t -DDUMP_CERTS shows it, without
# looking into the files.
my $files = TestHttpd::root() . '/files';
make_path($files);
for my $name (map { ("g$_", "v$_") } 1 .. 5) {
    open my $file, '>', "$files/$name" or die "$name: $!";
    print {$file} "$name\n";
    close $file;
}
sub lines { my ($prefix, $count) = @_; return join '', map { "SSLCertificateFile $files/$prefix$_\n" } 1 .. $count }

for my $main (0 .. 5) {
    my $httpd = TestHttpd->new(lines('g', $main) . join '', map { "<VirtualHost *:700$_>\nServerName host-$_\nSSLEngine off\n" . lines('v', $_) . "</VirtualHost>\n" } 0 .. 5);
    my @expected = map { "g$_" } 1 .. $main;
    for my $host (reverse 0 .. 5) {    # hosts come from the last to the first
        my $replaced = $host < 3 ? $host : 3;
        push @expected, (map { "v$_" } 1 .. $replaced), (map { "g$_" } $replaced + 1 .. $main), map { "v$_" } 4 .. $host;
    }
    for my $command ('-t', '-S') {
        my ($status, $output) = $httpd->command($command, '-DDUMP_CERTS');
        is $status, 0, "$main of the main server: $command -DDUMP_CERTS";
        like $output, qr/^Server certificates:\n/m, '... with a headline';
        is_deeply [$output =~ m{^  \Q$files\E/(\w+)$}mg], \@expected, '... in their order';
    }
    my ($status, $output) = $httpd->command('-t');
    unlike $output, qr/Server certificates/, '... not without the define';
    like $output, qr/^Syntax OK$/m, '... nor are they looked into';
}

# --- Options --------------------------------------------------------------------------------------------------------
# A model of the rules: a section has a value, and what its lines add and take away as long as all of them have a sign.
sub section {
    my ($line) = @_;
    my %section = (value => {}, add => {}, remove => {}, relative => 1);
    for (split ' ', $line) {
        my ($sign, $word) = /^([+-]?)(.*)$/;
        if ($sign eq '+')    { delete $section{remove}{$word}; $section{add}{$word} = $section{value}{$word} = 1 }
        elsif ($sign eq '-') { delete $section{$_}{$word} for qw(value add); $section{remove}{$word} = 1 }
        else                 { %section = (value => {$word => 1}, add => {$word => 1}, remove => {}, relative => 0) }
    }
    return \%section;
}

sub inside {
    my ($outer, $inner) = @_;
    return $inner unless $inner->{relative};
    my ($add, $remove) = ({%{$outer->{add}}, %{$inner->{add}}}, {%{$outer->{remove}}, %{$inner->{remove}}});
    delete @$add{keys %{$inner->{remove}}};
    delete @$remove{keys %{$inner->{add}}};
    my $value = {%{$outer->{value}}};
    delete @$value{keys %$remove};
    return {value => {%$value, %$add}, add => $add, remove => $remove, relative => $outer->{relative}};
}

my @hosts = ('', '+StdEnvVars', '+ExportCertData', 'ExportCertData', '-StdEnvVars', 'StdEnvVars ExportCertData', 'StdEnvVars +ExportCertData');
my @inner = ('', '+ExportCertData', 'ExportCertData', '-StdEnvVars', '+StdEnvVars -ExportCertData');
for my $main ('', '+StdEnvVars', 'ExportCertData', '+StdEnvVars -ExportCertData') {
    my $config = $main ? "SSLOptions $main\n" : '';
    my $number = 0;
    for my $host (@hosts) {
        $number++;
        $config .= "<VirtualHost *:\@PORT$number@>\nServerName localhost\nSSLEngine on\n\@ECDSA@\n" . ($host ? "SSLOptions $host\n" : '')
            . join('', map { "ScriptAlias /cgi-$_/ \"\@CGI@/\"\n" . ($inner[$_] ? "<Location /cgi-$_/>\nSSLOptions $inner[$_]\n</Location>\n" : '') } 0 .. $#inner) . "</VirtualHost>\n";
    }
    my $httpd = TestHttpd->start($config);
    for my $index (0 .. $#hosts) {
        my $client = TlsClient->new(port => $httpd->port($index + 1), sni => 'localhost')->handshake;
        for my $place (0 .. $#inner) {
            my $body     = $client->get("/cgi-$place/env")->{body};
            my %seen     = (StdEnvVars => $body =~ /^SSL_PROTOCOL=/m ? 1 : 0, ExportCertData => $body =~ /^SSL_SERVER_CERT=/m ? 1 : 0);
            my $expected = inside(inside(section($main), section($hosts[$index])), section($inner[$place]))->{value};
            is_deeply \%seen, {map { $_ => $expected->{$_} // 0 } keys %seen}, "main server '$main', host '$hosts[$index]', location '$inner[$place]'";
        }
    }
    $httpd->stop;
}

# --- .htaccess ------------------------------------------------------------------------------------------------------
# Which directives a file below may hold, by AllowOverride.
my @directives = (
    'SSLOptions +StdEnvVars', 'SSLEngine on', 'SSLProtocol all', "SSLCertificateFile $files/g1", "SSLCertificateKeyFile $files/g1", "SSLCertificateChainFile $files/g1",
    'SSLHonorCipherOrder on', 'SSLSessionTickets off', 'SSLSessionCacheTimeout 1', 'SSLSessionCache none', 'SSLRandomSeed startup builtin', 'SSLFIPS off', 'SSLCryptoDevice builtin',
    'SSLVHostSNIPolicy secure', 'SSLStrictSNIVHostCheck on', 'SSLOpenSSLConfCmd Groups P-256', 'SSLInsecureRenegotiation off', 'SSLCompression off', "SSLSessionTicketKeyFile $files/g1",
);
my $httpd = TestHttpd->new('');
my $conf  = '';
for my $index (0 .. $#directives) {
    for my $override (qw(Options AuthConfig None)) {
        my $folder = "$httpd->{root}/$override-$index";
        make_path($folder);
        for my $page (['.htaccess', "$directives[$index]\n"], ['page.shtml', '<!--#echo var="SSL_PROTOCOL" -->']) {
            open my $file, '>', "$folder/$page->[0]" or die "$page->[0]: $!";
            print {$file} $page->[1];
            close $file;
        }
        $conf .= "Alias /$override-$index \"$folder\"\n<Directory \"$folder\">\nOptions +Includes\nAddOutputFilter INCLUDES .shtml\nAllowOverride $override\n</Directory>\n";
    }
}
$httpd->configure("<VirtualHost *:\@PORT@>\nServerName localhost\nSSLEngine on\n\@ECDSA@\n$conf</VirtualHost>\n");
is $httpd->try_start, 'runs', 'a server with .htaccess files' or diag $httpd->error_log;
for my $index (0 .. $#directives) {
    my ($name) = $directives[$index] =~ /(\w+)/;
    for my $override (qw(Options AuthConfig None)) {
        my $good   = $override eq 'None' || ($name eq 'SSLOptions' && $override eq 'Options');
        my $answer = TlsClient->new(port => $httpd->port, sni => 'localhost')->handshake->get("/$override-$index/page.shtml");
        is $answer->{status}, $good ? 200 : 500, "AllowOverride $override, $name: " . ($good ? 'answered' : 'refused');
        if ($good) { is $answer->{body}, $override eq 'None' ? '(none)' : 'TLSv1.3', '... with effect or without' }
        else { like $httpd->error_log, qr{core:alert.*/$override-$index/\.htaccess: $name not allowed here}, '... with a line that says so' }
    }
}
done_testing;
