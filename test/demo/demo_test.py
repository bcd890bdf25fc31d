#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the demonstration and checks what it says against its exit status.

With --mode the library has to survive the storm, in that mode, and the program has to come on and write what it should.
With --expect the library is one that must not survive: the demonstration has to say so, with that word and sentence, and
fail.
Its times are short ones, but with --as-shown: then it is what a newcomer sees, who has to see the system's malloc fail,
in less than a minute in all.
"""

import argparse
import os
import re
import subprocess
import sys
import time

SHORT_SECONDS = 3
LIMIT_SECONDS = 60
LEAST_INDEXES = 2  # one of them under the storm; it takes less than a tenth of a second for one
LEAST_SIGNALS_INSIDE = 5
LEAST_ALLOCATIONS = 20_000  # as many for an index


def run_demo(arguments, options):
    env = dict(os.environ, RESLAB_OPTIONS=options)
    command = [sys.executable, arguments.demo, "--storm", arguments.storm, "--library", arguments.library]
    if not arguments.as_shown:
        command += ["--seconds", str(SHORT_SECONDS)]
    begin = time.monotonic()
    done = subprocess.run(command, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=LIMIT_SECONDS, check=False)
    print(done.stdout, done.stderr, f"{time.monotonic() - begin:.1f} seconds in all", sep="\n")
    return done


def section(text, number):
    """What the demonstration says under a heading "N. ..."."""
    found = re.search(rf"^{number}\. .*?(?=^\d\. |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, f"there is no part {number}"
    return found.group()


def statistic(text, name):
    found = re.search(rf"^ +{name} +(\d+) ", text, re.MULTILINE)
    assert found, f"the statistic {name} is not shown"
    return int(found.group(1))


FAILED = "DEADLOCK|CRASHED|DAMAGED|GAVE UP|HUNG"


def check_survival(done, mode, system):
    """With system, what the demonstration may say of the system's malloc, as alternatives."""
    assert done.returncode == 0, f"exit status {done.returncode}"
    assert re.search(rf"^   ({system}): ", section(done.stdout, 1), re.MULTILINE), "no end of the system's malloc"

    storm = section(done.stdout, 2)
    assert re.search(r"^   SURVIVED: ", storm, re.MULTILINE)
    inside = int(re.findall(r"\d+ signals, +(\d+) inside malloc's library", storm)[-1])
    indexes = int(re.search(r"(\d+) indexes, each byte for byte", storm).group(1))
    assert inside >= LEAST_SIGNALS_INSIDE, f"only {inside} signals arrived inside the library"
    assert indexes >= LEAST_INDEXES, f"the program made only {indexes} indexes"

    statistics = section(done.stdout, 3)
    assert f"mode={mode}:" in statistics, f"the run was not in mode {mode}"
    assert statistic(statistics, "allocs") >= LEAST_ALLOCATIONS
    assert statistic(statistics, "double_frees") == 0
    assert statistic(statistics, "invalid_frees") == 0


def check_failure(done, end):
    assert done.returncode == 1, f"exit status {done.returncode}"
    assert f"\n   {end}" in section(done.stdout, 2), f"it does not say {end}"
    assert "3. " not in done.stdout.split("2. ", 1)[1], "it shows statistics of a run that did not end"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("--demo", "--storm", "--library"):
        parser.add_argument(name, required=True)
    parser.add_argument("--as-shown", action="store_true")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--mode", choices=("rseq", "fallback"))
    what.add_argument("--expect", metavar="END", help="how the sentence begins, its word included")
    arguments = parser.parse_args()
    if arguments.mode:
        system = FAILED if arguments.as_shown else f"SURVIVED|{FAILED}"
        check_survival(run_demo(arguments, f"mode={arguments.mode}"), arguments.mode, system)
    else:
        check_failure(run_demo(arguments, ""), arguments.expect)


if __name__ == "__main__":
    main()
