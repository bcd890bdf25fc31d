#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What reslab adds to the start of a process: `startup_sanity.py --library PATH --mode rseq|fallback`.

/bin/true under preload, loading the library included, may cost at most 40,000 instructions and 15
page faults more than without. Instructions are counted

- in mode rseq by stepping through the process (harness/single_step.py), as a hardware counter is
  not to be had on every machine;
- in mode fallback by callgrind, with the mode left to reslab: under valgrind there is no rseq, so
  this shows as well that reslab finds that out and runs there.

Page faults are ru_minflt, the median of several runs.
"""

import argparse
import pathlib
import re
import statistics
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(HERE))

from harness import environment, processes, script, single_step  # noqa: E402
from harness import statistics as reslab_statistics  # noqa: E402
from harness.work import Failure  # noqa: E402

COMMAND = ("/bin/true",)
MOST_INSTRUCTIONS = 40_000
MOST_FAULTS = 15
RUNS = 21
SECONDS = 60
STEP_LIMIT = 5_000_000
CALLGRIND = ("/usr/bin/valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null")


def run(folder, argv, env):
    """Runs a command that must end well."""
    try:
        finished = processes.run(argv, env=env, cwd=folder, seconds=SECONDS)
    except processes.TimeLimit as reached:
        raise Failure(f"{' '.join(argv)}: {reached}") from None
    if finished.status != 0:
        raise Failure(f"{' '.join(argv)} ended with status {finished.status}:\n{processes.tail(finished.stderr)}")
    return finished


def by_stepping(_, env):
    try:
        return single_step.instructions(COMMAND, env, STEP_LIMIT)
    except single_step.Uncountable as reason:
        raise Failure(f"stepping through {' '.join(COMMAND)}: {reason}") from None


def by_callgrind(folder, env):
    stderr = run(folder, CALLGRIND + COMMAND, env).stderr
    found = re.search(r"Collected : (\d+)", stderr)
    if not found:
        raise Failure(f"callgrind gave no count:\n{processes.tail(stderr)}")
    return int(found[1])


def page_faults(folder, env):
    return statistics.median(run(folder, COMMAND, env).minor_faults for _ in range(RUNS))


def check_mode(folder, library, launcher, options):
    """The process that is measured (`launcher` before it, if any) must run in the mode that the figures are for."""
    written = folder / "statistics"
    written.mkdir(exist_ok=True)
    run(folder, launcher + COMMAND, preloaded(folder, library, f"{options}:stats_file={written}/stats.%p"))
    if wrong := reslab_statistics.violations(written, library):
        raise Failure("\n".join(wrong))


def preloaded(folder, library, options):
    return {**environment.plain(folder), "LD_PRELOAD": library.preload(), "RESLAB_OPTIONS": options}


def test(folder, library):
    forced = f"mode={library.mode}"
    count, launcher, options = ((by_stepping, (), forced) if library.mode == "rseq"
                                else (by_callgrind, CALLGRIND, "mode=auto"))
    check_mode(folder, library, launcher, options)
    check_mode(folder, library, (), forced)
    plain = environment.plain(folder)
    more_instructions = count(folder, preloaded(folder, library, options)) - count(folder, plain)
    more_faults = page_faults(folder, preloaded(folder, library, forced)) - page_faults(folder, plain)
    text = f"{more_instructions} instructions and {more_faults:.0f} page faults more than without reslab"
    if more_instructions > MOST_INSTRUCTIONS or more_faults > MOST_FAULTS:
        raise Failure(f"{text}; allowed are {MOST_INSTRUCTIONS} and {MOST_FAULTS}")
    if more_instructions <= 0:
        raise Failure(f"{text}: so the library cannot have been loaded")
    return text


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    script.add_arguments(parser)
    arguments = parser.parse_args()
    library = script.library(arguments)
    return script.verdict(f"start of {' '.join(COMMAND)}, mode {library.mode}",
                          lambda folder: test(folder, library), keep=arguments.keep)


if __name__ == "__main__":
    sys.exit(main())
