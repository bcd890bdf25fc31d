# SPDX-License-Identifier: Apache-2.0
"""Tiny projects outside build with an installed reslab, and their programs find the malloc they should: installed as
packagers do, or by the checkout's own command, which is then asked to run one program more.

Usage: packaging.py BUILD SOURCE make|make-static|cmake|dev|meson|meson-debug
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent


def fail(what, output=""):
    sys.exit(f"packaging: FAILED: {what}\n{output[-6000:]}")


def run(*command, **more):
    done = subprocess.run(list(map(str, command)), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=500, **more)
    if done.returncode != 0:
        fail(f"{' '.join(map(str, command))}: status {done.returncode}", done.stdout)
    return done.stdout


def install(build, folder):
    """The folder that stands for the root of the system, and that of the libraries in it."""
    run("meson", "install", "-C", build, "--no-rebuild", "--destdir", folder)
    return next(folder.rglob("libreslab.so.1")).parent


def run_programs(folder, names, libraries):
    for name in names:
        program = next((path for path in folder.rglob(name) if path.is_file()), None)
        if program is None:
            fail(f"{name} was not built")
        silent = name.startswith("elsewhere")  # names nothing of reslab's: known by the statistics that it leaves
        for mode in ("rseq", "fallback"):
            said = run(program, env={"LD_LIBRARY_PATH": str(libraries), "PATH": os.environ["PATH"],
                                     "RESLAB_OPTIONS": f"mode={mode}:stats={int(silent)}", "RESLAB_TEST_MODE": mode})
            expected = f"reslab: stats: mode={mode}\n" if silent else "ok: "
            if expected not in said:
                fail(f"{name} says in mode {mode}", said)
            print(f"{name}, {mode}: {expected if silent else said}".strip())


def names_of(*forms):
    return [f"{kind}{form}-{language}" for form in forms
            for kind, language in (("own", "c"), ("own", "cc"), ("malloc", "c"), ("malloc", "cc"), ("elsewhere", "c"))]


def with_make(root, libraries, work, static):
    env = os.environ | {"PKG_CONFIG_PATH": str(libraries / "pkgconfig"), "PKG_CONFIG_SYSROOT_DIR": str(root)}
    run("make", "-C", work / "make", f"STATIC={'--static' if static else ''}", env=env)
    run_programs(work / "make", names_of("") + ([] if static else ["rcu-c"]), libraries)


def with_cmake(root, libraries, work):
    run("cmake", "-S", work / "cmake", "-B", work / "build", f"-Dreslab_DIR={libraries / 'cmake/reslab'}")
    run("cmake", "--build", work / "build")
    run_programs(work / "build", names_of("", "-static") + ["rcu-c"], libraries)


def with_meson(source, work, *options, **environment):
    """Compiles reslab as well, so only two of the programs are made."""
    (work / "meson/subprojects").mkdir()
    (work / "meson/subprojects/reslab").symlink_to(source)
    run("meson", "setup", *options, work / "build", work / "meson", env=os.environ | environment)
    run("ninja", "-C", work / "build", *names_of("", "-static"), "rcu-c")
    run_programs(work / "build", names_of("", "-static") + ["rcu-c"], work / "build/subprojects/reslab/src")


TELLS = """
import sys
print("on reslab:", "libreslab.so.1" in open("/proc/self/maps").read(), sys.argv[1:], sys.stdin.read())
sys.exit(7)
"""


def with_dev(source, work):
    dev = source / "dev"
    run(dev, "build")
    tree = source / "build/dist"
    for path in ("include/reslab/reslab.h", "lib/libreslab.a", "lib/libreslab-malloc.a", "bin/reslab"):
        if not (tree / path).is_file():
            fail(f"./dev build leaves no {path}")
    with_make("", tree / "lib", work, static=False)
    run(tree / "bin/reslab", "--version")

    done = subprocess.run([dev, "run", "--", sys.executable, "-c", TELLS, "an argument", "--help"], input="input",
                          capture_output=True, text=True, timeout=60)
    if (done.returncode, done.stdout) != (7, "on reslab: True ['an argument', '--help'] input\n"):
        fail(f"./dev run: status {done.returncode}", done.stdout + done.stderr)
    done = subprocess.run([dev, "run", "no-such-command"], capture_output=True, text=True, timeout=60)
    if done.returncode == 0 or "no command 'no-such-command'" not in done.stderr:
        fail(f"./dev run of what is not there: status {done.returncode}", done.stderr)
    done = subprocess.run([dev, "no-such-thing"], capture_output=True, text=True, timeout=60)
    if done.returncode == 0 or "no command 'no-such-thing'" not in done.stderr:
        fail(f"./dev with a command that is not there: status {done.returncode}", done.stderr)


def main():
    build, source, kind = sys.argv[1:]
    needed = {"make": "pkg-config", "make-static": "pkg-config", "cmake": "cmake", "dev": "pkg-config",
              "meson": "meson", "meson-debug": "clang++"}[kind]
    if shutil.which(needed) is None:
        sys.exit(77)
    with tempfile.TemporaryDirectory(prefix="reslab-packaging-") as folder:
        work = Path(folder) / "projects"
        shutil.copytree(HERE / "projects", work)
        if kind == "meson":
            with_meson(Path(source), work)
            return
        if kind == "meson-debug":  # nothing is inlined, and clang's copies of functions are the linker's to choose from
            with_meson(Path(source), work, "--buildtype=debug", "-Dreslab:buildtype=debug", CC="clang", CXX="clang++")
            return
        if kind == "dev":
            with_dev(Path(source), work)
            return
        root = Path(folder) / "root"
        libraries = install(build, root)
        if kind == "cmake":
            with_cmake(root, libraries, work)
        else:
            with_make(root, libraries, work, kind == "make-static")


if __name__ == "__main__":
    main()
