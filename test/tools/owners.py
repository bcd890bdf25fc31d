# SPDX-License-Identifier: Apache-2.0
"""Typed caches, groups, charged objects and kept runs, looked at from outside: at rest with exactly the figures that the
process finds itself, also from its core; while caches and groups come and go; and spoiled. All by their names.

Usage: owners.py UNSTOPPED RESLAB OWNERS MODE
"""

import os
import resource
import sys
import tempfile
from pathlib import Path

from support import Command, Target, can_dump, fail, make_core, require_same, require_sums

NAMES = ("connection", "session", "page", "request", "charged 48")
GROUPS = ("tenant", "inner", "endless")
LOOKS = 25
# The notes of the debug modes are as long as the window that they describe, and for a core the kernel looks at every page.
SMALL_WINDOW = ["prlimit", f"--as={4 << 30}"]

# {what is spoiled: what a core's audit must say of it}
SPOILED = {"lost-bit": "C4: slab's count differs from its bits", "kept-twice": "C7: two descriptors cover a unit"}


def require_names(text, names, what):
    missing = [name for name in names if name not in text]
    if missing:
        fail(f"{what} does not name {', '.join(missing)}", text)


def look_at_rest(reslab, target):
    """Figures, findings and names of a process or its core."""
    require_names("\n".join(target.said), [f"class.{name}.live" for name in NAMES], "the program itself")
    survey = reslab.survey(target.pid)
    require_same(target.said, survey)
    if {"past", "gone"} & {one["name"] for one in survey["groups"] + survey["classes"]}:
        fail("what was destroyed is listed")
    if next(one for one in survey["groups"] if one["name"] == "inner")["failures"] == 0:
        fail("nothing was refused for a limit: the figure is not tested")
    reslab.succeed("check", target.pid)
    require_names(reslab.succeed("info", target.pid), NAMES + GROUPS, "info")
    require_names(reslab.succeed("top", target.pid, "-n", "1"), NAMES, "top")


def look_at_core(reslab, target, folder):
    core = make_core(target, folder)
    require_same(target.said, reslab.survey(core))
    reslab.succeed("check", core)
    reslab.succeed("map", core, "-o", f"{folder}/heap.html")
    require_names(Path(folder, "heap.html").read_text(), NAMES, "map")


def look_at_churn(reslab, target):
    for _ in range(LOOKS):
        require_sums(reslab.survey(target.pid))
        reslab.succeed("check", target.pid)
    if target.process.poll() is not None:
        fail(f"the process that was looked at ended with {target.process.returncode}")


def main():
    unstopped, path, owners = (os.path.abspath(program) for program in sys.argv[1:4])
    mode = sys.argv[4]
    reslab = Command(unstopped, path)
    with Target([owners, "churn"], mode) as target:
        look_at_churn(reslab, target)
    dumps = can_dump()
    if dumps:
        resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    with tempfile.TemporaryDirectory(prefix="reslab-core-") as folder:
        os.chdir(folder)
        for options in ("", ":debug=FZ"):
            with Target([*SMALL_WINDOW, owners], mode, options=options) as target:
                look_at_rest(reslab, target)
                if dumps:
                    look_at_core(reslab, target, folder)
        for what, finding in SPOILED.items() if dumps else ():
            with Target([owners, what], mode) as target:
                done = reslab.run("check", make_core(target, folder))
                if done.returncode != 1 or finding not in done.stdout:
                    fail(f"{what}: check ends with {done.returncode} and says nothing of it", done.stdout + done.stderr)
        os.chdir("/")
    print(f"{len(target.said)} figures alike" + ("" if dumps else "; no core files: the system takes them elsewhere"))


if __name__ == "__main__":
    main()
