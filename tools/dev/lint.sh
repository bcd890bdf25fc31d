# ./dev lint [FILE...]: clang-tidy by .clang-tidy, of the files named or of all of src/ and tools/; findings end in failure
# SPDX-License-Identifier: Apache-2.0

dev_lint() {
  need "${build_packages[@]}" "${lint_packages[@]}"
  make_build_for use clang || die "the build could not be configured"
  cd "$root"
  "$commands/lib/tidy" build/clang "$@" || die "clang-tidy found something"
}
