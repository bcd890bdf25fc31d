# SPDX-License-Identifier: Apache-2.0
"""The tests that README and docs name exist, and the commands that run them select some.

`... NAME... --suite SUITE...` in backticks is a command (docs/guarantees.md says what the dots stand for): meson compares
names as a whole, and is content with having selected nothing. What else looks like the name of a test is one, without its
mode, or a folder of them.

Usage: named_tests.py BUILD SOURCE
"""

import json
import re
import sys
from pathlib import Path


def problems_of_command(words, names, suites):
    words = words.split()
    while words:
        word = words.pop(0)
        if word == "--suite":
            suite = words.pop(0) if words else ""
            if suite not in suites:
                yield f"there is no suite '{suite}'"
        elif word not in names:
            yield f"there is no test '{word}'"


def is_of_the_tree(token, source):
    return any((source / folder / token).exists() or any((source / folder).glob(token + ".*"))
               for folder in ("", "src", "test", "bench", "examples", "tools", "docs"))


def problems_of(text, names, suites, source):
    """Each as (line, text)."""
    roots = {name.partition("/")[0] for name in names}
    for match in re.finditer(r"`([^`\n]+)`", text):
        line = text.count("\n", 0, match.start()) + 1
        token = match[1]
        if token.startswith("... "):
            yield from ((line, problem) for problem in problems_of_command(token[4:], names, suites))
        elif re.fullmatch(r"[a-z_]+/[\w-]+(/\w+)?", token) and token.partition("/")[0] in roots:
            is_known = any(name.startswith(token + "/") for name in names) or token in names
            if not is_known and not is_of_the_tree(token, source):
                yield line, f"there is no test '{token}'"


def main():
    build, source = map(Path, sys.argv[1:])
    tests = json.loads((build / "meson-info/intro-tests.json").read_text())
    names = {test["name"] for test in tests}
    suites = {suite.rpartition(":")[2] for test in tests for suite in test["suite"]}
    found = [f"{page.relative_to(source)}:{line}: {problem}"
             for page in [source / "README.md", *sorted(source.glob("docs/*.md"))]
             for line, problem in problems_of(page.read_text(), names, suites, source)]
    if found or not names:
        sys.exit("\n".join(found or ["the build has no tests"]))


if __name__ == "__main__":
    main()
