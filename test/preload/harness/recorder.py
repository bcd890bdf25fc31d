# SPDX-License-Identifier: Apache-2.0
"""Finds the pids of the parts that gcc and g++ start (cc1, cc1plus, as, ld), which only they know.

The compilers' option `-wrapper` names a program that gets the command line of each part. Ours notes
its own pid and the part's name and then becomes the part by exec: the pid noted is the part's.
"""

import pathlib

from .work import Failure

SCRIPT = """#!/bin/sh
echo "$$ $1" >> '{notes}'
exec "$@"
"""


def make(run):
    """Makes the recorder of a run and returns its path, to be given to `-wrapper`."""
    path = run.write("recorder/run", SCRIPT.format(notes=_notes(run)))
    path.chmod(0o755)
    return path


def pids(run, name):
    """The pids of all parts of that name, at least one, in the order of their start; the two runs must agree on how many."""
    lines = [line.split(" ", 1) for line in _notes(run).read_text().splitlines()]
    found = [int(pid) for pid, path in lines if pathlib.Path(path).name == name]
    if not found:
        raise Failure(f"no {name} was started")
    run.record(f"number of {name}", str(len(found)))
    return found


def _notes(run):
    return run.work / "recorder" / "notes"
