#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the long form of each proof in each mode, one after the other, and keeps what each wrote.

A program is given its mode, --minutes, --seed and --log, and a whole number of minutes: with fewer minutes than runs,
the seed draws which ones take place. It ends with 0 when it found nothing. On a terminal a line shows what
runs, how long it may still take, and what has been found; otherwise each program is a line when it begins and one when
it ends. Exit status 0 when nothing was found.
"""

import argparse
import dataclasses
import os
import pathlib
import random
import subprocess
import sys
import time

MODES = ("rseq", "fallback")
GRACE_MINUTES = 5  # a program that runs so much longer than it was told hangs
TAIL_LINES = 20


@dataclasses.dataclass(frozen=True)
class Program:
    name: str
    path: str


def read_list(path):
    """Lines of "NAME PATH"."""
    if not path.is_file():
        sys.exit(f"torture: there is no list of programs at {path}: build first")
    programs = [Program(*line.split(maxsplit=1)) for line in path.read_text().splitlines() if line.strip()]
    if not programs:
        sys.exit(f"torture: {path} lists no program")
    return programs


class Show:
    """What a person sees meanwhile."""

    def __init__(self, runs):
        self._terminal = sys.stderr.isatty()
        self._runs = runs
        self._findings = 0

    def begin(self, number, what, minutes):
        if not self._terminal:
            print(f"[{number}/{self._runs}] {what}: {minutes} minutes", flush=True)

    def tick(self, number, what, left):
        if self._terminal:
            line = f"[{number}/{self._runs}] {what}: {max(0, int(left))} s left, {self._findings} findings"
            print(f"\r{line:<78}", end="", file=sys.stderr, flush=True)

    def end(self, number, what, outcome, seconds):
        self._findings += outcome != "ok"
        start = "\r" if self._terminal else ""
        print(f"{start}[{number}/{self._runs}] {what}: {outcome} after {seconds:.0f} s" + " " * 20, flush=True)


def wait(process, limit, tick):
    deadline = time.monotonic() + limit
    while (left := deadline - time.monotonic()) > 0:
        try:
            status = process.wait(timeout=min(1, left))
            return "ok" if status == 0 else f"exit {status}" if status > 0 else f"signal {-status}"
        except subprocess.TimeoutExpired:
            tick(left - GRACE_MINUTES * 60)
    process.kill()
    process.wait()
    return "HANGS"


def run(program, mode, minutes, seed, logs, show, number):
    what = f"{program.name} ({mode})"
    log = logs / f"{program.name.replace('/', '-')}-{mode}.log"
    output = log.with_suffix(".out")
    show.begin(number, what, minutes)
    started = time.monotonic()
    with output.open("wb") as out:
        process = subprocess.Popen(
            [program.path, "--mode", mode, "--minutes", str(minutes), "--seed", str(seed), "--log", str(log)], stdin=subprocess.DEVNULL,
            stdout=out, stderr=subprocess.STDOUT, start_new_session=True,
            env={**os.environ, "RESLAB_OPTIONS": f"mode={mode}", "RESLAB_TEST_MODE": mode})
        outcome = wait(process, minutes * 60 + GRACE_MINUTES * 60, lambda left: show.tick(number, what, left))
    show.end(number, what, outcome, time.monotonic() - started)
    if outcome == "ok":
        output.unlink()  # the log says it all
    else:
        tail = output.read_text(errors="replace").splitlines()[-TAIL_LINES:]
        print("  | " + "\n  | ".join(tail))
    return outcome == "ok"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--list", required=True, type=pathlib.Path)
    parser.add_argument("--logs", required=True, type=pathlib.Path)
    parser.add_argument("--minutes", required=True, type=int)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    arguments = parser.parse_args()
    programs = read_list(arguments.list)
    arguments.logs.mkdir(parents=True, exist_ok=True)
    jobs = [(program, mode) for program in programs for mode in MODES]
    if arguments.minutes < len(jobs):
        jobs = sorted(random.Random(arguments.seed).sample(jobs, max(1, arguments.minutes)), key=lambda job: job[0].name)
    show = Show(len(jobs))
    print(f"torture: {len(jobs)} runs in {arguments.minutes} minutes, seed {arguments.seed}, logs in {arguments.logs}")
    good = sum(run(program, mode, max(1, arguments.minutes // len(jobs)), arguments.seed, arguments.logs, show, number)
               for number, (program, mode) in enumerate(jobs, 1))
    print(f"{good} passed, {len(jobs) - good} failed")
    sys.exit(0 if good == len(jobs) else 1)


if __name__ == "__main__":
    main()
