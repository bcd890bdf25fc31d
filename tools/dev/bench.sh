# ./dev bench storm|latency: figures against other allocators, written into docs/
#
# storm: how long each allocator lasts when a signal handler allocates. latency: nolock calls in a handler against masking
# signals around a lock.

dev_bench() {
  [[ $# == 1 && $1 =~ ^(storm|latency)$ ]] || die "usage: ./dev bench storm|latency"
  need "${bench_packages[@]}"
  make_build_for tests gcc || die "the build failed"
  compile gcc || die "the build failed"
  "bench_$1"
}

bench_storm() { python3 "$root/bench/storm/run_storm.py" --build "$root/build/gcc" --markdown "$root/docs/storm.md"; }

bench_latency() { python3 "$root/bench/latency/run_latency.py" --build "$root/build/gcc" --markdown "$root/docs/latency.md"; }
