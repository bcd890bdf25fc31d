# ./dev coverage [SUITE...]: which lines of src/ the suites execute ("unit" and "api" unless named); build/coverage/report
# SPDX-License-Identifier: Apache-2.0
#
# Of a build of its own, which counts: in threads and handlers alike, by atomic operations. What runs in front of an
# instruction that is interrupted is another question, which the tests of test/reentry answer for the library as shipped.

dev_coverage() {
  local suites=("$@")
  (($# > 0)) || suites=(unit api)
  need "${test_packages[@]}" gcovr
  make_build_for tests coverage && compile coverage || die "the build failed"
  local dir=$root/build/coverage
  find "$dir" -name '*.gcda' -delete
  meson test -C "$dir" --no-rebuild --no-suite full "${suites[@]/#/--suite=}" </dev/null ||
    note "not every test passes in this build: see above"
  mkdir -p "$dir/report"
  gcovr --root "$root" --filter "$root/src/" --exclude-throw-branches --object-directory "$dir" \
    --html-details "$dir/report/index.html" --txt "$dir/report/lines.txt" --print-summary "$dir"
  note "line by line: $dir/report/index.html"
}
