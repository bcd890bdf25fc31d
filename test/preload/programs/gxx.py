# SPDX-License-Identifier: Apache-2.0
"""g++: a large file of templates is compiled and linked, and the program that comes out is run.

The process that matters is cc1plus, which g++ starts by vfork and exec; the recorder tells its pid.
"""

from harness import recorder, sources

NEEDS = {"/usr/bin/g++": "g++"}
SECONDS = 120


def work(run):
    run.write("heavy.cc", sources.templates(20 if run.full else 5))
    run.step("/usr/bin/g++", "-std=c++20", "-O1", "-wrapper", recorder.make(run),
                 "-o", "heavy", "heavy.cc", serves=100)
    run.record_files("heavy")
    run.step("./heavy")
    for pid in recorder.pids(run, "cc1plus"):
        run.claim(pid, "cc1plus", 20_000)
