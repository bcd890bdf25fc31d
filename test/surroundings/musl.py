# SPDX-License-Identifier: Apache-2.0
"""Builds reslab for musl, as tools/cross/musl.ini says, and runs a static program on it: in mode fallback, which reslab takes
there by itself (44).

Usage: musl.py SOURCE
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

PROGRAM = "test/surroundings/musl/surroundings_musl_guest"
SKIPPED = 77


def run(*command, **environment):
    done = subprocess.run(list(map(str, command)), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, timeout=1500, env=os.environ | environment, check=False)
    if done.returncode != 0:
        sys.exit(f"musl: FAILED: {' '.join(map(str, command))}: status {done.returncode}\n{done.stdout[-6000:]}")
    return done.stdout


def main():
    source = Path(sys.argv[1])
    if shutil.which("musl-gcc") is None or shutil.which("g++") is None:
        print("SKIP: there is no musl-gcc (Debian's musl-tools), or no g++")
        sys.exit(SKIPPED)
    path = f"{source / 'tools/cross'}:{os.environ['PATH']}"
    with tempfile.TemporaryDirectory(prefix="reslab-musl-") as build:
        run("meson", "setup", "--buildtype=release", "--cross-file", source / "tools/cross/musl.ini", "-Dwerror=true",
            "-Dbenchmarks=false", "-Dcommand=disabled", build, source, PATH=path)
        run("ninja", "-C", build, PROGRAM, PATH=path)
        linked = run("readelf", "--program-headers", Path(build) / PROGRAM)
        said = run(Path(build) / PROGRAM, "200000", RESLAB_TEST_MODE="fallback", RESLAB_OPTIONS="stats=1")
    if "INTERP" in linked:
        sys.exit("musl: FAILED: the program is not static")
    if "all is well" not in said or "mode_reason=this libc does not register rseq\n" not in said:
        sys.exit(f"musl: FAILED: the program says {said}")
    print(said)


if __name__ == "__main__":
    main()
