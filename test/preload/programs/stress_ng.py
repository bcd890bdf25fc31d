# SPDX-License-Identifier: Apache-2.0
"""stress-ng: its malloc and vm stressors with --verify, each for a fixed number of operations.

The stressors run in forked children that end by _exit, where no library gets to write statistics.
So the companion (exit_statistics.c) is preloaded beside reslab: its _exit asks reslab for the
figures of the child. Each stressor does its work in one process, and nothing tells these from
their own parents but the figures: as many processes as there are stressors must be past the claim.
The vm stressor takes its memory by mmap, not by malloc: what is tested there is that memory which
it verifies is not disturbed, and that the parent and the children ran on reslab.
"""

NEEDS = {"/usr/bin/stress-ng": "stress-ng"}
NEEDS_COMPANION = True
SECONDS = 90
STRESSORS = "2"


def work(run):
    operations = 400_000 if run.full else 100_000
    _stress(run, "--malloc", STRESSORS, "--malloc-ops", str(operations), "--malloc-pthreads", "2",
            "--malloc-bytes", "16k")
    run.claim_busiest(int(STRESSORS), "stress-ng malloc stressor", 20_000)
    _stress(run, "--vm", STRESSORS, "--vm-bytes", "64m", "--vm-ops", str(operations // 20))


def _stress(run, *stressor):
    run.step("/usr/bin/stress-ng", *stressor, "--verify", "--timeout", "60", "--seed", "1", serves=100)
