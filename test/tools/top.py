# SPDX-License-Identifier: Apache-2.0
"""`reslab top` on a terminal of 80 by 24: its keys, its lines, its end. The transcript of docs/memory.md is replayed: what
is typed there is typed here, and what it shows must be there.

Usage: top.py RESLAB BUSY DOCUMENT
"""

import os
import re
import shutil
import subprocess
import sys
import time

from support import Target, fail


class Screen:
    """A tmux of our own."""

    count = 0

    def __init__(self, command):
        Screen.count += 1
        self.name = f"reslab-top-{os.getpid()}-{Screen.count}"
        self.tmux("new-session", "-d", "-s", "top", "-x", "80", "-y", "24", command + "; echo ended $?; sleep 60")

    def tmux(self, *arguments):
        return subprocess.run(["tmux", "-L", self.name, "-f", "/dev/null", *arguments], capture_output=True, text=True,
                              timeout=20).stdout

    def type(self, key):
        self.tmux("send-keys", "-t", "top", key)

    def text(self):
        return self.tmux("capture-pane", "-p", "-t", "top")

    def wait_until(self, is_so, what):
        for _ in range(100):
            text = self.text()
            if is_so(text):
                return text
            time.sleep(0.1)
        fail(f"the screen never shows {what}", text)

    def wait_for(self, pattern):
        return self.wait_until(lambda text: re.search(pattern, text, re.M), repr(pattern))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.tmux("kill-server")


def transcript(document, name="top"):
    """(key, pattern) of each line "press KEY: shows PATTERN" in the fenced block of that name."""
    text = open(document).read()
    block = re.search(rf"^```text {name}\n(.*?)^```", text, re.M | re.S)
    if not block:
        fail(f"{document} has no transcript")
    return re.findall(r"^(?:press )?(\S.*?): +(.+)$", block.group(1), re.M)


FACTOR = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
ROW = re.compile(r"^ *(?P<object>\d+) +\d+ +(?P<bytes>[\d.]+ [KMG]?i?B) +(?P<live>\d+) +\d+% +(?P<cached>\d+) +\d+ +"
                 r"(?P<waste>[\d.]+ [KMG]?i?B) +(?P<change>[-+]\d+)$", re.M)
# {key: what the rows are sorted by, the greatest first}; what stands there in round figures is sorted as well.
SORTED_BY = {"b": lambda row: row["bytes"], "l": lambda row: row["live"] * row["object"], "o": lambda row: row["live"],
             "w": lambda row: row["waste"], "a": lambda row: row["cached"] * row["object"],
             "g": lambda row: abs(row["change"]) * row["object"], "z": lambda row: -row["object"]}


def number(text):
    figure, _, unit = text.partition(" ")
    return float(figure) * FACTOR[unit] if unit else int(figure)


def rows(text):
    return [{name: number(value) for name, value in match.groupdict().items()} for match in ROW.finditer(text)]


def is_sorted(text, key):
    values = [SORTED_BY[key](row) for row in rows(text)]
    return len(set(values)) >= 5 and values == sorted(values, reverse=True)


def keys_sort(screen):
    """Each key that sorts does, from an order that is another one."""
    for key in SORTED_BY:
        other = "z" if key != "z" else "b"
        for pressed in (other, key):
            screen.type(pressed)
            screen.wait_until(lambda text: is_sorted(text, pressed), f"the classes sorted as {pressed} says")
        if is_sorted(screen.text(), other):
            fail(f"{key} and {other} sort alike: that tests nothing", screen.text())


def keys_slow_and_hasten(screen):
    """What a second has brought stands still for longer and longer, and moves again. -: from 0.3 s to 19."""
    screen.wait_until(lambda text: re.search("refills \\d", text), "rates")
    for key in "------":
        screen.type(key)
    for _ in range(10):  # until it has read the keys
        before = screen.text()
        time.sleep(1.5)
        if screen.text() == before:
            break
    else:
        fail("it looks again and again, though it was told to wait", before + screen.text())
    for key in "++++++":
        screen.type(key)
    screen.wait_until(lambda text: text != before, "a later look")


def main():
    path, busy, document, mode = sys.argv[1:]
    if shutil.which("tmux") is None:
        sys.exit(77)
    keys = transcript(document)
    if len(keys) < 4:
        fail(f"{document}: a transcript of {len(keys)} keys")
    with Target([busy], mode) as target, Screen(f"{path} top -d 0.3 {target.pid}") as screen:
        screen.wait_for(r"^ +OBJECT +SLABS +BYTES +LIVE")
        for key, shows in keys:
            screen.type(key)
            text = screen.wait_for(re.escape(shows))
            if any(len(line) > 80 for line in text.splitlines()) or len(text.splitlines()) > 24:
                fail("it does not fit 80 by 24", text)
        keys_sort(screen)
        keys_slow_and_hasten(screen)
        with Screen(f"{path} top {target.pid}") as other:
            other.wait_for(r"^ +OBJECT")
            other.type("q")
            other.wait_for("ended 0")
        target.process.kill()
        screen.wait_for("ended while it was read|changed its memory")
        screen.wait_for("ended 1")
    print(f"{len(keys)} keys replayed")


if __name__ == "__main__":
    main()
