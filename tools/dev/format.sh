# ./dev format [--check]: lays out all C and C++ by .clang-format; --check changes nothing and fails if it would
# SPDX-License-Identifier: Apache-2.0

dev_format() {
  local action=(-i)
  case $#:${1:-} in
    0:) ;;
    1:--check) action=(--dry-run --Werror) ;;
    *) die "usage: ./dev format [--check]" ;;
  esac
  need clang-format
  cd "$root"
  local folders=()
  local folder
  for folder in include src test bench fuzz tools examples; do
    [[ ! -d $folder ]] || folders+=("$folder")
  done
  find "${folders[@]}" \( -name '*.h' -o -name '*.hpp' -o -name '*.c' -o -name '*.cc' \) -print0 |
    xargs --null --no-run-if-empty clang-format "${action[@]}"
}
