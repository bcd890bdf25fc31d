# SPDX-License-Identifier: Apache-2.0
# The build directories build/gcc and build/clang, build/checks with the assertions of -Dchecks=true, build/coverage, which
# counts the lines that it executes, build/sanitizers with AddressSanitizer and UndefinedBehaviorSanitizer, build/races with
# ThreadSanitizer, build/aarch64 for qemu, and the installed tree build/dist.
#
# A directory keeps the options it has: `./dev run` after `./dev test` must not turn the tests off again. Its file
# `made-for` says what it was made for, and where.

dist=$root/build/dist

# make_build_for use|tests gcc|clang|checks|coverage|sanitizers|races|aarch64: configured as far as is needed, not compiled.
# "use" is the library and what comes with it; "tests" are these and the tests, every warning an error.
make_build_for() {
  local purpose=$1 compiler=$2
  local dir=$root/build/$compiler
  local options=()
  is_usable "$dir" || rm -rf "$dir"
  case $purpose:$(cat "$dir/made-for" 2>/dev/null) in
    use:?* | tests:tests*) return ;;
    use:) options=(-Dtests=false -Dbenchmarks=false -Dwerror=false) ;;
    tests:*) options=(-Dtests=true -Dbenchmarks=true -Dwerror=true) ;;
  esac
  [[ $compiler != checks ]] || options+=(-Dchecks=true)
  [[ $compiler != coverage ]] || options+=(-Dbenchmarks=false -Db_coverage=true -Dcpp_args=-fprofile-update=atomic)
  [[ $compiler != aarch64 ]] || options+=(-Dbenchmarks=false --cross-file "$root/tools/cross/aarch64.ini")
  [[ $compiler != sanitizers ]] || options+=(-Dbenchmarks=false -Dcommand=disabled -Doptimization=1 -Ddebug=true
    -Db_sanitize=address,undefined -Db_lundef=false)
  # gcc warns of each fence, of which ThreadSanitizer takes no notice (docs/contributing.md).
  [[ $compiler != races ]] || options+=(-Dbenchmarks=false -Dcommand=disabled -Doptimization=1 -Ddebug=true
    -Db_sanitize=thread -Db_lundef=false -Dcpp_args=-Wno-tsan)
  [[ ! -d $dir ]] || options+=(--reconfigure)
  note "configuring build/$compiler"
  quietly env "$(c_compiler "$compiler")" "$(cxx_compiler "$compiler")" \
    meson setup --buildtype=release --prefix="$dist" --libdir=lib "${options[@]}" "$dir" "$root" || return
  echo "$purpose $root" >"$dir/made-for"
}

# A directory that meson left half made, or that came here with a moved checkout, is of no use.
is_usable() { [[ -f $1/build.ninja && $(cat "$1/made-for" 2>/dev/null) == *" $root" ]]; }

c_compiler() { [[ $1 == clang ]] && echo CC=clang || echo CC=gcc; }
cxx_compiler() { [[ $1 == clang ]] && echo CXX=clang++ || echo CXX=g++; }

# compile COMPILER [TARGET...]: everything, or the targets named. Says nothing when there is nothing to do, and shows its
# progress only to a terminal.
compile() {
  local make=(ninja -C "$root/build/$1")
  quietly "${make[@]}" build.ninja || return  # meson's files may have changed
  make+=("${@:2}")
  [[ $("${make[@]}" -n) != *"no work to do"* ]] || return 0
  [[ -t 2 ]] || make+=(--quiet)
  "${make[@]}" >&2
}

# Runs a command and shows what it said only when it fails.
quietly() {
  local output
  output=$("$@" 2>&1 </dev/null) && return
  printf '%s\n' "$output" >&2
  return 1
}
