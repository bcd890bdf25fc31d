#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Real programs under preload: `run.py --library PATH --mode rseq|fallback PROGRAM`.

Does the work of programs/PROGRAM.py twice in a fresh folder, without the library and with it
preloaded into every process. The test passes when

- both runs end well and have recorded the same: output, exit status, checksums of the files made;
- every process that left statistics ran in the mode asked for, with no fault counted;
- the processes named by the program's claims had at least so many allocations from reslab.

Which process a claim is about: the one that the test itself started, or one whose pid the program's
module finds out from the program (how is said there); of stress-ng's workers, which nothing tells
apart, as many as do the work must each have been served, so it is the busiest that are looked at.
"""

import argparse
import importlib
import pathlib
import shutil
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(HERE))

from harness import comparison, processes, script, statistics  # noqa: E402
from harness.work import Failure, Run  # noqa: E402


def program_names():
    return sorted(path.stem for path in (HERE / "programs").glob("*.py") if path.stem != "__init__")


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    script.add_arguments(parser)
    parser.add_argument("--full", action="store_true", help="the long form of the work")
    parser.add_argument("program", choices=program_names())
    return parser.parse_args()


def run_once(folder, program, library, full):
    """One run of the program's work in folder/work, which is taken away again unless the run fails."""
    run = Run(folder, library, full=full, seconds=program.SECONDS)
    try:
        program.work(run)
    finally:
        processes.end_strays()
    shutil.rmtree(run.work)
    return run


def test(folder, program, library, full):
    """What was compared and who was served, as a text; Failure when the test fails."""
    missing = [f"{path} (Debian package {package})" for path, package in program.NEEDS.items()
               if not pathlib.Path(path).exists()]
    if missing:
        raise Failure("not installed: " + ", ".join(missing))
    plain = run_once(folder, program, None, full)
    preloaded = run_once(folder, program, library, full)
    found = comparison.differences(plain.records, preloaded.records)
    found += statistics.violations(preloaded.statistics, library)
    if found:
        raise Failure("\n".join(found))
    if not preloaded.records or not preloaded.served:
        raise Failure("the program's module compared nothing, or claimed nothing")
    return f"{len(preloaded.records)} records equal; served: {preloaded.served_text()}"


def main():
    arguments = parse_arguments()
    program = importlib.import_module(f"programs.{arguments.program}")
    library = script.library(arguments, with_companion=getattr(program, "NEEDS_COMPANION", False))
    return script.verdict(f"{arguments.program}, mode {library.mode}",
                          lambda folder: test(folder, program, library, arguments.full), keep=arguments.keep)


if __name__ == "__main__":
    sys.exit(main())
