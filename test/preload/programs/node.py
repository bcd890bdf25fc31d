# SPDX-License-Identifier: Apache-2.0
"""node: objects, buffers, compression, hashes, worker threads and child processes."""

import pathlib

NEEDS = {"/usr/bin/node": "nodejs"}
SECONDS = 90
SCRIPT = pathlib.Path(__file__).parent / "inputs" / "node.js"


def work(run):
    run.step("/usr/bin/node", SCRIPT, "8" if run.full else "2", serves=20_000)
