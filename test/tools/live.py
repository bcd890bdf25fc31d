# SPDX-License-Identifier: Apache-2.0
"""A running process: `check` finds what is spoiled in its structure and nothing else, as text and as JSON; `map` draws each
unit, at rest as many of a kind as `info` counts, and under load at least a picture that a browser reads.

Usage: live.py UNSTOPPED RESLAB RESTING BUSY MODE
"""

import json
import re
import sys
import tempfile
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

from support import Command, Target, fail

UNIT = 65536
COLUMNS, CELL = 128, 8
SVG = "{http://www.w3.org/2000/svg}"
# {what is spoiled: what the audit of a running process must say of it}; the others are for a core to tell.
SPOILED = {"bad-magazine": "C1: magazine header out of range",
           "bit-beyond": "C4: bits beyond the slab's capacity",
           "lost-bit": None,
           "taken-twice": None}


def check_finds(reslab, target, what, finding):
    done = reslab.run("check", target.pid)
    *findings, last = done.stdout.splitlines()
    if finding is None:
        if done.returncode != 0 or findings or not last.endswith(" 0 findings"):
            fail(f"{what}: check ends with {done.returncode}", done.stdout + done.stderr)
    elif done.returncode != 1 or len(findings) != 1 or not findings[0].startswith(finding + " (0x"):
        fail(f"{what}: check ends with {done.returncode} and has not the one finding", done.stdout + done.stderr)
    if not re.fullmatch(rf"process {target.pid}: structure checked, \d+ units, \d+ slabs, \d+ cached objects, "
                        rf"{len(findings)} findings", last):
        fail(f"{what}: no summary", last)
    as_json = reslab.run("check", target.pid, "--json")
    found = json.loads(as_json.stdout)
    if as_json.returncode != done.returncode or found["findings"] != findings:
        fail(f"{what}: as JSON status {as_json.returncode} and {found}", done.stdout)
    survey = reslab.survey(target.pid)
    slabs = sum(one["slabs_" + state] for one in survey["classes"] for state in ("active", "partial", "full", "empty"))
    if found["target"] != f"process {target.pid}" or found["checked"] != "structure" or found["slabs"] != slabs:
        fail(f"{what}: not the target that it is, or not its {slabs} slabs", as_json.stdout)


def units_of(svg):
    """{what: units} of a picture with a cell for each unit."""
    kinds = {}
    place = 0
    for rectangle in ElementTree.fromstring(svg).findall(f"{SVG}rect"):
        title = rectangle.find(f"{SVG}title")
        if title is None:
            continue  # of the legend
        x, y, width = (int(rectangle.get(name)) for name in ("x", "y", "width"))
        if ((x - 4) // CELL, (y - 62) // CELL) != (place % COLUMNS, place // COLUMNS):
            fail(f"cell {place} lies at {x}, {y}", svg[:1000])
        count = (width + 1) // CELL
        place += count
        if (place - 1) // COLUMNS != (place - count) // COLUMNS:
            fail(f"cell {place - count} reaches beyond its row", svg[:1000])
        kinds[title.text] = kinds.get(title.text, 0) + count
    return kinds


def map_of(reslab, target, folder, kind):
    path = Path(folder, f"heap.{kind}")
    reslab.succeed("map", target.pid, "-o", str(path))
    return path.read_text()


def map_counts(reslab, target, folder):
    """At rest the cells of each kind are the units that info has."""
    survey = reslab.survey(target.pid)
    kinds = units_of(map_of(reslab, target, folder, "svg"))
    memory = survey["memory"]
    wanted = {"large block": memory["live_runs"], "free, kept": memory["free_dirty"],
              "free, given back": memory["free_zero"]}
    for one in survey["classes"]:
        slabs = sum(one["slabs_" + state] for state in ("active", "partial", "full", "empty"))
        wanted[one["name"]] = slabs * one["slab_bytes"]
    found = dict.fromkeys(wanted, 0)
    for words, units in kinds.items():
        name = re.sub(r"(?: bytes|: \d+ bytes), \d+ % in use$", "", words)
        found[name] = found.get(name, 0) + units * UNIT
    if found != wanted or len([name for name in found if found[name]]) < 10:
        fail("the picture and the figures differ",
             "\n".join(f"{name}: {found.get(name)} drawn, {wanted.get(name)} counted" for name in found | wanted
                       if found.get(name) != wanted.get(name)))
    return survey


class Page(HTMLParser):
    """The elements that are open, and the rows of the table."""

    def __init__(self, text):
        super().__init__()
        self.open, self.rows = [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        if tag != "meta":
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            fail(f"the page closes {tag}, which is not what is open")

    def handle_data(self, data):
        if self.open and self.open[-1] in ("td", "th"):
            self.rows[-1].append(data)


def page_has_classes(text, survey):
    page = Page(text)
    if page.open or text.count("<svg") != 1:
        fail(f"the page leaves {page.open} open, or has no picture", text[:300])
    units_of(text[text.index("<svg"):text.index("</svg>") + 6])
    if survey is None:
        return
    wanted = [[one["name"], str(one["object_bytes"]), str(one["live"])] for one in survey["classes"]]
    if [[row[0], row[1], row[3]] for row in page.rows[1:]] != wanted:
        fail("the page's table is not the classes", str(page.rows))


def main():
    unstopped, path, resting, busy, mode = sys.argv[1:]
    reslab = Command(unstopped, path)
    with tempfile.TemporaryDirectory(prefix="reslab-live-") as folder:
        with Target([resting], mode) as target:
            check_finds(reslab, target, "nothing", None)
            survey = map_counts(reslab, target, folder)
            page_has_classes(map_of(reslab, target, folder, "html"), survey)
        for what, finding in SPOILED.items():
            with Target([resting, what], mode) as target:
                check_finds(reslab, target, what, finding)
        with Target([busy], mode) as target:
            for _ in range(10):
                if len(units_of(map_of(reslab, target, folder, "svg"))) < 10:
                    fail("a picture of less than ten kinds of units, under full load")
                page_has_classes(map_of(reslab, target, folder, "html"), None)
            if target.process.poll() is not None:
                fail(f"the process that was looked at ended with {target.process.returncode}")


if __name__ == "__main__":
    main()
