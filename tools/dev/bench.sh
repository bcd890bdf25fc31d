# ./dev bench KIND [OPTIONS]: figures against other allocators, written into docs/; KIND --help lists the options
# SPDX-License-Identifier: Apache-2.0
#
# KIND is micro (single calls), workloads, programs (Debian's), worst (the slowest calls), memory (idle, and over time),
# startup, instructions (of the fast paths), or all of these: docs/benchmarks.md and docs/plots. storm: how long each
# allocator lasts when a signal handler allocates. latency: nolock calls in a handler against masking signals around a
# lock. cache: the example cache server against memcached. profile: what the heap profile costs programs. Samples are kept
# in build/bench. With --only or --allocators the documents stay as they are. A peer that Debian has not is given by
# --allocator NAME=PATH of its library.

# What the programs are, and what draws.
bench_programs=(redis-server redis-tools sqlite3 g++ python3 z3 ghostscript nodejs xz-utils python3-matplotlib valgrind)

dev_bench() {
  local kind=${1:-all}
  shift || true
  case $kind in
    micro | workloads | programs | worst | memory | startup | instructions | all | storm | latency | cache | profile) ;;
    *)
      die "usage: ./dev bench [micro|workloads|programs|worst|memory|startup|instructions|all|storm|latency|cache" \
        "|profile] [OPTIONS]"
      ;;
  esac
  need "${bench_packages[@]}" "${bench_programs[@]}"
  make_build_for tests gcc || die "the build failed"
  compile gcc || die "the build failed"
  case $kind in
    storm | latency | profile)
      (($# == 0)) || die "./dev bench $kind takes no options"
      "bench_$kind"
      ;;
    cache) bench_cache "$@" ;;
    instructions) bench_instructions "$@" ;;
    all)
      bench_kind all "$@"
      bench_instructions
      ;;
    *) bench_kind "$kind" "$@" ;;
  esac
}

# Debian's python3, whatever comes first in PATH: matplotlib is installed for that one.
debian_python() { if [[ -x /usr/bin/python3 ]]; then /usr/bin/python3 "$@"; else python3 "$@"; fi; }

# A part of the cases or of the allocators is to be looked at: what is known of all stays as it is.
bench_kind() {
  local outcome=(--json "$root/build/bench" --markdown "$root/docs/benchmarks.md" --plots "$root/docs/plots")
  [[ " $* " != *\ --only* && " $* " != *\ --allocators* ]] || outcome=(--json "$root/build/bench/part")
  debian_python "$root/bench/bench.py" "$1" --build "$root/build/gcc" "${outcome[@]}" "${@:2}" || return
  [[ ${outcome[1]} == */part ]] || renew_readme
}

# README's figures are some of those in docs/.
renew_readme() { python3 "$commands/lib/readme_figures.py" "$root"; }

bench_instructions() {
  debian_python "$root/bench/callgrind_pair.py" --build "$root/build/gcc" --markdown "$root/docs/benchmarks.md" "$@"
}

bench_storm() { python3 "$root/bench/storm/run_storm.py" --build "$root/build/gcc" --markdown "$root/docs/storm.md" && renew_readme; }

bench_profile() { debian_python "$root/bench/profile_cost.py" --build "$root/build/gcc" --markdown "$root/docs/heap-profile.md"; }

bench_latency() { python3 "$root/bench/latency/run_latency.py" --build "$root/build/gcc" --markdown "$root/docs/latency.md"; }

bench_cache() {
  python3 "$root/bench/cache_server.py" --build "$root/build/gcc" --markdown "$root/docs/cache-server.md" "$@"
}
