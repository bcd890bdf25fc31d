#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The demonstration of `./dev run`: perl under a storm of signals, on the system's malloc and then on reslab.

What it says is what happened: each run's end is read from the program's exit status, its signal or a time limit, and
what it wrote is compared with what it writes undisturbed.
Exit status: 0 when the program worked to the end on reslab, 1 when it did not, 2 when the demonstration could not run.
"""

import argparse
import concurrent.futures
import dataclasses
import os
import pathlib
import platform
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

FOLDER = pathlib.Path(__file__).resolve().parent
PROGRAM = FOLDER / "index.pl"
DOCUMENTS = sorted((FOLDER.parents[1] / "docs").glob("*.md"))
UNDISTURBED_LIMIT_SECONDS = 30  # an index takes a tenth of one
GRACE_SECONDS = 15  # a run that stands still is ended by the storm's own watcher; past this it is killed
CALM_SECONDS = 0.5  # before the first signal
LEAST_SIGNALS_PER_SECOND = 50  # of 4,000; a busy machine delivers fewer, but below this it would be no storm

# Statuses by which tools/demo/storm.cc ends the program.
NO_STORM = 200
STORM_DAMAGED = 201
STORM_STUCK = 202

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
class Run:
    """What is known of a run when it is over."""

    return_code: int | None  # None: it was killed
    said: list  # lines to standard error: the storm's, and libc's or the program's last words
    indexes: int | None  # that it wrote; None: one of them, or the last one's end, is not as it has to be
    seconds: float


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How one run ended: a word for it, and a sentence."""

    word: str
    sentence: str

    @property
    def survived(self):
        return self.word == "SURVIVED"


def environment(*preloaded, options=()):
    """The user's environment without what would change the malloc that is shown, the program or the handler's work."""
    changing = ("MALLOC_", "PERL", "LC_")
    env = {name: value for name, value in os.environ.items()
           if not name.startswith(changing) and name not in ("GLIBC_TUNABLES", "LANGUAGE", "LD_PRELOAD", "TZ")}
    return env | {"LANG": "C", "LD_PRELOAD": ":".join(map(str, preloaded)),
                  "RESLAB_OPTIONS": ":".join(filter(None, [env.get("RESLAB_OPTIONS"), *options]))}


def command(perl, seconds):
    return [perl, PROGRAM, str(seconds), *DOCUMENTS]


