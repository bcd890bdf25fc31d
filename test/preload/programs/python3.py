# SPDX-License-Identifier: Apache-2.0
"""python3: containers, text, numbers, threads and child processes, with pymalloc and straight on malloc."""

import pathlib

NEEDS = {"/usr/bin/python3": "python3"}
NEEDS_COMPANION = True  # the workers of a pool end by _exit
SECONDS = 60
WORKERS = 3
SCRIPT = pathlib.Path(__file__).parent / "inputs" / "python3.py"


def work(run):
    rounds = "6" if run.full else "2"
    run.step("/usr/bin/python3", SCRIPT, rounds, serves=20_000)
    # PYTHONMALLOC=malloc sends every small object to malloc; pymalloc keeps those below 513 bytes.
    run.step("/usr/bin/python3", SCRIPT, rounds, extra={"PYTHONMALLOC": "malloc"}, serves=200_000,
                 label="every object by malloc")
    # Of each run the process itself and its forked workers: the short ones that it runs have allocated less.
    run.claim_busiest(2 * (1 + WORKERS), "python3 and its workers", 10_000)
