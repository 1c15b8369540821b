# SSLSessionCache with each of httpd's providers: servers share sessions through it, and whatever it does, clients get in.
use strict;
use warnings FATAL => 'all';
use Test::More;
use lib 'lib', 't/lib';
use Cache ();
use ClientPki ();
use TestHttpd ();
use TlsClient ();

plan skip_all => 'not there: ' . Cache::missing() if Cache::missing();

my $modules = TestHttpd::load_also(qw(socache_dbm socache_memcache socache_redis));
my $stock   = TestHttpd::load_modules() =~ s/^LoadModule ssl_module .*$/"LoadModule ssl_module " . TestHttpd::apxs('LIBEXECDIR') . "\/mod_ssl.so"/mer;
my $ours    = !TestHttpd::stock();

sub config {
    my ($cache, $more) = @_;
    return "${modules}RedisTimeout 1\nSSLSessionCache $cache\n" . join '', map { "<VirtualHost *:\@PORT@>\nServerName $_.example.test:443\nSSLEngine on\nSSLSessionTickets off\n\@ECDSA@\n" . ($_ eq 'second' ? "\@RSA@\n" : '') . ($more // '') . "\n</VirtualHost>\n" } qw(first second);
}

sub connect_to {
    my ($httpd, $version, $session, %more) = @_;
    my $client = TlsClient->new(port => $httpd->port, version => $version, sni => 'first.example.test', ciphers => 'ECDHE-ECDSA-AES256-GCM-SHA384', $session ? (session => $session) : (), %more)->handshake;
    is $client->get('/1k.bin', Host => $more{sni} // 'first.example.test')->{status}, 200, 'a request';
    # Without this mark OpenSSL would throw the session away with the connection.
    Net::SSLeay::set_shutdown($client->{ssl}, 3);
    return $client;
}

# Alone.
for my $cache ('shmcb', 'dbm:@ROOT@/sessions') {
    my $httpd = TestHttpd->start(config($cache));
    for my $version ('1.2', '1.3') {
        my $first = connect_to($httpd, $version);
        my $second = connect_to($httpd, $version, $first->session);
        is $second->reused, 1, "$cache, TLS $version: resumed";
        is connect_to($httpd, $version, $second->session)->reused, 1, '... and again';
    }
}

# Two servers, and one with the distribution's module: each resumes what any of them has made.
for my $provider ('memcache', 'redis') {
    my $cache = Cache->start($provider);
    my %servers = map { $_ => TestHttpd->start(config($cache->argument)) } qw(one two);
    $servers{stock} = TestHttpd->start(config($cache->argument), modules => $stock) if $ours;
    for my $version ('1.2', '1.3') {
        for my $from (sort keys %servers) {
            for my $to (sort keys %servers) {
                my $session = connect_to($servers{$from}, $version)->session;
                my $client  = connect_to($servers{$to}, $version, $session);
                is $client->reused, 1, "$provider, TLS $version: from $from to $to";
                # The distribution's module keeps what ours has written beside its own, so that ours knows it again.
                is connect_to($servers{$from}, $version, $client->session)->reused, 1, '... and back';
            }
        }
        is connect_to($servers{two}, $version, connect_to($servers{one}, $version)->session, sni => 'second.example.test')->reused, 0, "$provider, TLS $version: not at another host";
    }
    my @keys = $cache->keys;
    is_deeply [grep { !/^mod_ssl-sess:[0-9a-f]{64}$/ } @keys], [], 'the keys are ids';
    open my $der, '>:raw', "$servers{one}{root}/session.der" or die $!;
    print {$der} $cache->get($keys[0]);
    close $der or die $!;
    my $shown = qx(openssl sess_id -inform DER -in $servers{one}{root}/session.der -noout -text 2>&1);
    my $id    = uc substr $keys[0], length 'mod_ssl-sess:';
    like $shown, qr/Session-ID: $id\n/, 'the values are sessions in DER form';

    # Nothing is stored that nobody would look up.
    if ($ours) {
        my $before = $cache->keys;
        my $stateless = TestHttpd->start(config($cache->argument) =~ s/SSLSessionTickets off/SSLSessionTickets on/gr);
        is connect_to($stateless, $_, connect_to($stateless, $_)->session)->reused, 1, "$provider, TLS $_: a ticket" for '1.2', '1.3';
        is scalar(my @now = $cache->keys), scalar @keys, 'tickets hold their sessions themselves';
    }
}

# Where clients are asked for certificates, nobody else vouches for a session.
if ($ours) {
    my $cache  = Cache->start('memcache');
    my $pki    = ClientPki->new;
    my $root   = $pki->root('root');
    $pki->issue('alice', by => 'root');
    my $verify = "SSLVerifyClient optional\nSSLCACertificateFile $root";
    my @servers = (map({ TestHttpd->start(config($cache->argument, $verify)) } 1, 2), TestHttpd->start(config($cache->argument, $verify), modules => $stock));
    my $open   = TestHttpd->start(config($cache->argument));
    for my $version ('1.2', '1.3') {
        my %certificate = (cert => $pki->file('alice'), key => $pki->key('alice'));
        for my $with ({}, \%certificate) {
            my $what = "TLS $version, " . (%$with ? 'a certificate' : 'no certificate');
            is connect_to($servers[1], $version, connect_to($servers[0], $version, undef, %$with)->session, %$with)->reused, 1, "$what: from one of ours to another";
            is connect_to($servers[0], $version, connect_to($servers[2], $version, undef, %$with)->session, %$with)->reused, 0, "$what: not what the distribution's module has made";
            is connect_to($servers[0], $version, connect_to($open, $version, undef, %$with)->session, %$with)->reused, 0, "$what: not from where nobody is asked";
        }
        is connect_to($open, $version, connect_to($servers[2], $version, undef, %certificate)->session)->reused, 0, "TLS $version: a session with a certificate that we have not seen";
    }
}

# With a secret that the servers share, what one of them stores is sealed; what is not was written by somebody else.
if ($ours) {
    my $secret = TestHttpd::root() . '/cache-secret';
    open my $file, '>', $secret or die "$secret: $!";
    print {$file} 'a secret that is long enough, for a test';
    close $file or die "$secret: $!";
    chmod 0600, $secret or die "chmod: $!";
    my $cache  = Cache->start('redis');
    my $pki    = ClientPki->new;
    my $verify = 'SSLVerifyClient optional' . "\nSSLCACertificateFile " . $pki->root('root');
    $pki->issue('alice', by => 'root');
    my %certificate = (cert => $pki->file('alice'), key => $pki->key('alice'));
    my $sealed = sub { return TestHttpd->start("SSLSessionTicketSecretFile $secret\n" . config($cache->argument, @_)) };
    my @servers = map { $sealed->($verify) } 1, 2;
    my ($open, $stock) = ($sealed->(), TestHttpd->start(config($cache->argument), modules => $stock));
    for my $version ('1.2', '1.3') {
        for my $with ({}, \%certificate) {
            is connect_to($servers[1], $version, connect_to($servers[0], $version, undef, %$with)->session, %$with)->reused, 1, "TLS $version, a shared secret: from one to another, " . (%$with ? 'a certificate' : 'no certificate');
        }
        is connect_to($stock, $version, connect_to($open, $version)->session)->reused, 1, '... to the distribution\'s module, which does not see the seal';
        is connect_to($open, $version, connect_to($stock, $version)->session)->reused, 1, '... and from there, where nobody is asked';
        my %forged = (
            'without a seal'   => sub { substr $_[0], 0, -32 },
            'with another one' => sub { substr($_[0], 0, -32) . 'x' x 32 },
            'that was changed' => sub { $_[0] ^ ("\0" x (length($_[0]) - 33) . "\1") },
        );
        for my $what (sort keys %forged) {
            my %before  = map { $_ => 1 } $cache->keys;
            my $session = connect_to($servers[0], $version, undef, %certificate)->session;
            for my $key (grep { !$before{$_} } $cache->keys) {
                $cache->set($key, $forged{$what}->($cache->get($key)));
            }
            is connect_to($servers[1], $version, $session, %certificate)->reused, 0, "TLS $version, a session $what: a full handshake";
        }
    }
}

# A cache that lies. The handshake is a full one; the log says so, but not each time.
if ($ours) {
    my $cache = Cache->start('memcache');
    my $httpd = TestHttpd->start(config($cache->argument));
    my $other = TestHttpd->start(config($cache->argument, 'SSLCipherSuite ECDHE-ECDSA-AES256-GCM-SHA384'));
    # The value that is there for a session made by this call.
    my $stored = sub {
        my (@arguments) = @_;
        my %before = map { $_ => 1 } $cache->keys;
        my $client = connect_to(@arguments);
        my @new = grep { !$before{$_} } $cache->keys;
        return ($client->session, \@new);
    };
    for my $version ('1.2', '1.3') {
        my $elsewhere = $version eq '1.2' ? '1.3' : '1.2';
        my $value = sub { my (undef, $keys) = $stored->(@_); return $cache->get($keys->[0]) };
        my $of_another        = $value->($httpd, $version);
        my $of_another_host   = $value->($httpd, $version, undef, sni => 'second.example.test');
        my $of_another_version = $value->($httpd, $elsewhere);
        my $of_another_policy = $value->($other, $version);
        my $with_id = sub { my ($der, $key) = @_; return $der =~ s/(\x04\x20).{32}(?=\x04)/$1 . pack 'H*', substr $key, 13/esr };
        my %lies = (
            'nothing'              => sub { '' },
            'garbage'              => sub { "\x30\x82\xff\xff" x 100 },
            'a long value'         => sub { 'x' x 20_000 },
            'half of it'           => sub { substr $_[0], 0, length($_[0]) / 2 },
            'one byte less'        => sub { substr $_[0], 0, -1 },
            'one byte more'        => sub { "$_[0]\0" },
            'another session'      => sub { $of_another },
            'of another version'   => sub { $with_id->($of_another_version, $_[1]) },
            'of another host'      => sub { $with_id->($of_another_host, $_[1]) },
            'of another policy'    => sub { $with_id->($of_another_policy, $_[1]) },
            'of a cipher that the client does not offer' => sub { $_[0] =~ s/(\x02\x02\x03[\x03\x04]\x04\x02)../$1\xc0\x09/sr },
        );
        for my $lie (sort keys %lies) {
            my ($session, $keys) = $stored->($httpd, $version);
            for my $key (@$keys) {
                my $true  = $cache->get($key);
                my $false = $lies{$lie}->($true, $key);
                isnt $false, $true, "$lie differs";
                $cache->set($key, $false);
            }
            is connect_to($httpd, $version, $session)->reused, 0, "TLS $version, $lie: a full handshake";
        }
        my ($session, $keys) = $stored->($httpd, $version);
        $cache->set($_, $cache->get($_)) for @$keys;
        is connect_to($httpd, $version, $session)->reused, 1, "TLS $version: the truth";
    }
    $httpd->wait_log(qr/ssl:warn.*SSL session cache (?:gave what is no session of the client|cannot be asked for a session) \(1 since the last such line/);
    is scalar(my @lines = $httpd->error_log =~ /SSL session cache [gc]a/g), 1, 'one line for all of it';
}

# A cache that is not there, or does not answer.
for my $provider ('memcache', 'redis') {
    my $cache = Cache->start($provider);
    my $httpd = TestHttpd->start(config($cache->argument), threads => 4);
    my $session = connect_to($httpd, '1.2')->session;
    $cache->stop;
    for my $version ('1.2', '1.3') {
        is connect_to($httpd, $version, $version eq '1.2' ? $session : undef)->reused, 0, "$provider is dead, TLS $version: a full handshake";
    }
    $httpd->wait_log(qr/ssl:warn.*SSL session cache (?:did not take a session|cannot be asked for a session) \(1 since/) if $ours;
    $cache->run;
}

# One that answers late: something that speaks like Redis, takes two seconds for each answer and knows nothing.
if ($ours) {
    my $listener = IO::Socket::INET->new(Listen => 10, LocalAddr => '127.0.0.1') or die "listen: $!";
    my $pid      = fork // die "fork: $!";
    if (!$pid) {
        local $SIG{CHLD} = 'IGNORE';
        while (my $socket = $listener->accept) {
            next if fork;
            while (sysread $socket, my $request, 65_536) {
                sleep 2;
                syswrite $socket, $request =~ /SETEX/i ? "+OK\r\n" : $request =~ /GET/i ? "\$-1\r\n" : "+PONG\r\n";
            }
            POSIX::_exit(0);
        }
        POSIX::_exit(0);
    }
    my $httpd   = TestHttpd->start(config('redis:127.0.0.1:' . $listener->sockport));
    my $session = connect_to($httpd, '1.2')->session;
    $httpd->wait_log(qr/ssl:warn.*SSL session cache is slow, not asked for a while \(1 since/);
    # Ten seconds are the while, five handshakes that ask would be as long.
    is connect_to($httpd, '1.2', $session)->reused, 0, 'a slow cache is left alone' for 1 .. 5;
    is scalar(my @lines = $httpd->error_log =~ /ssl:warn.*SSL session cache/g), 1, '... and one line says so';
    $httpd->stop;
    kill KILL => $pid;
    waitpid $pid, 0;
}

# A cache that is full forgets the oldest sessions.
{
    my $httpd = TestHttpd->start(config('shmcb:@ROOT@/cache(8192)'));
    my @sessions = map { connect_to($httpd, '1.2')->session } 1 .. 60;
    is connect_to($httpd, '1.2', $sessions[-1])->reused, 1, 'the latest is there';
    cmp_ok scalar(grep { connect_to($httpd, '1.2', $_)->reused } @sessions), '<', 60, 'others are not, which is no failure';
}
done_testing;
