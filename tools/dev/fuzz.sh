# ./dev fuzz [MINUTES [SEED]]: random calls, options, mistakes, damaged heaps, core files and profiles, both modes; findings stay in build/fuzz, and end in failure
# SPDX-License-Identifier: Apache-2.0
#
# 10 minutes unless said otherwise, shared among the targets of fuzz/meson.build and the modes (lib/fuzz.py). libFuzzer
# watches which branches of the library an input takes, so clang builds the library once more for it.

dev_fuzz() {
  local minutes=${1:-10} seed=${2:-}
  [[ $# -le 2 && $minutes =~ ^[1-9][0-9]{0,4}$ && $seed =~ ^[0-9]{0,9}$ ]] || die "usage: ./dev fuzz [MINUTES [SEED]]"
  need "${test_packages[@]}" libclang-rt-14-dev
  local list=$root/build/clang/fuzz/fuzz.list
  make_build_for tests clang && compile clang build.ninja || die "the build failed"
  if [[ ! -f $list ]]; then  # configured before there was a libFuzzer to link with, which meson remembers
    rm -rf "$root/build/clang"
    make_build_for tests clang || die "the build failed"
    [[ -f $list ]] || die "clang has no libFuzzer here: -fsanitize=fuzzer does not link"
  fi
  compile clang fuzz-targets || die "the build failed"
  exec python3 "$commands/lib/fuzz.py" --list "$list" --minutes "$minutes" --work "$root/build/fuzz" ${seed:+--seed "$seed"}
}
