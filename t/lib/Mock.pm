# The module t/modules/md_mock.c, which plays mod_md's side of the hooks: see there what its lines mean.
package Mock;

use strict;
use warnings FATAL => 'all';

use TestHttpd ();

sub load { return 'LoadModule md_mock_module ' . TestHttpd::root() . "/modules/md_mock.so\n" }

# The lines "MOCK ..." of an error log, without the MOCK and what stands before it.
sub calls {
    my ($log, $pattern) = @_;
    return grep { /$pattern/ } $log =~ /\bMOCK (.*)$/mg;
}

1;
