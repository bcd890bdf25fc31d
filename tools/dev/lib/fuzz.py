#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs each fuzz target in each mode, one after the other, and keeps what it finds.

A target is a libFuzzer program, or one with options of the library: "NAME" or "NAME:OPTIONS". It starts from its corpus in
fuzz/corpus, which stays as it is, and from what earlier runs have added in WORK/corpus/TARGET. An input on which it fails stays
in WORK/findings, with the target's last words beside it.
On a terminal a line shows what runs, how long still, and how far it has come; otherwise there is a plain line when a target
begins, one a minute, and one when it ends. Exit status 0 when each target ran inputs and none of them failed.
"""

import argparse
import dataclasses
import os
import pathlib
import re
import shlex
import signal
import subprocess
import sys
import time

MODES = ("rseq", "fallback")
INPUT_SECONDS = 60  # an input that takes so long hangs
GRACE_SECONDS = 120  # for the corpus, which is run first and in no time of its own, and for the last input
PLAIN_SECONDS = 60  # between two lines where there is no terminal
TAIL_LINES = 40
PROGRESS = re.compile(r"^#(\d+)\s.*?\bcov: (\d+)", re.M)
EXECUTED = re.compile(r"^stat::number_of_executed_units:\s*(\d+)", re.M)


@dataclasses.dataclass(frozen=True)
class Target:
    name: str
    options: str
    corpus: pathlib.Path
    command: list

    def __str__(self):
        return f"{self.name}:{self.options}" if self.options else self.name


def read_list(path):
    """Lines of "NAME CORPUS COMMAND" or "NAME:OPTIONS CORPUS COMMAND"."""
    if not path.is_file():
        sys.exit(f"fuzz: there is no list of targets at {path}: build with clang first")
    lines = [shlex.split(line) for line in path.read_text().splitlines() if line.strip()]
    if not lines:
        sys.exit(f"fuzz: {path} lists no target")
    named = [(*first.partition(":")[::2], corpus, command) for first, corpus, *command in lines]
    return [Target(name, options, pathlib.Path(corpus), command) for name, options, corpus, command in named]


class Show:
    """What a person sees meanwhile."""

    def __init__(self, runs):
        self._terminal = sys.stderr.isatty()
        self._runs = runs
        self._findings = 0
        self._last = 0.0

    def begin(self, number, what, seconds):
        self._last = time.monotonic()
        if not self._terminal:
            print(f"[{number}/{self._runs}] {what}: {seconds:.0f} seconds", flush=True)

    def tick(self, number, what, left, progress):
        line = f"[{number}/{self._runs}] {what}: {max(0, int(left))} s left, {progress}, {self._findings} findings"
        if self._terminal:
            print(f"\r{line:<78}", end="", file=sys.stderr, flush=True)
        elif time.monotonic() - self._last >= PLAIN_SECONDS:
            self._last = time.monotonic()
            print(line, flush=True)

    def end(self, number, what, outcome, seconds, progress):
        self._findings += outcome != "ok"
        if self._terminal:
            print(f"\r{'':<78}\r", end="", file=sys.stderr, flush=True)
        print(f"[{number}/{self._runs}] {what}: {outcome} after {seconds:.0f} s, {progress}", flush=True)


def words_of(said):
    """The last line of progress that libFuzzer has written."""
    lines = PROGRESS.findall(said)
    return f"{lines[-1][0]} inputs, {lines[-1][1]} branches" if lines else "0 inputs"


def last_of(path, size=1 << 16):
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - size))
        return file.read().decode(errors="replace")


def wait(process, seconds, grace, output, tick):
    """What came of it. It does not outlive this program."""
    deadline = time.monotonic() + seconds + grace
    try:
        while (left := deadline - time.monotonic()) > 0:
            try:
                status = process.wait(timeout=min(1, left))
                return "ok" if status == 0 else f"FOUND (exit {status})" if status > 0 else f"FOUND (signal {-status})"
            except subprocess.TimeoutExpired:
                tick(left - grace, words_of(last_of(output)))
        return "HANGS"
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)  # its children as well: it leads a session
            process.wait()


def fuzz(number, target, mode, seconds, given, show):
    """Whether nothing was found."""
    what = f"{target} ({mode})"
    corpus, findings = given.work / "corpus" / target.name, given.work / "findings"
    for folder in (corpus, findings):
        folder.mkdir(parents=True, exist_ok=True)
    prefix = f"{target.name}-{mode}-"
    output = findings / f"{prefix}{given.seed}.log"
    before = set(findings.iterdir())
    arguments = [f"-max_total_time={seconds}", f"-seed={given.seed}", f"-timeout={INPUT_SECONDS}", "-print_final_stats=1",
                 f"-artifact_prefix={findings}/{prefix}", str(corpus), str(target.corpus)]
    environment = {"RESLAB_OPTIONS": ":".join(filter(None, [f"mode={mode}", target.options])), "RESLAB_TEST_MODE": mode}
    show.begin(number, what, seconds)
    started = time.monotonic()
    with output.open("wb") as out:
        process = subprocess.Popen([*target.command, *arguments], stdin=subprocess.DEVNULL, stdout=out,
                                   stderr=subprocess.STDOUT, start_new_session=True, env=os.environ | environment)
        outcome = wait(process, seconds, given.grace, output,
                       lambda left, progress: show.tick(number, what, left, progress))
    said = last_of(output)
    executed = EXECUTED.search(said)
    if outcome == "ok" and (executed is None or int(executed[1]) == 0):
        outcome = "RAN NOTHING"
    show.end(number, what, outcome, time.monotonic() - started, words_of(said))
    if outcome == "ok":
        output.unlink()
        return True
    print("  | " + "\n  | ".join(said.splitlines()[-TAIL_LINES:]))
    print(f"  all it said: {output}")
    for path in sorted(set(findings.iterdir()) - before - {output}):
        again = [*(f"{name}={value}" for name, value in environment.items()), *target.command, str(path)]
        print(f"  again: {shlex.join(again)}\n  for good: a copy in {target.corpus}, which every build replays")
    return False


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--list", required=True, type=pathlib.Path)
    parser.add_argument("--work", required=True, type=pathlib.Path)
    parser.add_argument("--minutes", required=True, type=float)
    parser.add_argument("--seed", type=int, default=int(time.time()) % 10**9)  # libFuzzer takes 32 bits; 0 is none
    parser.add_argument("--grace", type=float, default=GRACE_SECONDS)
    given = parser.parse_args()
    runs = [(target, mode) for target in read_list(given.list) for mode in MODES]
    seconds = max(1, round(given.minutes * 60 / len(runs)))
    show = Show(len(runs))
    print(f"fuzz: {len(runs)} runs of {seconds} s, seed {given.seed}, findings in {given.work}/findings", flush=True)
    good = sum(fuzz(number, *run, seconds, given, show) for number, run in enumerate(runs, 1))
    print(f"{good} passed, {len(runs) - good} failed")
    sys.exit(0 if good == len(runs) else 1)


if __name__ == "__main__":
    main()
