# SPDX-License-Identifier: Apache-2.0
"""Every block of code in README.md and docs/ does what it says: C is compiled with the installed reslab and run, shell is run,
and the commands of ./dev exist.

A block says what it is: ```c nolock (linked with reslab), ```c malloc, ```c rcu, ```sh, ```sh dev, ```text. Shell blocks find
the C blocks of their page before them as PAGE.c, PAGE2.c ...

Usage: blocks.py BUILD SOURCE
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "packaging"))
from packaging import install  # noqa: E402

PACKAGES = {"nolock": ["reslab"], "malloc": ["reslab-malloc"], "rcu": ["reslab-rcu", "liburcu-memb"]}
FENCE = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.M | re.S)

failures = 0


def fail(where, what, output=""):
    global failures
    failures += 1
    print(f"FAILED {where}: {what}\n{output[-3000:]}", file=sys.stderr)


def run(where, command, folder, env):
    done = subprocess.run(command, cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=120)
    if done.returncode != 0:
        fail(where, f"{command[0]}: status {done.returncode}", done.stdout)
    return done.returncode == 0


def try_c(where, code, form, path, env, at_start):
    if form not in PACKAGES:
        fail(where, f"'c {form}' is no kind of block")
        return
    path.write_text(code)
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", *PACKAGES[form]], env=env, capture_output=True, text=True,
                           timeout=30, check=True).stdout.split()
    program = path.with_suffix("")
    command = ["cc", "-std=gnu11", "-Wall", "-Wextra", "-Werror", str(path), str(at_start), *flags, "-o", str(program)]
    if run(where, command, path.parent, env):
        for mode in ("rseq", "fallback"):
            run(where, [str(program)], path.parent, env | {"RESLAB_OPTIONS": f"mode={mode}", "RESLAB_TEST_MODE": mode})
        program.unlink()


def try_dev(where, code, source):
    for command in re.findall(r"^\./dev (\w+)", code, re.M):
        if not (source / f"tools/dev/{command}.sh").is_file():
            fail(where, f"there is no ./dev {command}")


def try_page(page, source, folder, env, at_start):
    programs = blocks = 0
    text = page.read_text()
    if text.count("```") != 2 * len(FENCE.findall(text)):
        fail(page.name, "a block has no end, or is not at the beginning of its line")
    for match in FENCE.finditer(text):
        where = f"{page.name}:{text.count(chr(10), 0, match.start()) + 1}"
        language, _, form = match.group(1).partition(" ")
        blocks += 1
        if language == "c":
            programs += 1
            name = page.stem + ("" if programs == 1 else str(programs)) + ".c"
            try_c(where, match.group(2), form, folder / name, env, at_start)
        elif language == "sh" and form == "dev":
            try_dev(where, match.group(2), source)
        elif language == "sh":
            run(where, ["bash", "-eu", "-o", "pipefail", "-c", match.group(2)], folder, env)
        elif language != "text":
            fail(where, f"'{match.group(1)}' is no kind of block")
    return blocks


def main():
    build, source = sys.argv[1], Path(sys.argv[2])
    with tempfile.TemporaryDirectory(prefix="reslab-docs-") as folder:
        root = Path(folder) / "root"
        libraries = install(build, root)
        commands = next(path.parent for path in root.rglob("reslab-run"))
        env = os.environ | {"PKG_CONFIG_PATH": str(libraries / "pkgconfig"), "PKG_CONFIG_SYSROOT_DIR": str(root),
                            "LD_LIBRARY_PATH": str(libraries), "PATH": f"{commands}:{os.environ['PATH']}"}
        for name in ("LD_PRELOAD", "RESLAB_OPTIONS"):
            env.pop(name, None)
        at_start = Path(folder) / "mode_at_start.o"
        run("mode_at_start.cc", ["c++", "-std=c++17", "-I", str(source / "include"), "-c",
                                 str(source / "test/tools/mode_at_start.cc"), "-o", str(at_start)], folder, env)
        blocks = 0
        for page in [source / "README.md", *sorted((source / "docs").glob("*.md"))]:
            work = Path(folder) / page.stem
            work.mkdir()
            blocks += try_page(page, source, work, env, at_start)
    print(f"{blocks} blocks, {failures} failures")
    sys.exit(0 if failures == 0 and blocks > 10 else 1)


if __name__ == "__main__":
    main()
