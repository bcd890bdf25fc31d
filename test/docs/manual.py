# SPDX-License-Identifier: Apache-2.0
"""The manual pages are laid out without a warning, and name functions that there are; that of the command has the options
of all its subcommands, and no others.

Usage: manual.py SOURCE [RESLAB]
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path


def options_of(reslab, *subcommand):
    shown = subprocess.run([reslab, *subcommand, "--help"], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                           timeout=60, check=True).stdout
    subcommands = re.findall(r"^  (\w+) {2,}", shown, re.M)
    named = {option for forms in re.findall(r"^ +(-[\w,-]+)", shown, re.M) for option in forms.split(",")}
    return named.union(*(options_of(reslab, name) for name in subcommands if not subcommand)) - {"-h", "--help"}


def problems_of_options(page, reslab):
    there_are = options_of(reslab)
    documented = set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", page.read_text().replace("\\-", "-")))
    yield from (f"{page.name}: nothing of {option}" for option in sorted(there_are - documented))
    yield from (f"{page.name}: there is no {option}" for option in sorted(documented - there_are))


def main():
    source = Path(sys.argv[1])
    declared = "".join(path.read_text() for path in (source / "include/reslab").glob("*.h"))
    pages = sorted((source / "man").glob("*.[13]"))
    problems = []
    for page in pages:
        if shutil.which("man"):
            done = subprocess.run(["man", "--warnings", "--local-file", str(page)], stdin=subprocess.DEVNULL,
                                  capture_output=True, text=True, timeout=60, env={"PATH": "/usr/bin:/bin", "MANWIDTH": "80"})
            if done.returncode != 0 or done.stderr:
                problems.append(f"{page.name}: {done.stderr}")
        text = page.read_text()
        if page.suffix == ".3":
            problems += [f"{page.name}: there is no {name}" for name in set(re.findall(r"\b(reslab_\w+)", text))
                         if not re.search(rf"\b{name}\b", declared)]
    if len(sys.argv) > 2:
        problems += problems_of_options(source / "man/reslab.1", sys.argv[2])
    for problem in problems:
        print(problem)
    print(f"{len(pages)} pages, {len(problems)} problems")
    sys.exit(1 if problems or len(pages) < 4 else 0)


if __name__ == "__main__":
    main()
