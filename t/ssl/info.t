# What mod_info and httpd's dumps say of the module: its name, its directives, the places of its hooks.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use TestHttpd ();

my $theirs = TestHttpd::apxs('LIBEXECDIR') . '/mod_ssl.so';
my $config = <<'END';
AddModuleInfo mod_ssl.c "more <b>words</b>"
SSLSessionCache shmcb
<Location /server-info>
    SetHandler server-info
</Location>
<VirtualHost *:@PORT@>
</VirtualHost>
<VirtualHost *:@PORT2@>
    SSLEngine on
    @ECDSA@
    SSLCipherSuite HIGH:!DHE
</VirtualHost>
END
my $httpd = TestHttpd->start($config);

sub page { my ($server, $query) = @_; return scalar qx(curl --silent 'http://localhost:${\ $server->port}/server-info?$query') }

my $page = page($httpd, 'mod_ssl.c');
like $page, qr{<a name="mod_ssl\.c"><strong>Module Name:</strong></a> <font size="\+1"><tt><a href="\?mod_ssl\.c">mod_ssl\.c</a></tt></font>}, 'the name of the module';
like $page, qr{more <b>words</b>},                                        'AddModuleInfo attaches text to it';
like $page, qr{<dd><tt>SSLCipherSuite - <i>\S[^<]+</i></tt></dd>},        'directives with their help';
like $page, qr{SSLCipherSuite\s+<i>HIGH:!DHE</i>},                        '... and how they are set';
my @phases = ('Pre-Connection', 'Process Connection', 'Post-Read Request', 'HTTP Scheme', 'Default Port', 'Check Access', 'Verify User ID', 'Verify User Access', 'Fixups');
my ($participation) = $page =~ m{Request Phase Participation:</strong>\s*(.*?)</dt>}s;
like $participation, qr{<tt>\Q$_\E}, "takes part in: $_" for @phases;

# The order of hooks, as the page shows it.
sub hooks {
    my ($server) = @_;
    my ($phase, %order) = ('');
    for my $line (split /\n/, page($server, 'hooks')) {
        $phase = $1 if $line =~ m{<dt><strong>([^<]+):</strong>};
        push @{$order{$phase}}, [$1, $2] while $line =~ m{(-?\d+) <a href="\?([\w.]+)">}g;
    }
    return \%order;
}
my $ours = hooks($httpd);
ok scalar(grep { $_->[1] eq 'mod_ssl.c' } map { @$_ } values %$ours) > 10, 'hooks are shown';
SKIP: {
    skip 'compared with itself or nothing', 1 if TestHttpd::stock() || !-e $theirs;
    my $other = hooks(TestHttpd->start($config, module => $theirs));
    for my $phase (sort keys %$other) {
        # Ours alone has a handler (ssl-metrics), and clears what children that have ended counted; what hooks in for other modules is up to those.
        my ($mine, $expected) = map { [map { join ' ', @$_ } @$_] } $ours->{$phase}, $other->{$phase};
        $mine = [grep { $phase !~ /Content Handlers|Child Status/ || !/mod_ssl/ } @$mine];
        is_deeply $mine, $expected, "the same order as with the distribution's module: $phase";
    }
}

my ($status, $run) = $httpd->command('-t', '-DDUMP_RUN_CFG');
is $status, 0, 'DUMP_RUN_CFG';
like $run, qr/^Mutex ssl-cache: using_defaults$/m, '... the lock of the session cache';
(undef, $run) = TestHttpd->new("Mutex file:\@ROOT@/logs ssl-cache\n")->command('-t', '-DDUMP_RUN_CFG');
like $run, qr{^Mutex ssl-cache: dir="\S+/logs" mechanism=(?:fcntl|flock)}m, '... as it is set, even if it is not in use';
my ($modules) = (TestHttpd->new('')->command('-M'))[1];
like $modules, qr/^ ssl_module \(shared\)$/m, 'the list of modules';
done_testing;
