# SPDX-License-Identifier: Apache-2.0
"""A whole program under the limits that it was given by options: python3 comes to the hard one, is told so, and goes on;
above the soft one it computes what it computes without.

The report is what docs/memory.md shows, but for its figures.

Usage: limits.py MODE PYTHON RESLAB PAGE
"""

import pathlib
import re
import subprocess
import sys
import tempfile

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
SHOWN = re.compile(r"^```text hard limit\n(.*?)^```$", re.M | re.S)


def run(mode, python, reslab, script, options):
    with tempfile.TemporaryDirectory() as folder:
        told = ":".join(filter(None, [options, f"stats_file={folder}/%p"]))
        done = subprocess.run([python, "-c", script], env=environment(mode, told) | {"LD_PRELOAD": reslab},
                              capture_output=True, text=True, timeout=100, check=False)
        written = [path.read_text() for path in pathlib.Path(folder).iterdir()]
    if done.returncode != 0:
        failed(f"with {options}: status {done.returncode}: {(done.stdout + done.stderr)[-2000:]}")
    if len(written) != 1 or f"\nmode={mode}\n" not in "\n" + written[0]:
        failed(f"with {options}: not one process in mode {mode}: {written}")
    return done.stdout, done.stderr


def without_figures(line):
    return re.sub(r"\d+", "N", line)


def expect_report(reported, page):
    """The lines that are shown come in their order; of the last there may be more, for other sizes."""
    shown = [without_figures(line) for line in SHOWN.search(pathlib.Path(page).read_text()).group(1).splitlines()]
    said = [without_figures(line) for line in reported.splitlines()]
    if said[:len(shown)] != shown or set(said[len(shown):]) - {shown[-1]} or "of 100663296 bytes" not in reported:
        failed(f"reported: {reported}, and shown: {shown}")


def main():
    mode, python, reslab, page = sys.argv[1:]
    said, reported = run(mode, python, reslab, TO_THE_LIMIT, "hard_limit=96m")
    count, later = (int(number) for number in said.split() or (0, 0))
    if not 70 <= count < 96 or later != 200000:
        failed(f"of 96 MiB {count} were had, and {later} strings behind it")
    expect_report(reported, page)
    if run(mode, python, reslab, WORK, "soft_limit=8m") != run(mode, python, reslab, WORK, None):
        failed("a soft limit changes what a program says")
    finish(3, "runs")


main()
