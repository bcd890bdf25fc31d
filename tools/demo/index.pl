# SPDX-License-Identifier: Apache-2.0
# Makes an index of the words in some files, word by word the places where it stands, again and again for some seconds:
#
#   perl index.pl SECONDS FILE...
#
# What the demonstration of `./dev run` runs. Perl calls malloc and free for nearly all it does; it has input and output of
# its own, not libc's, and no index needs the time of day. Each index comes out the same.

use strict;
use warnings;

my ($seconds, @files) = @ARGV;

sub make_index {
  my %places;
  for my $file (@files) {
    open my $lines, '<', $file or die "$file: $!\n";
    while (my $line = <$lines>) {
      push @{$places{lc $1}}, "$file:$." while $line =~ /([[:alpha:]]{3,})/g;
    }
  }
  return map { "$_: @{$places{$_}}\n" } sort keys %places;
}

my $end = time + $seconds;
do { print make_index() or die "output: $!\n" } while time < $end;
