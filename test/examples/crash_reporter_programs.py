# SPDX-License-Identifier: Apache-2.0
"""The example crash reporter under programs that know nothing of it: python3, which reads a wild pointer on a thread of its
own; python3, whose stack is full; and a shell that is sent a SIGSEGV. Each report has the stack from the crash to the
program's own functions, every file of that stack among the mappings, and the memory that the program had allocated among
the statistics; and the program dies of its own signal.

Usage: crash_reporter_programs.py LIBRARY REPORTER MODE
"""

import os
import re
import shutil
import signal
import sys

from crash_reporter import PARTS, frames_of, require_report
from harness import Reslab, end_in_words, fail, one_match, run

KEPT = 20_000_000  # bytes, in python's objects of 100 kB, each from malloc

PYTHON_READS = """
import ctypes, threading
kept = [bytes(100_000) for _ in range(200)]
thread = threading.Thread(target=ctypes.string_at, args=(0,))
thread.start()
thread.join()
"""

# One that does not count its own depth: each repr is a few frames of C.
PYTHON_RECURSES = """
import sys
sys.setrecursionlimit(1_000_000_000)
kept = [bytes(100_000) for _ in range(200)]
class Itself:
    def __repr__(self):
        return repr(self)
repr(Itself())
"""

SHELL = """
words=$(seq 100000)
die() { kill -SEGV $$; }
die
"""

INTERPRETER = "_PyEval_EvalFrameDefault"

# The command; what the stack names, innermost first, functions or files; the bytes that are live at least; whether it is
# the first thread that crashes.
PROGRAMS = {
    "python3 reads": ([sys.executable, "-c", PYTHON_READS], ["_ctypes", INTERPRETER], KEPT, False),
    "python3 recurses": ([sys.executable, "-c", PYTHON_RECURSES], [INTERPRETER] * 20, KEPT, True),
    "bash is killed": (["bash", "-c", SHELL], ["kill", "execute_command_internal", "execute_command_internal"],
                       500_000, True),
}


def require_stack(frames, wanted):
    """A frame is what its function is called, or what the name of its file begins with."""
    left = iter(frames)
    for name in wanted:
        if not any(function == name or os.path.basename(place).startswith(name) for function, place in left):
            fail(f"the stack has not {', '.join(wanted)} in this order", "\n".join(map(str, frames)))


def mapped_files(report):
    """Of each mapping of a file that may be executed."""
    return set(re.findall(r"^\S+ r-xp .* (/\S+)$", report.split(PARTS[3])[1], re.MULTILINE))


def number_of(report, name):
    return int(one_match(rf"^  {name}=(\d+)$", report, name)[1])


def require_program(report, wanted, least_live, first_thread):
    frames = frames_of(report)
    require_stack(frames, wanted)
    mapped = mapped_files(report)
    # The loader names a file as it was asked for it, the kernel as it is called without links.
    strangers = {place for _, place in frames if os.path.realpath(place.rpartition("+0x")[0]) not in mapped}
    if strangers:
        fail(f"in the stack, but not among the mappings: {', '.join(strangers)}", report)
    live, committed = number_of(report, "bytes_live"), number_of(report, "bytes_committed")
    if not least_live <= live <= committed:
        fail(f"{live} bytes are live of {committed}, the program has {least_live} at least", report)
    said = one_match(r"^process (\d+), thread (\d+): SIGSEGV,", report, "line that says what happened")
    if (said[1] == said[2]) != first_thread:
        fail("another thread crashed than should have", report)


def main():
    library, reporter, mode = sys.argv[1:4]
    reslab = Reslab(library, mode)
    for name, (command, wanted, least_live, first_thread) in PROGRAMS.items():
        if shutil.which(command[0]) is None:
            fail(f"{command[0]} is not installed")
        file = reslab.folder / name.replace(" ", "-")
        _, code, output, errors = run(command, reslab.environment(reporter, CRASH_REPORT=str(file)), 40)
        if code != -signal.SIGSEGV:
            fail(f"{name}: it ended with {end_in_words(code)}, not SIGSEGV", output + errors)
        if not file.is_file():
            fail(f"{name}: there is no report", errors)
        report = file.read_text()
        require_report(report, mode, library, [])
        require_program(report, wanted, least_live, first_thread)
        print(f"{name}: {len(frames_of(report))} frames, {number_of(report, 'bytes_live')} bytes live")


if __name__ == "__main__":
    main()
