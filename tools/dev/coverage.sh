# ./dev coverage: the unit tests on a build that counts lines; a table, and pages in build/coverage/report

dev_coverage() {
  (($# == 0)) || die "usage: ./dev coverage"
  need "${test_packages[@]}" gcovr
  local dir=$root/build/coverage
  [[ -f $dir/build.ninja ]] || quietly meson setup --buildtype=debug -Db_coverage=true -Dbenchmarks=false "$dir" "$root" ||
    die "the build could not be configured"
  compile coverage || die "the build failed"
  meson test -C "$dir" --no-rebuild --suite unit --suite api --no-suite full </dev/null || note "a test failed; its lines count all the same"
  mkdir -p "$dir/report"
  gcovr --root "$root" --object-directory "$dir" --filter "$root/src/" --html-details "$dir/report/index.html" --print-summary \
    --txt
}
