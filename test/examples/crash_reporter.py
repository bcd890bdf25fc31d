# SPDX-License-Identifier: Apache-2.0
"""The example crash reporter under a program that crashes in several ways: while it builds an index, in a handler on top
of malloc, with its stack full, by abort. Each time there is a whole report, and the program dies of its own signal.

Usage: crash_reporter.py LIBRARY REPORTER MODE CRASHER [--through-malloc]

With --through-malloc the stack of a crash on top of malloc goes on into malloc's callers: the library has unwind tables.
"""

import re
import signal
import sys

from harness import Reslab, end_in_words, fail, one_match, run

PARTS = ["crash report", "stack, innermost call first:", "heap:", "mappings:", "end of crash report"]

# How it crashes, by which signal it dies, and the functions that the stack names, innermost first.
CRASHES = {
    "plain": (signal.SIGSEGV, ["dereference_null", "build_index"]),
    "inside": (signal.SIGSEGV, ["dereference_null", "crash_inside_malloc", "RESLAB"]),
    "deep": (signal.SIGSEGV, ["recurse", "recurse", "recurse"]),
    "abort": (signal.SIGABRT, ["abort", "main"]),
}


def require_parts(report):
    at = 0
    for part in PARTS:
        at = report.find(part + "\n", at)
        if at < 0:
            fail(f"the report has no part \"{part}\" in its place", report)


def frames_of(report):
    """(function, place) of each call."""
    stack = report.split(PARTS[1])[1].split(PARTS[2])[0]
    frames = re.findall(r"^  #\d+  (.*)  \((\S+)\)$", stack, re.MULTILINE)
    if len(frames) != len(stack.strip().splitlines()):
        fail("a line of the stack is no call", stack)
    return frames


def require_order(frames, wanted, library):
    names = iter("RESLAB" if library in place else function.split(".")[0] for function, place in frames)
    if not all(function in names for function in wanted):
        fail(f"the stack has not {', '.join(wanted)} in this order", "\n".join(map(str, frames)))


def require_report(report, mode, library, wanted):
    require_parts(report)
    require_order(frames_of(report), wanted, library)
    if one_match(r"^  mode=(\w+)$", report, "mode")[1] != mode:
        fail(f"not in mode {mode}", report)
    if int(one_match(r"^  bytes_live=(\d+)$", report, "statistics")[1]) == 0:
        fail("statistics without a live byte", report)
    if library not in report.split(PARTS[3])[1]:
        fail("the mappings lack the library", report)


def main():
    library, reporter, mode, crasher = sys.argv[1:5]
    reslab = Reslab(library, mode)
    if sys.argv[5:] == ["--through-malloc"]:
        CRASHES["inside"][1].append("build_index")
    for how, (expected, wanted) in CRASHES.items():
        file = reslab.folder / f"report.{how}"
        _, code, output, errors = run([crasher, how], reslab.environment(reporter, CRASH_REPORT=str(file)), 20)
        if code != -expected:
            fail(f"{how}: it ended with {end_in_words(code)}, not {expected.name}", output + errors)
        if not file.is_file():
            fail(f"{how}: there is no report", errors)
        require_report(file.read_text(), mode, library, wanted)
        print(f"{how}: died of {expected.name}; the report has {len(file.read_text().splitlines())} lines")


if __name__ == "__main__":
    main()
