# SPDX-License-Identifier: Apache-2.0
"""Every block of code in README.md and docs/ does what it says. A block says what it is:

  c nolock, c malloc, c rcu  is compiled with the installed reslab and run; in what way it is linked with it
  sh                         is run; finds the C blocks of its page before it as PAGE.c, PAGE2.c ...
  sh begin                   lines that would take too long: each is begun
  sh dev                     commands of ./dev, which commands.py looks at
  console                    what a program says when it begins, which stays then
  dockerfile                 is not built: what it names is there
  text ...                   is no code: another test holds it, see TEXTS

Each program and each shell block is run in both modes, and it is seen that it runs in this mode.

Usage: blocks.py BUILD SOURCE
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "packaging"))
import shell  # noqa: E402
from packaging import install  # noqa: E402

PACKAGES = {"nolock": ["reslab"], "malloc": ["reslab-malloc"], "rcu": ["reslab-rcu", "liburcu-memb"]}
# What `text` shows is not tried here, but by these.
TEXTS = {"layers": "test/docs/blocks.py", "includes": "tools/dev/lib/layers_figure.py", "top": "test/tools/top.py",
         "top server": "test/tools/story.py", "hard limit": "test/surroundings/limits.py"}
# So that what a test runs beside others stays out of their way.
IN_A_TEST = {"cache_server": "--port 0"}
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


def try_console(where, code, folder, env):
    """`$ COMMAND` and what it says, whatever the numbers."""
    command, *wanted = code.removeprefix("$ ").splitlines()
    command = f"exec {command} {IN_A_TEST.get(command.split()[0], '')}"
    with subprocess.Popen(["bash", "-c", command], cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True) as process:
        said = [process.stdout.readline().rstrip("\n") for _ in wanted]
        process.kill()
    if not wanted or [re.sub(r"\d+", "1", line) for line in said] != [re.sub(r"\d+", "1", line) for line in wanted]:
        fail(where, f"it says {said}, not {wanted}")


def try_dockerfile(where, code, source, libraries):
    known = (source / "tools/dev/lib/packages.sh").read_text() + (source / "meson_options.txt").read_text()
    named = re.search(r"apt-get install -y (.*)", code)[1].split() + re.findall(r" -D(\w+)=", code)
    for name in named:
        if not re.search(rf"(?<![\w-]){re.escape(name)}(?![\w+-])", known):
            fail(where, f"'{name}' is neither a package that the build needs nor an option")
    for name in re.findall(r"^COPY --from=build \S*/(\S+)", code, re.M):
        if not (libraries / name).exists():
            fail(where, f"'{name}' is not installed")


def try_text(where, code, form, source):
    if form not in TEXTS:
        fail(where, f"'text {form}': code says its language, and what is none is held by a test")
    elif form == "layers":
        folders = {path.name for path in (source / "src").iterdir() if path.is_dir()}
        if set(re.findall(r"^(\w+)/ ", code, re.M)) != folders:
            fail(where, f"the layers are {', '.join(sorted(folders))}")
    elif f"text {form}" not in (source / TEXTS[form]).read_text() and f'"{form}"' not in (source / TEXTS[form]).read_text():
        fail(where, f"{TEXTS[form]} does not know 'text {form}'")


class Place:
    """Where blocks are tried: an installed reslab, and what was built beside it."""

    def __init__(self, build, source, folder):
        self.build, self.source, self.folder = Path(build), source, folder
        root = folder / "root"
        self.libraries = install(build, root)
        commands = next(path.parent for path in root.rglob("bin/reslab"))
        path = f"{commands}:{self.build / 'examples'}:{os.environ['PATH']}"
        self.env = os.environ | {"PKG_CONFIG_PATH": str(self.libraries / "pkgconfig"), "PKG_CONFIG_SYSROOT_DIR": str(root),
                                 "LD_LIBRARY_PATH": str(self.libraries), "PATH": path}
        for name in ("LD_PRELOAD", "RESLAB_OPTIONS"):
            self.env.pop(name, None)
        self.at_start = folder / "mode_at_start.o"
        run("mode_at_start.cc", ["c++", "-std=c++17", "-I", str(source / "include"), "-c",
                                 str(source / "test/tools/mode_at_start.cc"), "-o", str(self.at_start)], folder, self.env)
        self.witness = shell.compile_witness(source, folder)

    def words(self, pid):
        """What stands for something of the reader's own, in lines that are begun."""
        return {"build/gcc": self.build, "libreslab.so.1": self.libraries / "libreslab.so.1", "PID": pid}


def try_begin(where, code, place):
    with subprocess.Popen(["reslab", "run", "sleep", "60"], env=place.env, stdin=subprocess.DEVNULL) as target:
        for problem in shell.begin(code, place.source, place.env, place.words(target.pid)):
            fail(where, problem)
        target.kill()


def try_page(page, place):
    work = place.folder / page.stem
    work.mkdir()
    programs = blocks = 0
    text = page.read_text()
    if text.count("```") != 2 * len(FENCE.findall(text)):
        fail(page.name, "a block has no end, or is not at the beginning of its line")
    for match in FENCE.finditer(text):
        where = f"{page.name}:{text.count(chr(10), 0, match.start()) + 1}"
        kind, code = match[1], match[2]
        language, _, form = kind.partition(" ")
        blocks += 1
        if language == "c":
            programs += 1
            name = page.stem + ("" if programs == 1 else str(programs)) + ".c"
            try_c(where, code, form, work / name, place.env, place.at_start)
        elif kind == "sh":
            for problem in shell.run(code, work, place.env, place.witness):
                fail(where, problem)
        elif kind == "sh begin":
            try_begin(where, code, place)
        elif kind == "console":
            try_console(where, code, work, place.env)
        elif kind == "dockerfile":
            try_dockerfile(where, code, place.source, place.libraries)
        elif language == "text":
            try_text(where, code, form, place.source)
        elif kind != "sh dev":
            fail(where, f"'{kind}' is no kind of block")
    return blocks


def main():
    source = Path(sys.argv[2]).resolve()
    with tempfile.TemporaryDirectory(prefix="reslab-docs-") as folder:
        place = Place(sys.argv[1], source, Path(folder))
        blocks = sum(try_page(page, place) for page in [source / "README.md", *sorted((source / "docs").glob("*.md"))])
    print(f"{blocks} blocks, {failures} failures")
    sys.exit(0 if failures == 0 and blocks > 10 else 1)


if __name__ == "__main__":
    main()
