# SPDX-License-Identifier: Apache-2.0
"""make -j2 of a small C project: a library of many parts and a program, which is run.

make itself is the process that the test starts; the recorder tells the pid of each cc1.
"""

from harness import recorder, sources

NEEDS = {"/usr/bin/make": "make", "/usr/bin/gcc": "gcc", "/usr/bin/ar": "binutils"}
SECONDS = 120


def work(run):
    sources.project(run, recorder.make(run), 80 if run.full else 12)
    run.step("/usr/bin/make", "-j2", keep=_sorted_lines, serves=700)
    run.record_files("project", "libproject.a")
    run.step("./project")
    for pid in recorder.pids(run, "cc1"):
        run.claim(pid, "cc1", 1_500)


def _sorted_lines(output):
    """The commands of the two jobs come in any order."""
    return b"\n".join(sorted(output.splitlines()))
