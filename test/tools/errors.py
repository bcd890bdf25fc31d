# SPDX-License-Identifier: Apache-2.0
"""Each reason why the command can do nothing is one clear line: wrong number, no permission, no reslab, other version,
and a target that dies while it is read.

Usage: errors.py UNSTOPPED RESLAB BUSY RESTING
"""

import os
import random
import subprocess
import sys
import tempfile
import time

from support import Command, Target, fail

CORES = os.path.join(os.path.dirname(__file__), "..", "..", "fuzz", "corpus", "core_file")
ENDS = ("ended while it was read", "there is no process", "has ended and waits", "has no program", "changed its memory")


def wrong_targets(reslab, mode):
    reslab.refuse(["there is no process 4194303"], "info", "4194303")
    reslab.refuse(["no process number"], "top", "abc", "-n", "1")
    reslab.refuse(["cannot open", "No such file"], "check", "no-such-core")
    reslab.refuse(["is no core file"], "check", sys.executable)
    with tempfile.TemporaryDirectory() as folder:
        reslab.refuse(["cannot open"], "check", folder)
        fifo = os.path.join(folder, "fifo")
        os.mkfifo(fifo)  # to open it would wait for a writer
        reslab.refuse(["cannot open"], "check", fifo)
        reslab.refuse(["cannot open"], "heap", fifo)
    # Of which the header cannot say how many segments it has: a section does, and with them the program's name is found.
    reslab.refuse(["(fuzz) does not run on reslab"], "check", os.path.join(CORES, "many-segments-by-section"))
    with Target(["/bin/sh", "-c", "echo ready; read x"], mode) as other:
        reslab.refuse(["does not run on reslab"], "info", other.pid)
        reslab.refuse(["terminal"], "top", other.pid)
        reslab.refuse([".svg or .html"], "map", other.pid, "-o", "heap.png")


def ended_target(reslab):
    child = subprocess.Popen(["true"])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    reslab.refuse(["has ended and waits for its parent"], "info", str(child.pid))
    child.wait()


def without_permission(unstopped, path, resting, mode):
    """As another user; who is no super-user takes the first process instead."""
    if os.geteuid() != 0:
        Command(unstopped, path).refuse(["no permission", "another user"], "info", "1")
        return
    with Target([resting], mode) as target:
        for command in ("info", "check"):
            done = subprocess.run(["setpriv", "--reuid=65534", "--clear-groups", path, command, target.pid],
                                  capture_output=True, text=True, timeout=30)
            if done.returncode != 1 or "another user; run this command as that user or as root" not in done.stderr:
                fail("another user's process", done.stdout + done.stderr)


def hostile_name(reslab, resting, mode):
    """A program's name is its own choice, and what it would tell a terminal is not passed on."""
    with tempfile.TemporaryDirectory() as folder:
        program = os.path.join(folder, "\x1b[31mred")
        os.symlink(os.path.abspath(resting), program)
        with Target([program], mode) as target:
            text = reslab.succeed("info", target.pid)
    if "\x1b" in text or "?[31mred" not in text:
        fail("the program's name went to the terminal as it was", text[:200])


def dying_target(reslab, busy, rounds, mode):
    chance = random.Random(1)
    words = {}
    for _ in range(rounds):
        with Target([busy], mode) as target:
            command = subprocess.Popen([*reslab.before, reslab.path, "top", target.pid, "-n", "1000", "-d", "0.1"],
                                       stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
            time.sleep(chance.uniform(0.01, 0.12))
            target.process.kill()
            said = command.communicate(timeout=30)[1]
        end = next((end for end in ENDS if end in said), None)
        if command.returncode != 1 or len(said.splitlines()) != 1 or end is None:
            fail(f"the target died: status {command.returncode}", said)
        words[end] = words.get(end, 0) + 1
    print(f"dying targets: {words}")


def main():
    unstopped, path, busy, resting, mode = sys.argv[1:]
    reslab = Command(unstopped, path)
    wrong_targets(reslab, mode)
    ended_target(reslab)
    without_permission(unstopped, path, resting, mode)
    with Target([resting, "other-version"], mode) as target:
        reslab.refuse(["another version", "its image is version 99"], "info", target.pid)
    hostile_name(reslab, resting, mode)
    dying_target(reslab, busy, 12, mode)


if __name__ == "__main__":
    main()
