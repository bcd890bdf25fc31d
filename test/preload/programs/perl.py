# SPDX-License-Identifier: Apache-2.0
"""perl: hashes, regular expressions, sorting, closures, pack, a forked child and a pipe."""

import pathlib

NEEDS = {"/usr/bin/perl": "perl"}
SECONDS = 60
SCRIPT = pathlib.Path(__file__).parent / "inputs" / "perl.pl"


def work(run):
    run.step("/usr/bin/perl", SCRIPT, "5" if run.full else "2", serves=100_000)
