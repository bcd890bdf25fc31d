# SPDX-License-Identifier: Apache-2.0
"""docs/lessons.md: each lesson but those of speed has a test, which is there and says that it stands for it."""

import re

ALL = set(range(1, 35))
OF_SPEED = {33, 34}


def _numbers(text):
    """Numbers behind the word lesson or lessons: "lesson 3", "lessons 6, 7 and 12"."""
    return {int(number) for words in re.findall(r"[Ll]essons?\s+((?:\d+(?:,\s+|\s+and\s+)?)+)", text)
            for number in re.findall(r"\d+", words)}


def check(root):
    text = (root / "docs/lessons.md").read_text()
    rows = {int(number): re.findall(r"`([\w/.]+)`", where)
            for number, where in re.findall(r"^\| (\d+) \|.*\| ([^|]*) \|$", text, re.M)}
    problems = [f"docs/lessons.md has no row for lesson {n}" for n in sorted(ALL - OF_SPEED - set(rows))]
    for number, files in rows.items():
        for name in files:
            if not (root / name).is_file():
                problems.append(f"docs/lessons.md names {name}, which is not there")
            elif number not in _numbers((root / name).read_text()):
                problems.append(f"{name} does not say that it stands for lesson {number}")
    return problems
