# SPDX-License-Identifier: Apache-2.0
"""malloc_info's documents are XML, as a parser of XML has it, at rest and while threads allocate; and their figures are
those of the other faces, and of what the program has done.

Usage: information.py PROGRAM MODE
"""

import subprocess
import sys
from xml.etree import ElementTree

from programs import environment

PLACES = ("live", "magazines", "depot", "deferred", "in_hand", "free")
SYSTEM = ("system current", "system reserved", "system metadata", "total live")
# What information.cc keeps: {bytes of the class: objects at least}
KEPT = {112: 1000, 10240: 50}
KEPT_LARGE = 3 << 20


def fail(what, text=""):
    sys.exit(f"api: FAILED: {what}\n{text[:4000]}")


def printed(program, mode, how):
    """The documents, and the lines `name value` behind them."""
    done = subprocess.run([program, how], env=environment(mode), capture_output=True, text=True, timeout=60)
    if done.returncode != 0:
        fail(f"{how}: status {done.returncode}", done.stderr)
    *documents, rest = done.stdout.split("\n\n")
    return documents, dict(line.split() for line in rest.splitlines())


def parsed(document):
    """{class: {figure: number}}, and the sizes by element and type."""
    try:
        root = ElementTree.fromstring(document)
    except ElementTree.ParseError as error:
        fail(f"no XML: {error}", document)
    if root.tag != "malloc" or not root.attrib["version"].startswith("reslab-"):
        fail("not reslab's malloc", document)
    classes, sizes = {}, {}
    for element in root:
        if element.tag == "class":
            name = element.attrib.pop("name")
            if name in classes:
                fail(f"class {name} is there twice", document)
            classes[name] = {figure: int(value) for figure, value in element.attrib.items()}
        else:
            sizes[f"{element.tag} {element.attrib['type']}"] = int(element.attrib["size"])
    if tuple(sizes) != SYSTEM or len(classes) < 2:
        fail(f"{len(classes)} classes, and the sizes of {', '.join(sizes)}", document)
    return classes, sizes


def at_rest(program, mode):
    (document,), said = printed(program, mode, "at-rest")
    said = {name: int(value) for name, value in said.items()}
    classes, sizes = parsed(document)
    for name, one in classes.items():
        if sum(one[place] for place in PLACES) != one["capacity"] or one["slabs"] == 0:
            fail(f"class {name} does not add up: {one}", document)
    live = sum(one["live"] * one["bytes"] for one in classes.values())
    if live != sizes["total live"] or live != said["live"]:
        fail(f"{live} bytes live in all classes, {sizes['total live']} are said to be", document)
    for name, wanted in ("system current", "committed"), ("system reserved", "reserved"), ("system metadata", "metadata"):
        if sizes[name] != said[wanted]:
            fail(f"{name} is {sizes[name]}, {wanted} {said[wanted]}", document)
    by_bytes = {one["bytes"]: one["live"] for one in classes.values()}
    if by_bytes[65536] * 65536 != said["large"]:
        fail(f"{by_bytes[65536]} units of large blocks, mallinfo2 has {said['large']} bytes of them", document)
    if said["large"] < KEPT_LARGE or any(by_bytes.get(bytes_, 0) < count for bytes_, count in KEPT.items()):
        fail(f"what the program keeps is not there: {by_bytes}, {said['large']} large", document)


def at_work(program, mode):
    documents, _ = printed(program, mode, "at-work")
    if len(documents) != 200:
        fail(f"{len(documents)} documents of 200")
    for document in documents:
        classes, sizes = parsed(document)
        for name, one in classes.items():
            if one["live"] > one["capacity"] or one["free"] > one["capacity"]:
                fail(f"class {name} has more than it can hold: {one}", document)
        if not 0 < sizes["total live"] < sizes["system reserved"]:
            fail(f"{sizes}", document)


def main():
    program, mode = sys.argv[1:]
    at_rest(program, mode)
    at_work(program, mode)


if __name__ == "__main__":
    main()
