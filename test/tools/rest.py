# SPDX-License-Identifier: Apache-2.0
"""From outside, a process at rest has exactly the figures that it finds itself; the same from a core file of it, where
the audit finds what was spoiled, and nothing else.

Usage: rest.py UNSTOPPED RESLAB RESTING MODE
"""

import os
import resource
import sys
import tempfile
from pathlib import Path

from support import Command, Target, can_dump, fail, make_core, require_same

# {what is spoiled: what a core's audit must say of it}
SPOILED = {"taken-twice": "C2: cached object has its free bit set",
           "lost-bit": "C4: slab's count differs from its bits",
           "bad-magazine": "C1: magazine header out of range"}


def main():
    unstopped, path, resting = (os.path.abspath(program) for program in sys.argv[1:4])
    mode = sys.argv[4]
    reslab = Command(unstopped, path)
    with Target([resting], mode) as target:
        require_same(target.said, reslab.survey(target.pid))
        reslab.succeed("check", target.pid)
    if not can_dump():
        print("no core files: the system takes them elsewhere")
        return
    resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    with tempfile.TemporaryDirectory(prefix="reslab-core-") as folder:
        os.chdir(folder)
        with Target([resting], mode) as target:
            core = make_core(target, folder)
        require_same(target.said, reslab.survey(core))
        reslab.succeed("check", core)
        for kind in ("svg", "html"):
            reslab.succeed("map", core, "-o", f"{folder}/heap.{kind}")
        with Target([resting, "hole"], mode) as target:
            require_same(target.said, reslab.survey(target.pid))
            core = make_core(target, folder)
        require_same(target.said, reslab.survey(core))
        reslab.succeed("check", core)
        reslab.succeed("map", core, "-o", f"{folder}/hole.svg")
        if "not reslab's" not in Path(f"{folder}/hole.svg").read_text():
            fail("the picture shows no hole")
        for what, finding in SPOILED.items():
            with Target([resting, what], mode) as target:
                done = reslab.run("check", make_core(target, folder))
                if done.returncode != 1 or finding not in done.stdout:
                    fail(f"{what}: check ends with {done.returncode} and says nothing of it", done.stdout + done.stderr)
        os.chdir("/")
        Path(core).write_bytes(Path(core).read_bytes()[:300000])
        reslab.refuse(["cut off"], "check", core)
    print(f"{len(target.said)} figures alike")


if __name__ == "__main__":
    main()
