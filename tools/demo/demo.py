#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The demonstration of `./dev run`: one program under a storm of signals, on the system's malloc and then on reslab.

What it says is what happened: each run's end is read from the program's exit status, its signal or a time limit.
Exit status: 0 when the program worked to the end on reslab, 1 when it did not, 2 when the demonstration could not run.
"""

import argparse
import dataclasses
import os
import pathlib
import platform
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time

GRACE_SECONDS = 15  # the program notices by itself when it stands still; past this it is killed
LEAST_SIGNALS_PER_SECOND = 50  # of 4,000; a busy machine delivers fewer, but below this it would be no storm
STORM_DAMAGED = 3
STORM_STUCK = 4

# What a newcomer can make something of; RESLAB_OPTIONS=stats=1 prints all.
SHOWN_STATISTICS = {
    "allocs": "objects that went to a CPU's magazine; a malloc takes its object there",
    "frees": "objects that came back from full magazines",
    "refills": "times that a magazine was empty",
    "flushes": "times that a magazine was full",
    "rseq_restarts_exhausted": "calls interrupted so often that they left the fast path",
    "reentries": "slow calls that met an unfinished slow call of their own thread",
    "local_lock_busy_self": "of these, calls that met its lock and went another way: nothing waits",
    "bytes_committed": "bytes of memory at the end",
    "double_frees": "objects freed twice",
    "invalid_frees": "frees of what is no object",
}


class CannotRun(Exception):
    """Something that the demonstration needs is missing; its text is for the user."""


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How one run ended: a word for it, a sentence, and how far the program came."""

    word: str
    sentence: str
    signals: int

    @property
    def survived(self):
        return self.word == "SURVIVED"


def environment(preload, options):
    """The user's environment without what would change the malloc that is shown."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_") and name != "LD_PRELOAD"}
    if preload is not None:
        env["LD_PRELOAD"] = str(preload)
        env["RESLAB_OPTIONS"] = ":".join(filter(None, [env.get("RESLAB_OPTIONS"), *options]))
    return env


def run_storm(storm, seconds, env):
    """Runs the program, shows its output as it comes, and returns (return code or None for killed, output, seconds)."""
    begin = time.monotonic()
    process = subprocess.Popen([storm, str(seconds)], env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True, errors="replace")
    killed = threading.Event()

    def kill():
        killed.set()
        process.kill()

    limit = threading.Timer(seconds + GRACE_SECONDS, kill)
    limit.start()
    lines = []
    try:
        for line in process.stdout:
            lines.append(line.rstrip("\n"))
            print("   |", lines[-1], flush=True)
        process.wait()
    finally:
        limit.cancel()
        process.kill()
    return None if killed.is_set() else process.returncode, lines, time.monotonic() - begin


def judge(return_code, lines, took):
    """What the end of a run means."""
    counts = re.findall(r"(\d+) signals, +(\d+) inside", "\n".join(lines))
    signals, inside = map(int, counts[-1]) if counts else (0, 0)
    if return_code is None:
        return Outcome("HUNG", f"it did not end and was killed after {took:.0f} seconds.", signals)
    if return_code < 0:
        name = signal.Signals(-return_code).name
        return Outcome("CRASHED", f"it died of {name} after {took:.1f} seconds.", signals)
    if return_code == STORM_STUCK:
        return Outcome("DEADLOCK", f"a thread waits for ever. Signals handled until then: {signals}.", signals)
    if return_code == STORM_DAMAGED:
        return Outcome("DAMAGED", f"its memory was damaged after {took:.1f} seconds.", signals)
    if return_code != 0:
        raise CannotRun(f"the program of the demonstration failed with status {return_code}: {' '.join(lines)}")
    if signals < took * LEAST_SIGNALS_PER_SECOND:
        raise CannotRun(f"only {signals} signals came in {took:.0f} seconds: no storm, so nothing is shown")
    return Outcome("SURVIVED", f"{signals} signals in {took:.0f} seconds, {inside} of them inside malloc's library, "
                               "and no string or log line was damaged.", signals)


def storm_on(storm, seconds, env):
    return judge(*run_storm(storm, seconds, env))


def read_statistics(path):
    try:
        text = path.read_text()
    except OSError as error:
        raise CannotRun(f"the library left no statistics: {error.strerror}") from error
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


def show_statistics(statistics):
    print(f"   mode={statistics.get('mode')}: {statistics.get('mode_reason')}\n")
    for name, meaning in SHOWN_STATISTICS.items():
        print(f"   {name:<24}{statistics.get(name, '-'):>12}   {meaning}")


def show_system(storm, seconds):
    libc = " ".join(platform.libc_ver())
    print(f"\n1. On the system's malloc ({libc.strip() or 'of libc'}), for at most {seconds} seconds:\n", flush=True)
    outcome = storm_on(storm, seconds, environment(None, []))
    print(f"\n   {outcome.word}: {outcome.sentence}")
    if outcome.survived:
        print("   This time, that is: nothing in it is made for this. Run it again, or longer with --seconds.")


def show_reslab(storm, library, seconds):
    print(f"\n2. The same program on reslab (LD_PRELOAD={library.name}), for {seconds} seconds:\n", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "statistics"
        outcome = storm_on(storm, seconds, environment(library, [f"stats_file={file}"]))
        print(f"\n   {outcome.word}: {outcome.sentence}")
        if not outcome.survived:
            return 1
        print("\n3. reslab's own statistics of that run:\n")
        show_statistics(read_statistics(file))
    return 0


INTRODUCTION = """\
A small server fills tables with strings and checks them. 4,000 times a second a signal interrupts it, and its signal
handler writes a log line: localtime(), malloc and free, as the handler of Redis did (redis#213). When the signal
arrives in the middle of malloc, the handler calls malloc while malloc is unfinished. (The server itself stays out of
localtime and stdio: their own locks would stop the handler whatever malloc does.) The program: tools/demo/storm.cc"""

CLOSING = """
Your own programs: ./dev run COMMAND...      All statistics: RESLAB_OPTIONS=stats=1 ./dev run COMMAND..."""


def existing_file(text):
    path = pathlib.Path(text).resolve()
    if not path.is_file():
        raise argparse.ArgumentTypeError(f"there is no file {path}")
    return path


def seconds_of(text):
    if not text.isdecimal() or not 1 <= int(text) <= 600:
        raise argparse.ArgumentTypeError("a whole number from 1 to 600 is expected")
    return int(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--storm", type=existing_file, required=True, help="the program reslab-storm")
    parser.add_argument("--library", type=existing_file, required=True, help="libreslab.so")
    parser.add_argument("--seconds", type=seconds_of, default=10, help="for each of the two runs (10)")
    arguments = parser.parse_args()
    print(INTRODUCTION)
    try:
        show_system(arguments.storm, arguments.seconds)
        status = show_reslab(arguments.storm, arguments.library, arguments.seconds)
    except CannotRun as error:
        print(f"demo: {error}", file=sys.stderr)
        return 2
    print(CLOSING)
    return status


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
