#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The figure of the layers in docs/architecture.md, made from the includes: `layers_figure.py ROOT [--check]`.

A row is a layer, from the top down; a mark stands for each layer that it includes. All marks lie right of the diagonal:
nothing points up. --check fails where the figure is not what the sources say.
"""

import re
import sys
from pathlib import Path

MARKS = "<!-- layers: begin -->\n", "<!-- layers: end -->\n"


def layers(root):
    """Bottom-up, as src/README.md lists them."""
    return re.findall(r"^\| `(\w+)/` \|", (root / "src/README.md").read_text(), re.M)


def includes(root, layer, known):
    found = set()
    for path in (root / "src" / layer).glob("*.*"):
        found |= set(re.findall(r'^#include "(\w+)/', path.read_text(), re.M))
    return found & set(known) - {layer}


def figure(root):
    known = list(reversed(layers(root)))
    width = max(map(len, known)) + 2
    rows = [" " * width + "".join(f"{name:^{len(name) + 2}}" for name in known)]
    for layer in known:
        used = includes(root, layer, known)
        marks = ((name if name in used else "\\" if name == layer else "") for name in known)
        cells = "".join(f"{('x' if mark in known else mark):^{len(name) + 2}}" for name, mark in zip(known, marks))
        rows.append(f"{layer:<{width}}{cells}")
    return "\n".join(row.rstrip() for row in rows)


def main():
    root = Path(sys.argv[1])
    page = root / "docs/architecture.md"
    text = page.read_text()
    head, rest = text.split(MARKS[0])
    _, tail = rest.split(MARKS[1])
    made = head + MARKS[0] + "```text includes\n" + figure(root) + "\n```\n" + MARKS[1] + tail
    if "--check" not in sys.argv:
        page.write_text(made)
    elif made != text:
        sys.exit("the figure of docs/architecture.md is not what the sources say: tools/dev/lib/layers_figure.py .")


if __name__ == "__main__":
    main()
