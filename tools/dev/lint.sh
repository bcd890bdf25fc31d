# ./dev lint [FILE...]: clang-tidy by .clang-tidy, of the files named or of all of src/ and tools/; findings end in failure
# SPDX-License-Identifier: Apache-2.0

dev_lint() {
  need "${build_packages[@]}" clang clang-tidy
  make_build_for use clang || die "the build could not be configured"
  cd "$root"
  local files=("$@")
  (($# > 0)) || mapfile -t files < <(find src tools -name '*.cc' | sort)
  # One process for each file, as many at a time as there are CPUs; all findings are shown before it fails.
  printf '%s\0' "${files[@]}" |
    xargs --null --max-procs="$(nproc)" --max-args=1 clang-tidy --quiet -p build/clang --warnings-as-errors='*' ||
    die "clang-tidy found something"
}
