# ./dev test [quick | full [PART...]]: builds with gcc and clang and runs the tests; the last line is "N passed, N failed"
# SPDX-License-Identifier: Apache-2.0
#
# quick (the default): the quick tests as gcc builds them, and of those clang builds the unit and the storm tests, where
# the compiler makes the difference. full: all tests of both builds, but once those to which it makes none: they compile with
# the system's compiler whatever built reslab (mutants, packaging, documents), or take the steps of threads one at a time in
# every order, which are the source's (schedules); of clang's also clang-tidy (./dev lint); the unit and the storm tests with
# the lock discipline asserted; the unit tests under AddressSanitizer and UndefinedBehaviorSanitizer; those with several
# threads under ThreadSanitizer, in fallback mode; and the unit tests for aarch64, in fallback mode under qemu, with the
# sections run single-threaded. Of full, parts can be named: what each build has to do.

full_parts=(gcc clang checks sanitizers races aarch64)

dev_test() {
  local depth=${1:-quick} parts=("${@:2}")
  [[ $depth == full || ($depth == quick && $# -le 1) ]] || die "usage: ./dev test [quick | full [PART...]]"
  local part
  for part in "${parts[@]}"; do
    printf '%s\n' "${full_parts[@]}" | grep -qxF -- "$part" ||
      die "there is no part '$part' of full; there are: ${full_parts[*]}"
  done
  ((${#parts[@]} > 0)) || parts=("${full_parts[@]}")
  need "${test_packages[@]}"
  results=$root/build/test-results
  rm -rf "$results"
  if [[ $depth == quick ]]; then
    test_build gcc --suite quick
    test_build clang --suite unit --suite storm --no-suite full
  else
    for part in "${parts[@]}"; do test_part "$part"; done
  fi
  python3 "$commands/lib/verdict.py" "$results"
}

test_part() {
  case $1 in
    gcc) test_build gcc ;;
    clang)
      need "${lint_packages[@]}"
      test_build clang --no-suite mutants --no-suite packaging --no-suite docs --no-suite schedules
      ;;
    checks) test_build checks --suite unit --suite storm ;;
    sanitizers) test_build sanitizers --suite unit --no-suite full --timeout-multiplier 4 ;;
    races) test_build races --suite threads --no-suite full --timeout-multiplier 10 ;;
    aarch64)
      need "${cross_packages[@]}"
      test_build aarch64 --suite unit --timeout-multiplier 10  # under qemu
      ;;
  esac
}

# test_build COMPILER SELECTION...: builds and tests. Leaves in $results/COMPILER the names of the tests that were to run
# (expected) and what came of each (log.json): a build that fails leaves neither, which the verdict counts as a failure.
test_build() {
  local compiler=$1 selection=("${@:2}")
  local dir=$root/build/$compiler outcome=$results/$compiler
  mkdir -p "$outcome"
  note "building with $compiler"
  make_build_for tests "$compiler" && compile "$compiler" || return 0
  meson test -C "$dir" --no-rebuild --list "${selection[@]}" >"$outcome/expected" || return 0
  note "testing what $compiler built"
  local log=$dir/meson-logs/$compiler.json
  rm -f "$log"
  meson test -C "$dir" --no-rebuild --logbase "$compiler" "${selection[@]}" </dev/null || true  # the verdict judges
  [[ ! -f $log ]] || cp "$log" "$outcome/log.json"
}
