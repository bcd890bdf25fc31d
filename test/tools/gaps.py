# SPDX-License-Identifier: Apache-2.0
"""`reslab info` does not stop a process under full load: no thread of it is ever seen stopped or traced while it is looked
at, and the longest time that one operation takes is measured with and without. `--limit MS`: the median of what it is
with, over the rounds, may be no longer than that; only for a test that may look at the clock.

Usage: gaps.py UNSTOPPED RESLAB GAPS MODE ROUNDS SECONDS [--limit MS]
"""

import statistics
import subprocess
import sys
import time
from pathlib import Path

from support import Command, Target, fail


def states(pid):
    """Of all threads, as /proc has them."""
    found = set()
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            found.add((task / "stat").read_text().rpartition(")")[2].split()[0])
        except (FileNotFoundError, ProcessLookupError):
            continue  # the thread has ended
    return found


def ask(target):
    """Operations since the last time, those of them in which the thread was displaced, and the longest of the others in ms."""
    target.process.stdin.write("\n")
    target.process.stdin.flush()
    operations, displaced, nanoseconds = (int(word) for word in target.process.stdout.readline().split())
    return operations, displaced, nanoseconds / 1e6


def gap(target):
    operations, displaced, longest = ask(target)
    if operations - displaced < 10:
        fail(f"the thread did {operations} operations, in {displaced} of which it was displaced: nothing was measured")
    return longest


def look(reslab, target):
    """One run of info, beside which the target's threads are watched. Says how often."""
    command = subprocess.Popen([*reslab.before, reslab.path, "info", target.pid], stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
    watched = 0
    while command.poll() is None:
        watched += 1
        if stopped := states(target.pid) & set("Tt"):
            command.kill()
            fail(f"a thread of the process is in state {stopped} while it is looked at")
    if command.returncode != 0 or command.stderr.read():
        fail(f"info ends with {command.returncode}")
    return watched


def main():
    unstopped, path, program, mode, rounds, seconds, *limit = sys.argv[1:]
    reslab = Command(unstopped, path)
    without, beside = [], []
    looks = watched = 0
    with Target([program], mode) as target:
        for _ in range(int(rounds)):
            ask(target)
            time.sleep(float(seconds))
            without.append(gap(target))
            end = time.monotonic() + float(seconds)
            while time.monotonic() < end:
                watched += look(reslab, target)
                looks += 1
            beside.append(gap(target))
    print(f"{looks} looks, {watched} times watched; the longest operation in {seconds} s without: "
          f"{statistics.median(without):.3f} ms at the median of {rounds} rounds, {max(without):.3f} at most; "
          f"beside info: {statistics.median(beside):.3f}, {max(beside):.3f}")
    if looks < 2 * int(rounds) or watched < looks:
        fail("too few looks")
    if limit and statistics.median(beside) > float(limit[1]):
        fail(f"beside info one operation in {seconds} s takes more than {limit[1]} ms")


if __name__ == "__main__":
    main()
