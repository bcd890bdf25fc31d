# ./dev run [--] [COMMAND...]: runs a command on reslab (LD_PRELOAD); without one, a demonstration of under a minute
# SPDX-License-Identifier: Apache-2.0

dev_run() {
  [[ ${1:-} != -- ]] || shift
  need "${build_packages[@]}"
  make_build_for use gcc
  local library=$root/build/gcc/src/libreslab.so.1 storm=$root/build/gcc/tools/demo/libreslab-storm.so
  if (($# == 0)); then
    compile gcc src/libreslab.so.1 tools/demo/libreslab-storm.so || die "the build failed"
    exec python3 "$root/tools/demo/demo.py" --storm "$storm" --library "$library"
  fi
  compile gcc src/libreslab.so.1 || die "the build failed"
  command -v -- "$1" >/dev/null || die "there is no command '$1'"
  # Ahead of what the user preloads already.
  exec env LD_PRELOAD="$library${LD_PRELOAD:+:$LD_PRELOAD}" "$@"
}
