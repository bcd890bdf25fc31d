# SPDX-License-Identifier: Apache-2.0
"""Java: javac compiles a class, java runs it, with the virtual machine's own allocations under the library."""

import pathlib

NEEDS = {"/usr/bin/java": "default-jdk-headless", "/usr/bin/javac": "default-jdk-headless"}
SECONDS = 120
SOURCE = pathlib.Path(__file__).parent / "inputs" / "Heavy.java"


def work(run):
    run.step("/usr/bin/javac", "-d", "classes", SOURCE, serves=20_000)
    run.record_files("classes")
    run.step("/usr/bin/java", "-Xmx256m", "-XX:-UsePerfData", "-cp", "classes", "Heavy",
                 "4" if run.full else "1", serves=10_000)
