"""From outside, a process at rest has exactly the figures that it finds itself; the same from a core file of it, where
the audit finds what was spoiled, and nothing else.

Usage: rest.py UNSTOPPED RESLAB RESTING MODE
"""

import os
import resource
import signal
import sys
import tempfile
from pathlib import Path

from support import Command, Target, fail, require_sums

# {what is spoiled: what a core's audit must say of it}
SPOILED = {"taken-twice": "C2: cached object has its free bit set",
           "lost-bit": "C4: slab's count differs from its bits",
           "bad-magazine": "C1: magazine header out of range"}


def figures(survey):
    """Those of `survey` under the names that the program uses."""
    memory = survey["memory"]
    found = {f"counters.{name}": value for name, value in survey["counters"].items()}
    found |= {f"memory.{name}": memory[name] for name in ("committed", "reserved", "metadata")}
    found["memory.all_live"] = memory["live"] + memory["live_runs"]
    for one in survey["classes"]:
        found |= {f"class.{one['object_bytes']}.{name}": value for name, value in one.items()}
    units = survey["runs"]["units"]
    runs = {"object_bytes": 65536, "slab_bytes": 65536, "capacity": units, "live": units,
            "slabs_full": survey["runs"]["runs"]}
    return found | {f"class.runs.{name}": value for name, value in runs.items()}


def require_same(said, survey):
    require_sums(survey)
    found = figures(survey)
    wrong = [f"{name}: {value} inside, {found.get(name, 0)} outside" for name, value in said.items()
             if found.get(name, 0) != value]
    if wrong or len(said) < 50:
        fail(f"{len(wrong)} of {len(said)} figures differ", "\n".join(wrong))


def can_dump():
    """The kernel writes a core where the process was started; a pipe or a folder of the system's would get it otherwise."""
    pattern = Path("/proc/sys/kernel/core_pattern").read_text()
    return pattern[0] not in "|/" and resource.getrlimit(resource.RLIMIT_CORE)[1] == resource.RLIM_INFINITY


def make_core(target, folder):
    """Ends the process by SIGABRT."""
    target.process.send_signal(signal.SIGABRT)
    target.process.wait()
    cores = list(Path(folder).glob("core*"))
    if len(cores) != 1:
        fail("the kernel made no core file")
    return str(cores[0].rename(Path(folder) / f"of-{target.pid}"))


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
