# SPDX-License-Identifier: Apache-2.0
"""The Debian packages build, hold what they should, and lintian has no error to report.

Usage: debian.py SOURCE
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

WANTED = {"libreslab1": ("libreslab.so.1", "libreslab-api.so.1", "libreslab-rcu.so.1"),
          "libreslab-dev": ("reslab/reslab.h", "libreslab-malloc.a", "libreslab.so", "pkgconfig/reslab.pc",
                            "reslab-config.cmake", "man3/reslab.3"),
          "reslab": ("bin/reslab", "man1/reslab.1")}


def fail(what, output=""):
    sys.exit(f"debian: FAILED: {what}\n{output[-6000:]}")


def run(*command, **more):
    return subprocess.run(list(map(str, command)), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=1700, **more)


def main():
    source = Path(sys.argv[1])
    for program in ("dpkg-buildpackage", "dh"):
        if shutil.which(program) is None:
            print(f"{program} is not installed")
            sys.exit(77)
    with tempfile.TemporaryDirectory(prefix="reslab-debian-") as folder:
        tree = Path(folder) / "reslab"
        shutil.copytree(source, tree, ignore=shutil.ignore_patterns("build", ".git", "__pycache__"), symlinks=True)
        done = run("dpkg-buildpackage", "--build=binary", "--no-sign", cwd=tree)
        if done.returncode != 0:
            fail("dpkg-buildpackage", done.stdout)
        for package, files in WANTED.items():
            made = list(Path(folder).glob(f"{package}_*.deb"))
            held = run("dpkg-deb", "--contents", made[0]).stdout if made else ""
            for file in files:
                if file not in held:
                    fail(f"{package} lacks {file}", held)
        if shutil.which("lintian"):
            done = run("lintian", "--allow-root", "--fail-on", "error", "--info",
                       *sorted(Path(folder).glob("*.deb")))
            if done.returncode != 0:
                fail("lintian", done.stdout)
        print(f"{len(WANTED)} packages")


if __name__ == "__main__":
    main()
