# Work of many kinds for perl; prints figures that depend on nothing but the rounds asked for.
use strict;
use warnings;
use Digest::MD5 qw(md5_hex);
use Storable qw(freeze thaw dclone);

my $rounds = shift;

# Hashes of hashes that grow, are copied deeply, thinned out and printed in order.
sub hashes {
    my %table = map { ("key$_" => { number => $_, list => [1 .. $_ % 30], name => "x" x ($_ % 500) }) } 1 .. 15_000;
    my $copy = dclone(\%table);
    delete @table{ grep { $table{$_}{number} % 3 } keys %table };
    my $back = thaw(freeze($copy));
    return md5_hex(join ",", map { "$_=$back->{$_}{number}:" . scalar @{ $back->{$_}{list} } } sort keys %$back)
        . " " . scalar(keys %table);
}

# A text taken apart and put together by regular expressions.
sub texts {
    my $text = join "\n", map { sprintf "%06d the %s of %s", $_, "word" . $_ % 97, "name" . $_ % 31 } 1 .. 20_000;
    my %count;
    $count{$1}++ while $text =~ /\b([a-z]+\d+)\b/g;
    (my $swapped = $text) =~ s/(\w+) of (\w+)/uc($2) . " for " . lc($1)/ge;
    my @lines = sort { substr($a, 10) cmp substr($b, 10) || $a cmp $b } split /\n/, $swapped;
    return md5_hex(join "|", @lines, map { "$_$count{$_}" } sort keys %count);
}

# Closures, cycles that are broken by hand, strings that grow byte by byte.
sub closures {
    my @counters = map { my $n = $_; sub { $n += shift } } 1 .. 20_000;
    my $sum = 0;
    $sum += $_->(3) for @counters;
    for (1 .. 20_000) {
        my $node = { data => [1 .. 5] };
        $node->{self} = $node;
        delete $node->{self};
    }
    my $grown = "";
    $grown .= chr(65 + $_ % 26) for 1 .. 300_000;
    return "$sum " . md5_hex($grown) . " " . unpack("%32C*", pack("N*", 1 .. 50_000));
}

# A forked child that builds its own tables and answers through a pipe.
sub child {
    pipe(my $reader, my $writer) or die "pipe: $!";
    my $pid = fork() // die "fork: $!";
    if (!$pid) {
        close $reader;
        print {$writer} hashes(), "\n";
        close $writer;
        exit 0;
    }
    close $writer;
    my $answer = <$reader>;
    waitpid $pid, 0;
    chomp $answer;
    return "$answer $?";
}

for my $round (1 .. $rounds) {
    print "$round hashes ", hashes(), "\n";
    print "$round texts ", texts(), "\n";
    print "$round closures ", closures(), "\n";
    print "$round child ", child(), "\n";
}
print `/bin/echo from a child by exec`;
