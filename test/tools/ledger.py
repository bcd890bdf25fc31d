# SPDX-License-Identifier: Apache-2.0
"""The figures of `info` against books that reslab does not keep: what the program itself has noted of its objects, class by
class, and what the kernel counts of its pages.

Usage: ledger.py UNSTOPPED RESLAB LEDGER MODE
"""

import re
import sys
from pathlib import Path

from support import Command, Target, fail, require_sums

RESIDENT_KINDS = ("live", "live_runs", "cached", "free_in_slabs", "slab_tails", "free_dirty", "in_transit")


def live_of(survey):
    """{bytes of an object: how many are handed out}."""
    live = {}
    for one in survey["classes"]:
        live[one["object_bytes"]] = live.get(one["object_bytes"], 0) + one["live"]
    return live


def require_ledger(before, after, ledger):
    """What has come since `before` is what the program has noted, each object in the class of its size."""
    large = ledger.pop("large")
    if len(ledger) < 30 or large == 0:
        fail(f"the program kept objects of {len(ledger)} sizes and {large} bytes of large blocks: that tests nothing")
    old, new = live_of(before), live_of(after)
    grown = {str(size): new[size] - old.get(size, 0) for size in new if new[size] != old.get(size, 0)}
    if grown != ledger:
        fail("objects that are not those of the program",
             "\n".join(f"{size} bytes: {grown.get(size, 0)} by info, {ledger.get(size, 0)} by the program"
                       for size in sorted(grown | ledger, key=int) if grown.get(size, 0) != ledger.get(size, 0)))
    units = after["memory"]["live_runs"] - before["memory"]["live_runs"]
    if units != large:
        fail(f"{units} bytes of large blocks by info, {large} by the program")


def mappings(pid, start, end):
    """Of the kernel, within the window: bytes that may be written, and bytes that are in memory."""
    writable = resident = 0
    counts = False
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        if match := re.match(r"([0-9a-f]+)-([0-9a-f]+) (\S+)", line):
            first, last = int(match[1], 16), int(match[2], 16)
            counts = start <= first < end
            if counts and last > end:
                fail(f"a mapping reaches out of the window: {line}")
            writable += last - first if counts and match[3].startswith("rw") else 0
        elif counts and line.startswith("Rss:"):
            resident += int(line.split()[1]) * 1024
    return writable, resident


def require_kernel(survey, target, filled):
    """`filled`: bytes that the program has written to."""
    memory = survey["memory"]
    writable, resident = mappings(target.pid, target.said["address.window"], target.said["address.window_end"])
    most = sum(memory[kind] for kind in RESIDENT_KINDS)
    # Its first unit is nobody's, and is protected.
    if writable != memory["committed"] - 65536:
        fail(f"the kernel lets {writable} bytes be written, committed are {memory['committed']}")
    if not filled <= resident <= most:
        fail(f"{resident} bytes are in memory, {filled} were filled, and {most} are of kinds that may be")
    pages = int(Path(f"/proc/{target.pid}/statm").read_text().split()[1])
    if memory["resident"] != pages * 4096 or resident > memory["resident"]:
        fail(f"info says that {memory['resident']} bytes are resident, the kernel {pages * 4096}")
    return resident


def go_on(target):
    """To the next place where it waits. What it says on the way."""
    target.process.stdin.write("\n")
    target.process.stdin.flush()
    said = {}
    for line in target.process.stdout:
        if line == "ready\n":
            return said
        name, value = line.removeprefix("ledger.").split()
        said[name] = int(value)
    fail("the program ended")


def main():
    unstopped, path, program, mode = sys.argv[1:]
    reslab = Command(unstopped, path)
    with Target([program], mode) as target:
        before = reslab.survey(target.pid)
        require_sums(before)
        require_kernel(before, target, 0)
        ledger = go_on(target)
        after = reslab.survey(target.pid)
        require_sums(after)
        filled = sum(int(size) * count for size, count in ledger.items() if size != "large") + ledger["large"]
        require_ledger(before, after, dict(ledger))
        resident = require_kernel(after, target, filled)
        go_on(target)
        last = reslab.survey(target.pid)
        require_sums(last)
        if any(live != live_of(before).get(size, 0) for size, live in live_of(last).items()):
            fail("the program has freed what it kept, and some of it is alive", str(live_of(last)))
        if last["memory"]["live_runs"] != before["memory"]["live_runs"] or last["memory"]["free_dirty"] == 0:
            fail("large blocks that were freed are alive, or nothing is kept of what was freed", str(last["memory"]))
        require_kernel(last, target, last["memory"]["free_dirty"] // 2)  # some of it was never filled
    print(f"{len(ledger)} sizes alike; {filled} bytes filled, {resident} resident")


if __name__ == "__main__":
    main()
