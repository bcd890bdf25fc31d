# ./dev build: builds with gcc and leaves an installed tree in build/dist (lib/, include/, bin/, lib/pkgconfig)
# SPDX-License-Identifier: Apache-2.0

dev_build() {
  (($# == 0)) || die "usage: ./dev build"
  need "${build_packages[@]}"
  make_build_for use gcc
  compile gcc || die "the build failed"
  rm -rf "$dist"  # what an older version installed must not stay
  quietly meson install -C "$root/build/gcc" --no-rebuild || die "the installation into build/dist failed"
  note "installed in $dist"
}
