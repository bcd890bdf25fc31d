#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the long form of each proof in each mode, one after the other, and keeps what each wrote.

A program is given its mode, --minutes, --seed and --log, and a whole number of minutes: at least its shares of the
time. With fewer minutes than that the seed draws which runs take place, and with more of them which runs get those that
are left over. It ends with 0 when it found nothing. On a terminal a line shows what runs, how long it may still take,
and what has been found; otherwise each program is a line when it begins and one when it ends. Exit status 0 when
nothing was found.
"""

import argparse
import dataclasses
import os
import pathlib
import random
import shlex
import signal
import subprocess
import sys
import time

MODES = ("rseq", "fallback")
# A program that runs so much longer than it was told hangs. Before their clock begins some do all of their quick form.
GRACE_MINUTES = 15
TAIL_LINES = 20


@dataclasses.dataclass(frozen=True)
class Program:
    name: str
    shares: int
    command: list


def read_list(path):
    """Lines of "NAME SHARES COMMAND"."""
    if not path.is_file():
        sys.exit(f"torture: there is no list of programs at {path}: build first")
    lines = [line.split(maxsplit=2) for line in path.read_text().splitlines() if line.strip()]
    if not lines:
        sys.exit(f"torture: {path} lists no program")
    return [Program(name, int(shares), shlex.split(command)) for name, shares, command in lines]


@dataclasses.dataclass
class Run:
    program: Program
    mode: str
    minutes: int


def plan(programs, minutes, seed):
    """The runs, in the order of the list, with minutes that add up to what there is."""
    dice = random.Random(seed)
    runs = [Run(program, mode, program.shares) for program in programs for mode in MODES]
    shares = sum(run.minutes for run in runs)
    drawn = dice.sample(range(len(runs)), len(runs))
    if minutes < shares:
        taken, left = set(), minutes
        for number in drawn:
            if runs[number].minutes <= left:
                taken.add(number)
                left -= runs[number].minutes
        return [run for number, run in enumerate(runs) if number in taken]
    for run in runs:
        run.minutes = run.minutes * minutes // shares
    left = minutes - sum(run.minutes for run in runs)
    for number in drawn[:left]:
        runs[number].minutes += 1
    return runs


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
    os.killpg(process.pid, signal.SIGKILL)  # its children as well: it leads a session
    process.wait()
    return "HANGS"


def do(run, seed, logs, show, number):
    program, mode = run.program, run.mode
    what = f"{program.name} ({mode})"
    log = logs / f"{program.name.replace('/', '-')}-{mode}.log"
    output = log.with_suffix(".out")
    show.begin(number, what, run.minutes)
    started = time.monotonic()
    with output.open("wb") as out:
        process = subprocess.Popen(
            [*program.command, "--mode", mode, "--minutes", str(run.minutes), "--seed", str(seed), "--log", str(log)],
            stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, start_new_session=True,
            env={**os.environ, "RESLAB_OPTIONS": f"mode={mode}", "RESLAB_TEST_MODE": mode})
        outcome = wait(process, run.minutes * 60 + GRACE_MINUTES * 60, lambda left: show.tick(number, what, left))
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
    runs = plan(read_list(arguments.list), arguments.minutes, arguments.seed)
    arguments.logs.mkdir(parents=True, exist_ok=True)
    show = Show(len(runs))
    print(f"torture: {len(runs)} runs in {arguments.minutes} minutes, seed {arguments.seed}, logs in {arguments.logs}")
    good = sum(do(run, arguments.seed, arguments.logs, show, number) for number, run in enumerate(runs, 1))
    print(f"{good} passed, {len(runs) - good} failed")
    sys.exit(0 if good == len(runs) and runs else 1)


if __name__ == "__main__":
    main()
