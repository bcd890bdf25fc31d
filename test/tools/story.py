# SPDX-License-Identifier: Apache-2.0
"""Why is it at 2 GB? The server of docs/memory.md is built and run, and `top` and `map` show what the page says they show.

Usage: story.py RESLAB LIBRARY DOCUMENT MODE
"""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from support import Command, Target, fail
from top import Screen, transcript

MARGIN = 0.02  # other machines have other CPUs
PALE = 0.6  # of the units of the class: objects in the caches look as if they were in use


def build(document, library, folder):
    code = re.search(r"^```c malloc\n(.*?)^```", Path(document).read_text(), re.M | re.S)[1]
    Path(folder, "server.c").write_text(code)
    subprocess.run(["cc", "-std=gnu11", "-fno-builtin", f"{folder}/server.c", library, f"-Wl,-rpath,{Path(library).parent}",
                    "-o", f"{folder}/server"], check=True, timeout=60)
    return f"{folder}/server"


def is_like(line, wanted):
    """The words of `wanted` are in the line, side by side, the numbers among them as good as equal."""
    def like(word, other):
        numbers = [re.fullmatch(r"([\d.]+)(%?)", one) for one in (word, other)]
        if not all(numbers):
            return word == other
        return numbers[0][2] == numbers[1][2] and abs(float(numbers[0][1]) - float(numbers[1][1])) <= MARGIN * float(
            numbers[1][1])

    words, others = line.split(), wanted.split()
    return any(all(map(like, words[at:], others)) for at in range(len(words) - len(others) + 1))


def first_row(text):
    lines = text.splitlines()
    head = next((at for at, line in enumerate(lines) if line.split()[:2] == ["OBJECT", "SLABS"]), len(lines))
    return "".join(lines[head + 1:head + 2])


def is_drawn(picture, wanted):
    """Most units of the class are of the words `wanted`; a cell may stand for several units."""
    cells = [((int(width) + 1) // 8, words)
             for width, words in re.findall(r'<rect [^>]*width="(\d+)"[^>]*><title>([^<]*)', picture)]
    of_class = sum(count for count, words in cells if words.startswith(wanted.partition(",")[0]))
    return of_class > 1000 and sum(count for count, words in cells if words == wanted) > PALE * of_class


def main():
    path, library, document, mode = sys.argv[1:]
    if shutil.which("tmux") is None:
        sys.exit(77)
    steps = transcript(document, "top server")
    if [what for what, _ in steps] != ["at first", "l", "w", "in the map"]:
        fail(f"{document}: not the steps that this test knows: {steps}")
    with tempfile.TemporaryDirectory(prefix="reslab-story-") as folder:
        server = build(document, library, folder)
        with Target([server], mode) as target, Screen(f"{path} top -d 0.5 {target.pid}") as screen:
            screen.wait_for(f"^reslab .* server \\({target.pid}\\)  mode {mode} ")
            for what, shows in steps:
                if what == "at first":
                    screen.wait_until(lambda text: any(is_like(line, shows) for line in text.splitlines()), shows)
                elif what == "in the map":
                    Command(None, path).succeed("map", target.pid, "-o", f"{folder}/heap.svg")
                    if not is_drawn(Path(folder, "heap.svg").read_text(), shows):
                        fail(f"the map shows not so many cells of '{shows}'")
                else:
                    screen.type(what)
                    screen.wait_until(lambda text: is_like(first_row(text), shows), f"first, after {what}: {shows}")
    print(f"{len(steps)} steps replayed")


if __name__ == "__main__":
    main()
