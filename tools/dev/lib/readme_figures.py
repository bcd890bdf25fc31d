#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The figures of README.md, taken from what ./dev bench wrote into docs/: `readme_figures.py ROOT [--check]`.

Between the marks `figures: begin` and `figures: end` nothing is written by hand. --check fails where README.md has other
ones than docs/.
"""

import re
import sys
from pathlib import Path

COLUMNS = ("reslab", "glibc", "jemalloc", "mimalloc", "tcmalloc")
MICRO = {"pair/64": "malloc and free of 64 bytes, ns", "calloc_pair/64": "the same by calloc, ns",
         "cross_thread": "given to another thread, ns", "realloc_growth/4096": "realloc in steps up to 4 KiB, ns"}
MARKS = "<!-- figures: begin -->\n", "<!-- figures: end -->\n"


def section(text, kind):
    return re.search(rf"<!-- bench {kind}: begin -->\n(.*?)<!-- bench {kind}: end -->", text, re.S).group(1)


def first_table(text, title):
    """{case: {column: figure}} of the first table behind a line that begins with `title`."""
    rows = []
    for line in text[text.index(title):].splitlines()[1:]:
        if line.startswith("|"):
            rows.append([cell.strip() for cell in line.strip("|").split("|")])
        elif rows:
            break
    return {row[0]: dict(zip(rows[0], row)) for row in rows[2:]}


def lines(root):
    benchmarks = (root / "docs/benchmarks.md").read_text()
    micro = section(benchmarks, "micro")
    programs = section(benchmarks, "programs")
    nanoseconds = next(first_table(micro, start) for start in micro.splitlines()
                       if start.startswith("Nanoseconds") and start.endswith(":"))
    seconds = first_table(programs, "Seconds of CPU time, median:")
    storm = {row["allocator"]: row for row in first_table((root / "docs/storm.md").read_text(), "4 threads").values()}
    yield "| | " + " | ".join(COLUMNS) + " |"
    yield "|---|" + "--:|" * len(COLUMNS)
    for case, words in MICRO.items():
        yield f"| {words} | " + " | ".join(nanoseconds[case][name] for name in COLUMNS) + " |"
    for case, figures in seconds.items():
        yield f"| {case}, s of CPU time | " + " | ".join(figures[name] for name in COLUMNS) + " |"
    yield "| lasts under 10,000 allocating signals a second, s | " + " | ".join(
        storm[name]["10,000 Hz: seconds"] for name in COLUMNS) + " |"
    yield ""
    yield re.search(r"Machine: [^.]*(?:\.\d+[^.]*)*\.", micro).group() + " Versions, spread and all other cases: `docs/benchmarks.md`, `docs/storm.md`."


def main():
    root = Path(sys.argv[1])
    readme = root / "README.md"
    text = readme.read_text()
    head, rest = text.split(MARKS[0])
    _, tail = rest.split(MARKS[1])
    made = head + MARKS[0] + "\n".join(lines(root)) + "\n" + MARKS[1] + tail
    if "--check" in sys.argv:
        if made != text:
            sys.exit("README.md has other figures than docs/: run tools/dev/lib/readme_figures.py .")
        return
    readme.write_text(made)


if __name__ == "__main__":
    main()
