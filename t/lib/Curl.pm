# Requests by curl, for tests to which only the answer matters.
#
#   my $answer = Curl::get("https://localhost:$port/x", '--user', 'a:b');      # {status, version, body}
#   is Curl::status($url), 403, 'no';
package Curl;

use strict;
use warnings FATAL => 'all';

use Carp qw(croak);
use TestHttpd ();

sub get {
    my ($url, @options) = @_;
    my @command = ('curl', '--silent', '--show-error', '--max-time', 60, '--cacert', TestHttpd::ca(), '--write-out', "\n%{http_code} %{http_version}", @options, $url);
    open my $pipe, '-|', @command or croak "curl: $!";
    my $output = do { local $/; <$pipe> // '' };
    close $pipe;
    my ($body, $status, $version) = $output =~ /\A(.*)\n(\d+) (\S+)\z/s or croak "curl printed: $output";
    return {status => $status + 0, version => $version, body => $body};
}

sub status { return get(@_)->{status} }

1;
