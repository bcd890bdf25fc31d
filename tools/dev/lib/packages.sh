# Debian packages: what a command needs and this machine lacks is installed, or named where that cannot be.
# SPDX-License-Identifier: Apache-2.0
#
# The names are those of Debian 12. On a system without dpkg nothing can be looked up or installed: the user is told, and
# the command goes on with what is there.

build_packages=(
  g++ meson ninja-build pkg-config python3 liburcu-dev
  libcli11-dev libdw-dev libfmt-dev nlohmann-json3-dev libncurses-dev  # the command reslab
  perl-base  # what ./dev run demonstrates with
)
test_packages=(
  "${build_packages[@]}"
  clang clang-format libgtest-dev libgmock-dev libbenchmark-dev libseccomp-dev
  libjemalloc2 libjemalloc-dev gdb valgrind tmux google-perftools musl-tools
  cmake debhelper dpkg-dev lintian abigail-tools doxygen man-db  # packaging, documents
  # The programs that run under the preloaded library.
  bash perl git sqlite3 redis-server redis-tools nodejs tar zstd make stress-ng default-jdk-headless
  memcached libmemcached-tools  # beside the example cache server
)

# What looks at the sources, in the full tests and by itself.
lint_packages=(clang clang-tidy)

# Another architecture, cross-built and run under qemu.
cross_packages=(g++-aarch64-linux-gnu qemu-user-static googletest)

# The allocators that the benchmarks compare with.
bench_packages=("${test_packages[@]}" libmimalloc2.0 libtcmalloc-minimal4 libtbbmalloc2 libclang-rt-14-dev)

need() {
  if ! command -v dpkg-query >/dev/null; then
    note "no Debian system: taking for granted what these packages hold: $*"
    return
  fi
  local missing
  mapfile -t missing < <(missing_of "$@")
  ((${#missing[@]} > 0)) || return 0
  note "installing ${missing[*]}"
  as_root "$commands/lib/install-packages" "${missing[@]}" ||
    die "these packages are needed and could not be installed: ${missing[*]}"
}

# Those of the packages that are not installed, one a line.
missing_of() {
  local package
  for package in "$@"; do
    [[ $(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || echo "$package"
  done
}

# Without a terminal sudo must not ask for a password: nobody would answer.
as_root() {
  if ((EUID == 0)); then
    "$@"
  elif ! command -v sudo >/dev/null; then
    note "this takes root, and there is no sudo here; as root: apt-get install ${*:2}"
    return 1
  elif [[ -t 0 ]]; then
    sudo "$@"
  else
    sudo --non-interactive "$@"
  fi
}