def write_one_index(perl):
    """What the program writes when nothing disturbs it."""
    try:
        done = subprocess.run(command(perl, 0), env=environment(), stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=UNDISTURBED_LIMIT_SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        raise CannotRun(f"without any signal, {perl} makes no index in {UNDISTURBED_LIMIT_SECONDS} seconds") from error
    if done.returncode != 0 or not done.stdout:
        raise CannotRun(f"without any signal, {perl} fails: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout


def count_indexes(output, index):
    """How many indexes there are in the output, which is read to its end; None when something else is there."""
    count, all_right = 0, True
    while block := output.read(len(index)):
        all_right = all_right and block == index
        count += 1
    return count if all_right else None


def show_lines(pipe):
    lines = []
    for line in pipe:
        lines.append(line.decode(errors="replace").rstrip("\n"))
        print("   |", lines[-1], flush=True)
    return lines


def run_in_storm(command_line, env, index, limit_seconds):
    """Runs the program, and shows what is said of it as it comes."""
    begin = time.monotonic()
    killed = threading.Event()

    def kill():
        killed.set()
        process.kill()

    limit = threading.Timer(limit_seconds, kill)
    with (concurrent.futures.ThreadPoolExecutor(1) as reader,
          subprocess.Popen(command_line, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE) as process):
        limit.start()
        try:
            indexes = reader.submit(count_indexes, process.stdout, index)
            said = show_lines(process.stderr)
            process.wait()
        finally:
            limit.cancel()
            process.kill()
        return Run(None if killed.is_set() else process.returncode, said, indexes.result(), time.monotonic() - begin)


def judge(run):
    """What the end of a run means."""
    counts = re.findall(r"(\d+) signals, +(\d+) inside", "\n".join(run.said))
    signals, inside = map(int, counts[-1]) if counts else (0, 0)
    if run.return_code is None:
        return Outcome("HUNG", f"it did not end and was killed after {run.seconds:.0f} seconds.")
    if run.return_code < 0:
        name = signal.Signals(-run.return_code).name
        return Outcome("CRASHED", f"it died of {name} after {run.seconds:.1f} seconds.")
    if run.return_code == STORM_STUCK:
        return Outcome("DEADLOCK", f"it waits for ever. Signals handled until then: {signals}.")
    if run.return_code == STORM_DAMAGED:
        return Outcome("DAMAGED", f"its memory was damaged after {run.seconds:.1f} seconds.")
    if run.return_code == NO_STORM:
        raise CannotRun(f"there is no storm: {' '.join(run.said)}")
    if run.return_code != 0:
        return Outcome("GAVE UP", f"it ended with status {run.return_code} after {run.seconds:.1f} seconds.")
    if not run.indexes:
        return Outcome("DAMAGED", "what it wrote is not what it writes undisturbed.")
    if signals < max(run.seconds - CALM_SECONDS, 1) * LEAST_SIGNALS_PER_SECOND:
        raise CannotRun(f"only {signals} signals came in {run.seconds:.0f} seconds: no storm, so nothing is shown")
    return Outcome("SURVIVED", f"""\
{signals} signals in {run.seconds:.0f} seconds, {inside} of them inside malloc's library;
   {run.indexes} indexes, each byte for byte as without signals, and no log line was damaged.""")


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


class Demonstration:
    """The program, its storm and what it writes without."""

    def __init__(self, perl, storm, seconds):
        self.perl, self.storm, self.seconds = perl, storm, seconds
        self.index = write_one_index(perl)

    def run(self, env):
        limit = self.seconds + GRACE_SECONDS
        outcome = judge(run_in_storm(command(self.perl, self.seconds), env, self.index, limit))
        print(f"\n   {outcome.word}: {outcome.sentence}")
        return outcome

    def show_system(self):
        libc = " ".join(platform.libc_ver()).strip() or "of libc"
        print(f"\n1. On the system's malloc ({libc}), for at most {self.seconds} seconds:\n", flush=True)
        if self.run(environment(self.storm)).survived:
            print("   This time, that is: nothing in it is made for this. Run it again, or longer with --seconds.")

    def show_reslab(self, library):
        print(f"\n2. The same program on reslab (LD_PRELOAD={library.name}), for {self.seconds} seconds:\n", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / "statistics"
            if not self.run(environment(library, self.storm, options=[f"stats_file={file}"])).survived:
                return 1
            print("\n3. reslab's own statistics of that run:\n")
            show_statistics(read_statistics(file))
        return 0


INTRODUCTION = """\
perl, as it is on this system, makes an index of the words in docs/, again and again. 4,000 times a second a signal
interrupts it, and a preloaded signal handler writes a log line: localtime(), malloc and free, as the handler of Redis did
(redis#213). When the signal arrives in the middle of malloc, the handler calls malloc while malloc is unfinished. (perl
itself stays out of localtime and stdio here: their own locks would stop the handler whatever malloc does. TZ is not set, so
that localtime() frees at each call; and a second thread watches, since a libc may leave its locks alone in a process of
one thread, whose heap the same storm damages.)
The storm is tools/demo/storm.cc, the program tools/demo/index.pl."""

CLOSING = """
Your own programs: ./dev run COMMAND...      All statistics: RESLAB_OPTIONS=stats=1 ./dev run COMMAND..."""


def existing_file(text):
    path = pathlib.Path(text).resolve()
    if not path.is_file():
        raise argparse.ArgumentTypeError(f"there is no file {path}")
    return path


def seconds_of(text):
    if not text.isdecimal() or not 2 <= int(text) <= 600:
        raise argparse.ArgumentTypeError("a whole number from 2 to 600 is expected")
    return int(text)


def find_perl():
    perl = shutil.which("perl")
    if perl is None:
        raise CannotRun("there is no perl")
    return perl


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--storm", type=existing_file, required=True, help="libreslab-storm.so")
    parser.add_argument("--library", type=existing_file, required=True, help="libreslab.so")
    parser.add_argument("--seconds", type=seconds_of, default=10, help="for each of the two runs (10)")
    arguments = parser.parse_args()
    print(INTRODUCTION)
    try:
        demonstration = Demonstration(find_perl(), arguments.storm, arguments.seconds)
        demonstration.show_system()
        status = demonstration.show_reslab(arguments.library)
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
