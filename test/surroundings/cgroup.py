# SPDX-License-Identifier: Apache-2.0
"""Under the memory limit of a control group (version 2): a program whose objects, freed size by size, are twelve times the
limit in all lives, since what it frees goes back; and the limit is one, since who keeps them is killed.

A group is made beside or below this process's own where that is allowed, and removed at the end. Elsewhere: skipped.

Usage: cgroup.py PROGRAM MODE
"""

import contextlib
import os
import pathlib
import signal
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "api"))
from programs import environment, failed, finish  # noqa: E402

LIMIT_MIB = 64
FILLED_MIB = 40  # of one size; the rest is the program, bookkeeping, and what stays dirty
SKIPPED = 77


def skip(reason):
    print(f"SKIP: {reason}")
    sys.exit(SKIPPED)


def parents():
    """The folders in which a group could be made: this process's group and the one around it. None: no such hierarchy."""
    mounts = [line.split() for line in pathlib.Path("/proc/self/mounts").read_text().splitlines()]
    root = next((fields[1] for fields in mounts if fields[2] == "cgroup2"), None)
    path = next((line[3:] for line in pathlib.Path("/proc/self/cgroup").read_text().splitlines() if line.startswith("0::")), None)
    if not root or not path:
        return []
    own = pathlib.Path(root) / path.lstrip("/")
    return [own] if path == "/" else [own, own.parent]


@contextlib.contextmanager
def limited_group():
    """A new group with the limit, where a group hands memory on to those below it and lets this user make one."""
    reasons = []
    for parent in parents():
        try:
            if "memory" not in (parent / "cgroup.subtree_control").read_text().split():
                reasons.append(f"{parent} hands no memory limits on")
                continue
            group = parent / f"reslab-test-{os.getpid()}"
            group.mkdir()
        except OSError as error:
            reasons.append(f"{parent}: {error.strerror}")
            continue
        try:
            (group / "memory.max").write_text(str(LIMIT_MIB << 20))
            with contextlib.suppress(OSError):  # a kernel without swap accounting
                (group / "memory.swap.max").write_text("0")
            yield group
        finally:
            group.rmdir()
        return
    skip("; ".join(reasons) or "there are no control groups of version 2")


def run(group, program, mode, how):
    def enter():
        (group / "cgroup.procs").write_text(str(os.getpid()))

    return subprocess.run([program, how, str(FILLED_MIB)], env=environment(mode), capture_output=True, text=True, timeout=100,
                          check=False, preexec_fn=enter)


def main():
    program, mode = sys.argv[1:]
    with limited_group() as group:
        lived = run(group, program, mode, "in-turn")
        if lived.returncode != 0:
            failed(f"what frees as it goes ended with {lived.returncode}: {lived.stderr}")
        killed = run(group, program, mode, "at-once")
        if killed.returncode != -signal.SIGKILL:
            failed(f"what keeps all was not killed but ended with {killed.returncode}: {killed.stderr}")
    finish(2, "programs")


if __name__ == "__main__":
    main()
