# SPDX-License-Identifier: Apache-2.0
"""The interface of the shared libraries is the one of abi/: nothing has gone, nothing has changed its shape. What is new
is accepted once it is written down: abi.py ... --write.

Usage: abi.py SOURCE [--write]
"""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

LIBRARIES = ("libreslab-api.so.1", "libreslab-rcu.so.1")


def run(*command):
    return subprocess.run(list(map(str, command)), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=900)


def main():
    source = Path(sys.argv[1])
    if shutil.which("abidw") is None:
        print("abidw is not installed (abigail-tools)")
        sys.exit(77)
    with tempfile.TemporaryDirectory(prefix="reslab-abi-") as folder:
        build = Path(folder) / "build"
        # With debug information, which is where the types are.
        for command in (["meson", "setup", build, source, "-Dtests=false", "-Dbenchmarks=false", "-Dcommand=disabled",
                         "--buildtype=debugoptimized"],
                        ["ninja", "-C", build, *(f"src/{'rcu/' if 'rcu' in name else ''}{name}" for name in LIBRARIES)]):
            done = run(*command)
            if done.returncode != 0:
                sys.exit(f"abi: FAILED: {done.stdout[-3000:]}{done.stderr[-3000:]}")
        for name in LIBRARIES:
            library = next(path for path in build.rglob(name) if path.is_file())
            stored = source / "abi" / name.replace(".so.1", ".abi")
            now = Path(folder) / stored.name
            done = run("abidw", "--no-corpus-path", "--no-comp-dir-path", "--no-show-locs", "--drop-private-types", "--exported-interfaces-only",
                       "--headers-dir", source / "include", "--out-file", now, library)
            if done.returncode != 0:
                sys.exit(f"abi: FAILED: abidw {name}: {done.stderr}")
            if "--write" in sys.argv:
                stored.parent.mkdir(exist_ok=True)
                # Where it was built is nobody's interface.
                stored.write_text(re.sub(r"path='[^']*/src/", "path='src/", now.read_text()))
                continue
            done = run("abidiff", "--no-added-syms", stored, now)
            if done.returncode != 0:
                sys.exit(f"abi: FAILED: {name} differs from {stored}:\n{done.stdout}{done.stderr}")
            print(f"{name}: as in {stored.name}")


if __name__ == "__main__":
    main()
