# SPDX-License-Identifier: Apache-2.0
"""The interface of the shared libraries is the one of abi/: nothing has gone, nothing has changed its shape, and what is new
has been written down: abi.py ... --write. A library without a name that abi/ has, or with a structure that is laid out in
another way, is refused.

Usage: abi.py SOURCE [--write]
"""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

# And a name of each whose loss has to be noticed.
LIBRARIES = {"src/libreslab.so.1": "malloc", "src/libreslab-api.so.1": "reslab_malloc_nolock",
             "src/rcu/libreslab-rcu.so.1": "reslab_free_rcu"}
A_MEMBER = re.compile(r"(<class-decl name='reslab_\w*stats'.*?layout-offset-in-bits=')64'", re.S)


def run(*command):
    return subprocess.run(list(map(str, command)), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=900)


def succeed(*command):
    done = run(*command)
    if done.returncode != 0:
        sys.exit(f"abi: FAILED: {command[0]}: {done.stdout[-3000:]}{done.stderr[-3000:]}")


def dump(source, library, to):
    succeed("abidw", "--no-corpus-path", "--no-comp-dir-path", "--no-show-locs", "--drop-private-types",
            "--exported-interfaces-only", "--headers-dir", source / "include", "--out-file", to, library)
    # Where it was built is nobody's interface.
    to.write_text(re.sub(r"path='[^']*/src/", "path='src/", to.read_text()))


def differs(before, after):
    done = run("abidiff", before, after)
    if done.returncode & 3:  # it could not compare
        sys.exit(f"abi: FAILED: abidiff: {done.stdout}{done.stderr}")
    return done.returncode != 0 and done.stdout + done.stderr


def broken(text, name):
    """abi/ of a library that had more than ours, or something of another shape."""
    yield f"without {name}", re.sub(rf"'{name}(?=[@'])", f"'{name}_too", text)
    yield "with a member elsewhere", A_MEMBER.sub(r"\g<1>128'", text, count=1)


def check(stored, now, name, folder):
    if difference := differs(stored, now):
        sys.exit(f"abi: FAILED: the library is not what {stored} says; an addition is written down by --write:\n{difference}")
    for what, text in broken(stored.read_text(), name):
        other = folder / "other.abi"
        other.write_text(text)
        if not differs(other, now):
            sys.exit(f"abi: FAILED: a library {what} would be taken for the one of {stored}")
    print(f"as in {stored.name}")


def main():
    source = Path(sys.argv[1])
    if shutil.which("abidw") is None:
        print("abidw is not installed (abigail-tools)")
        sys.exit(77)
    with tempfile.TemporaryDirectory(prefix="reslab-abi-") as folder:
        build = Path(folder) / "build"
        # With debug information, which is where the types are; the rest of the code is not looked at.
        succeed("meson", "setup", build, source, "-Dtests=false", "-Dbenchmarks=false", "-Dcommand=disabled", "--buildtype=debug")
        succeed("ninja", "-C", build, *LIBRARIES)
        for library, name in LIBRARIES.items():
            stored = source / "abi" / Path(library).name.replace(".so.1", ".abi")
            now = stored if "--write" in sys.argv else Path(folder) / stored.name
            dump(source, build / library, now)
            if now != stored:
                check(stored, now, name, Path(folder))


if __name__ == "__main__":
    main()
