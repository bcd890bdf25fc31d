# SPDX-License-Identifier: Apache-2.0
"""A whole program under the limits that it was given by options: python3 comes to the hard one, is told so, and goes on;
above the soft one it computes what it computes without.

Usage: limits.py MODE PYTHON RESLAB
"""

import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "api"))
from programs import environment, failed, finish  # noqa: E402

TO_THE_LIMIT = """
kept = []
try:
    while True: kept.append(bytearray(1 << 20))
except MemoryError:
    count = len(kept)
    kept.clear()
print(count, len([str(i) for i in range(200000)]))
"""
WORK = """
import json
table = [{str(i): [i] * (i % 50)} for i in range(20000)]
text = json.dumps(table)
del table
print(len(text), sum(len(row) for row in json.loads(text)))
"""
REPORT = "reslab: hard_limit of 100663296 bytes: "


def run(mode, python, reslab, script, options):
    done = subprocess.run([python, "-c", script], env=environment(mode, options) | {"LD_PRELOAD": reslab},
                          capture_output=True, text=True, timeout=100, check=False)
    if done.returncode != 0:
        failed(f"with {options}: status {done.returncode}: {(done.stdout + done.stderr)[-2000:]}")
    return done.stdout, done.stderr


def main():
    mode, python, reslab = sys.argv[1:]
    said, reported = run(mode, python, reslab, TO_THE_LIMIT, "hard_limit=96m")
    count, later = (int(number) for number in said.split() or (0, 0))
    if not 70 <= count < 96 or later != 200000:
        failed(f"of 96 MiB {count} were had, and {later} strings behind it")
    if reported.count(REPORT) != 1 or reported.count(" bytes in objects of ") == 0:
        failed(f"reported: {reported}")
    if run(mode, python, reslab, WORK, "soft_limit=8m") != run(mode, python, reslab, WORK, None):
        failed("a soft limit changes what a program says")
    finish(3, "runs")


main()
