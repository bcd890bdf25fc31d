# SPDX-License-Identifier: Apache-2.0
"""bash: arrays, expansions, functions, subshells, pipelines, here-documents and traps."""

import pathlib

NEEDS = {"/usr/bin/bash": "bash"}
SECONDS = 60
SCRIPT = pathlib.Path(__file__).parent / "inputs" / "bash.sh"


def work(run):
    run.step("/usr/bin/bash", SCRIPT, "6" if run.full else "1", serves=20_000)
    run.record_files("sorted.txt")
