# SPDX-License-Identifier: Apache-2.0
"""The manual pages are laid out without a warning, and name functions that there are.

Usage: manual.py SOURCE
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path


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
    for problem in problems:
        print(problem)
    print(f"{len(pages)} pages, {len(problems)} problems")
    sys.exit(1 if problems or len(pages) < 4 else 0)


if __name__ == "__main__":
    main()
