# SPDX-License-Identifier: Apache-2.0
"""stress-ng: its malloc and vm stressors with --verify, each for a fixed number of operations.

The stressors run in forked children that end by _exit, where no library gets to write statistics.
So the companion (exit_statistics.c) is preloaded beside reslab: its _exit asks reslab for the
figures of the child. Each stressor does its work in one process, and nothing tells these from
their own parents but the figures: as many processes as there are stressors must be past the claim.
The vm stressor takes its memory by mmap, not by malloc: what is tested there is that memory which
it verifies is not disturbed, and that the parent and as many children as there are stressors ran on reslab.
"""

import re

NEEDS = {"/usr/bin/stress-ng": "stress-ng"}
NEEDS_COMPANION = True
SECONDS = 90
STRESSORS = "2"


def work(run):
    operations = 400_000 if run.full else 100_000
    _stress(run, "malloc", operations, "--malloc-pthreads", "2", "--malloc-bytes", "16k")
    run.claim_busiest(int(STRESSORS), "stress-ng malloc stressor", 20_000)
    before = run.ended_processes()
    _stress(run, "vm", operations // 20, "--vm-bytes", "64m")
    run.claim_busiest(1 + int(STRESSORS), "stress-ng, and its vm stressors", 100, since=before)


def _stress(run, stressor, operations, *options):
    run.step("/usr/bin/stress-ng", f"--{stressor}", STRESSORS, f"--{stressor}-ops", str(operations), *options, "--verify",
             "--metrics-brief", "--timeout", "60", "--seed", "1", serves=100,
             keep_errors=lambda text: "\n".join(_told(text, stressor, operations)))


def _told(text, stressor, operations):
    """What does not change from run to run: what was done, whether all of it, and how it ended."""
    for line in text.splitlines():
        line = re.sub(r"^stress-ng: (\w+): +\[\d+\] ", r"\1: ", line)
        if done := re.match(rf"metrc: {stressor} +(\d+) ", line):
            yield f"{stressor}: " + ("all operations" if int(done[1]) >= operations else f"{done[1]} of {operations}")
        elif not line.startswith("metrc: "):
            yield re.sub(r" in \d+\.\d+s$", "", line)
