#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Peak resident memory under preload: `memory_sanity.py --library PATH --mode rseq|fallback PROGRAM`.

The peak (ru_maxrss of the command and its children, median of three runs) may be at most 1.15
times that of the same command on the system's own malloc.
"""

import argparse
import pathlib
import statistics
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(HERE))

from harness import recorder, script, sources  # noqa: E402
from harness import statistics as reslab_statistics  # noqa: E402
from harness.work import Failure, Run  # noqa: E402

MOST = 1.15
RUNS = 3
SECONDS = 120

# A command's peak counts the memory that it had between its start and its exec. After a vfork that is
# all of this script's, after a fork the little that a fork copies: so fork, and check the floor below.
subprocess._USE_VFORK = False

# Each command, and the process whose peak it is, with the least that this has to get from reslab for the figure to mean
# anything. g++ starts a compiler of its own, which is the larger.
COMMANDS = {
    "python3": (("/usr/bin/python3", "-c", "import json,decimal,asyncio"), None, 1_000),
    "gxx": (("/usr/bin/g++", "-std=c++20", "-O1", "-c", "-o", "heavy.o", "heavy.cc"), "cc1plus", 20_000),
}


def peak_kib(folder, program, library):
    """The median peak of the program's runs, in KiB."""
    command, part, serves = COMMANDS[program]
    run = Run(folder, library, full=False, seconds=SECONDS)
    run.write("heavy.cc", sources.templates(5))
    if part:
        command += ("-wrapper", recorder.make(run))
    peaks = [run.step(*command, serves=None if part else serves).max_rss_kib for _ in range(RUNS)]
    if part:
        parts = recorder.pids(run, part)
        if len(parts) != RUNS:
            raise Failure(f"{len(parts)} processes of {part} in {RUNS} runs")
        for pid in parts:
            run.claim(pid, part, serves)
    floor = run.step("/bin/true").max_rss_kib
    if min(peaks) <= floor:
        raise Failure(f"nothing measured: the peaks {peaks} KiB are not above those {floor} KiB of /bin/true")
    return statistics.median(peaks)


def test(folder, program, library):
    plain, preloaded = (folder / name for name in ("plain", "preloaded"))
    plain.mkdir()
    preloaded.mkdir()
    least = peak_kib(plain, program, None)
    peak = peak_kib(preloaded, program, library)
    if wrong := reslab_statistics.violations(preloaded / "statistics", library):
        raise Failure("\n".join(wrong))
    text = f"peak {peak:.0f} KiB, {peak / least:.3f} times the {least:.0f} KiB without reslab"
    if peak > MOST * least:
        raise Failure(f"{text}, more than {MOST}")
    return text


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    script.add_arguments(parser)
    parser.add_argument("program", choices=COMMANDS)
    arguments = parser.parse_args()
    library = script.library(arguments)
    return script.verdict(f"peak memory of {arguments.program}, mode {library.mode}",
                          lambda folder: test(folder, arguments.program, library), keep=arguments.keep)


if __name__ == "__main__":
    sys.exit(main())
