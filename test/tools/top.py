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

    def __init__(self, command):
        self.name = f"reslab-top-{os.getpid()}"
        self.tmux("new-session", "-d", "-s", "top", "-x", "80", "-y", "24", command + "; echo ended $?; sleep 60")

    def tmux(self, *arguments):
        return subprocess.run(["tmux", "-L", self.name, "-f", "/dev/null", *arguments], capture_output=True, text=True,
                              timeout=20).stdout

    def type(self, key):
        self.tmux("send-keys", "-t", "top", key)

    def wait_for(self, pattern):
        for _ in range(100):
            text = self.tmux("capture-pane", "-p", "-t", "top")
            if re.search(pattern, text, re.M):
                return text
            time.sleep(0.1)
        fail(f"the screen never shows {pattern!r}", text)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.tmux("kill-server")


def transcript(document):
    """(key, pattern) of each line "press KEY: shows PATTERN" in the fenced block named `top`."""
    text = open(document).read()
    block = re.search(r"^```text top\n(.*?)^```", text, re.M | re.S)
    if not block:
        fail(f"{document} has no transcript")
    return re.findall(r"^press (\S+): +(.+)$", block.group(1), re.M)


def require_sorted_by_waste(text):
    factor = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
    wastes = []
    for line in text.splitlines()[6:]:
        match = re.search(r"([\d.]+) (B|[KMG]iB) +(?:-|[+-]\d+)$", line)
        if match:
            wastes.append(float(match.group(1)) * factor[match.group(2)])
    if len(wastes) < 5 or wastes != sorted(wastes, reverse=True):
        fail("the classes are not sorted by waste", text)


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
        screen.type("w")
        time.sleep(0.5)
        require_sorted_by_waste(screen.wait_for(r"^ +OBJECT"))
        target.process.kill()
        screen.wait_for("ended while it was read|changed its memory")
        screen.wait_for("ended 1")
    print(f"{len(keys)} keys replayed")


if __name__ == "__main__":
    main()
