# SPDX-License-Identifier: Apache-2.0
"""Runs reservation.c under limits on its memory: set before it starts, set by itself later, all memory locked, and with
the kernel's strict overcommit accounting.

Usage: reservation.py PROGRAM MODE before|later|locked|overcommit
"""

import contextlib
import pathlib
import resource
import signal
import subprocess
import sys

from programs import environment, failed, finish

SKIPPED = 77
OVERCOMMIT = pathlib.Path("/proc/sys/vm/overcommit_memory")
MIB = 1 << 20

# As set by `ulimit -v`. At the second and third, a reservation that takes all it can get leaves no room for threads.
LIMITS_MIB = [280, 512, 1074, 4150, 16384, 262144]


def run(program, mode, arguments, limit_mib=None):
    """Runs one case; its name is in the message if it fails."""
    def limit():
        if limit_mib:
            resource.setrlimit(resource.RLIMIT_AS, (limit_mib * MIB, limit_mib * MIB))

    try:
        ended = subprocess.run([program, *arguments], env=environment(mode), capture_output=True, text=True, timeout=60,
                               check=False, preexec_fn=limit)
    except subprocess.TimeoutExpired:
        failed(f"{arguments}, limit {limit_mib} MiB: took longer than a minute")
        return 1
    if ended.returncode not in (0, SKIPPED):
        failed(f"{arguments}, limit {limit_mib} MiB: ended with {ended.returncode}: {ended.stderr.strip()[:2000]}")
    return ended.returncode


def before(program, mode):
    for limit in LIMITS_MIB:
        run(program, mode, ["work"], limit)
    return len(LIMITS_MIB)


def later(program, mode):
    for how in ("later", "later-by-prlimit"):
        for limit in LIMITS_MIB:
            run(program, mode, [how, str(limit)])
    return 2 * len(LIMITS_MIB)


def locked(program, mode):
    if run(program, mode, ["lock"]) == SKIPPED:
        print("this user may not lock that much memory")
        sys.exit(SKIPPED)
    return 1


@contextlib.contextmanager
def strict_overcommit():
    """The whole machine's setting, for as short a time as can be; skips where it is not ours to change."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))  # so that the setting is restored in any case
    try:
        kept = OVERCOMMIT.read_text()
        OVERCOMMIT.write_text("2")
    except OSError as problem:
        print(f"overcommit cannot be changed here: {problem}")
        sys.exit(SKIPPED)
    try:
        yield
    finally:
        OVERCOMMIT.write_text(kept)


def commit_charge_left():
    fields = dict(line.split(":") for line in pathlib.Path("/proc/meminfo").read_text().splitlines())
    return (int(fields["CommitLimit"].split()[0]) - int(fields["Committed_AS"].split()[0])) // 1024


def overcommit(program, mode):
    if commit_charge_left() < 2048:
        print("less than 2 GiB of commit charge are left on this machine")
        sys.exit(SKIPPED)
    with strict_overcommit():
        run(program, mode, ["work"])
        run(program, mode, ["charge"])
        run(program, mode, ["later", "1074"])
    return 3


def main():
    program, mode, case = sys.argv[1:]
    cases = {"before": before, "later": later, "locked": locked, "overcommit": overcommit}
    finish(cases[case](program, mode), "runs")


if __name__ == "__main__":
    main()
