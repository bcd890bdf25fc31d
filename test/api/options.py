# SPDX-License-Identifier: Apache-2.0
"""RESLAB_OPTIONS as a user meets it: what is unknown or wrong is named once on stderr and ignored, help lists
everything, and no value keeps the program from running.

Usage: options.py PROGRAM LIBRARY STATIC-PROGRAM MODE OPTIONS.DEF
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile

from programs import environment, failed, finish

LONG = "x" * 100_000

# Further options, and what stderr has to say: one line for each, in order.
COMPLAINTS = {
    "": [],
    ":::": [],
    "stats=0": [],
    "frobnicate=1": ["unknown option 'frobnicate' is ignored"],
    "frobnicate": ["unknown option 'frobnicate' is ignored"],
    "frobnicate=1:stats=0:frobnicate": ["unknown option 'frobnicate' is ignored"],
    "frobnicate=1:stats=0:mangle=2": ["unknown option 'frobnicate' is ignored", "unknown option 'mangle' is ignored"],
    "Mode=rseq": ["unknown option 'Mode' is ignored"],
    "mod=rseq": ["unknown option 'mod' is ignored"],
    "modes=rseq": ["unknown option 'modes' is ignored"],
    "mode=quick": ["bad value for option 'mode' is ignored"],
    "mode=": ["bad value for option 'mode' is ignored"],
    "vfork": ["option 'vfork' needs a value and is ignored"],
    "dirty_min=many": ["bad value for option 'dirty_min' is ignored"],
    "dirty_min=-1": ["bad value for option 'dirty_min' is ignored"],
    "dirty_min=1x": ["bad value for option 'dirty_min' is ignored"],
    "dirty_min=99999999999999999999": ["bad value for option 'dirty_min' is ignored"],
    "dirty_min=99999999999999g": ["bad value for option 'dirty_min' is ignored"],
    "dirty_min=2m": [],
    "debug=,64": ["bad value for option 'debug' is ignored"],
    "debug=FX": ["bad value for option 'debug' is ignored"],
    "stats=yes": ["bad value for option 'stats' is ignored"],
    "=1": ["unknown option '' is ignored"],
    "stats_file=" + LONG: ["bad value for option 'stats_file' is ignored"],
    LONG + "=1": ["unknown option 'xxx"],
}


class Subject:
    """The program under preload, or as it was linked if there is no library, in one mode."""

    def __init__(self, program, library, mode):
        self._program = program
        self.library = library
        self.mode = mode

    def run(self, options, stderr=subprocess.PIPE, **arguments):
        """The finished program, its exit status None if it did not finish."""
        env = {**environment(self.mode, options), **({"LD_PRELOAD": self.library} if self.library else {})}
        try:
            return subprocess.run([self._program], env=env, stdout=subprocess.PIPE, stderr=stderr, text=True,
                                  timeout=10, check=False, **arguments)
        except subprocess.TimeoutExpired:
            return subprocess.CompletedProcess([self._program], None, "", "")


def check_complaints(subject):
    for options, expected in COMPLAINTS.items():
        name = options if len(options) < 60 else options[:60] + "..."
        run = subject.run(options)
        lines = run.stderr.splitlines()
        if run.returncode != 0 or run.stdout != "hello\n":
            failed(f"{name}: ended with {run.returncode}, stdout {run.stdout!r}, stderr {run.stderr[:500]!r}")
        if len(lines) != len(expected):
            failed(f"{name}: {len(lines)} lines instead of {len(expected)}: {run.stderr[:500]!r}")
        for line, words in zip(lines, expected):
            if not line.startswith("reslab: RESLAB_OPTIONS: " + words):
                failed(f"{name}: said {line[:200]!r} instead of {words!r}")


def check_help(subject, table):
    """Each option of the table has its line, with its default; and the program runs all the same."""
    run = subject.run("help")
    names = re.findall(r"^(?:CHOICE|FLAG|NUMBER|TEXT)\((\w+), ", table, re.MULTILINE)
    if len(names) < 8:
        failed(f"options.def was not understood: found {names}")
    listed = re.findall(r"^reslab: option (\w+)=\S*  \(.+\): \w.*$", run.stderr, re.MULTILINE)
    if listed != names or len(run.stderr.splitlines()) != len(names):
        failed(f"help lists {listed}, the table has {names}; stderr {run.stderr!r}")
    if run.returncode != 0 or run.stdout != "hello\n":
        failed(f"help: ended with {run.returncode}, stdout {run.stdout!r}")


def check_statistics(subject):
    run = subject.run("stats=1")
    if run.returncode != 0 or not re.search(r"^reslab: .*\ballocs\b", run.stderr, re.MULTILINE):
        failed(f"stats=1: ended with {run.returncode}, stderr {run.stderr!r}")
    if f"\nreslab: stats: mode={subject.mode}\n" not in run.stderr:
        failed(f"stats=1: not in mode {subject.mode}: {run.stderr!r}")


def check_statistics_behind_stderr(subject):
    early = Subject("/bin/ls", subject.library, subject.mode).run("stats=1")  # closes stderr before the library ends
    if early.returncode != 0 or not re.search(r"^reslab: stats: allocs=", early.stderr, re.MULTILINE):
        failed(f"stats=1 of ls: ended with {early.returncode}, stderr {early.stderr!r}")


def check_statistics_file(subject):
    with tempfile.TemporaryDirectory() as folder:
        run = subject.run(f"stats_file={folder}/%p")
        written = [path.read_text() for path in pathlib.Path(folder).iterdir()]
    if run.returncode != 0 or len(written) != 1 or f"\nmode={subject.mode}\n" not in written[0]:
        failed(f"stats_file: ended with {run.returncode}, stderr {run.stderr!r}, written {written}")
    run = subject.run("stats_file=/no/such/folder/file")
    if run.returncode != 0 or not re.search("^reslab: cannot write .*'/no/such/folder/file'", run.stderr, re.MULTILINE):
        failed(f"stats_file in no folder: ended with {run.returncode}, stderr {run.stderr!r}")


def check_closed_stderr(subject):
    """Complaints with nowhere to go are lost, and nothing else is."""
    run = subject.run("frobnicate=1:help:stats=1", stderr=None, preexec_fn=lambda: os.close(2))
    if run.returncode != 0 or run.stdout != "hello\n":
        failed(f"stderr closed: ended with {run.returncode}, stdout {run.stdout!r}")


def main():
    program, library, static_program, mode, table = sys.argv[1:]
    preloaded, static = Subject(program, library, mode), Subject(static_program, None, mode)
    check_complaints(preloaded)
    for subject in (preloaded, static):
        check_help(subject, pathlib.Path(table).read_text())
        check_statistics(subject)
        check_statistics_file(subject)
        check_closed_stderr(subject)
    check_statistics_behind_stderr(preloaded)
    finish(len(COMPLAINTS) + 9, "option strings")


if __name__ == "__main__":
    main()
