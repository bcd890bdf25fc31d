# SPDX-License-Identifier: Apache-2.0
"""The layers of src/, and its files as text without comments and strings."""

import re

# Bottom-up. A file includes nothing of a layer behind its own.
LAYERS = ("base", "platform", "sync", "arena", "slab", "cache", "group", "profile", "heap", "objects", "rcu", "api", "malloc")

# {including layer: headers of a layer above it}: system calls need no layer below them, and reports are made of them.
UPWARD = {"base": {"platform/syscall.h"}}

# What only some layers may include of what is no layer: the public header, and the header that meson makes.
OUTSIDE = {"reslab/reslab.h": {"api", "malloc"}, "reslab/rcu.h": {"rcu"}, "reslab_version.h": {"api", "heap"}}

# The layer that is a library of its own: it has threads, which sleep, and hooks that are not in the core's files.
APART = "rcu"

# The layer of the names that a preloaded library takes over: the program's face, not the allocator's core.
FACE = "malloc"

_TOKENS = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'', re.S)


def _blank(match):
    text = match.group()
    if text[0] == '"':
        return '""'
    return re.sub(r"[^\n]", " ", text)


class File:
    def __init__(self, root, path):
        self.name = str(path.relative_to(root / "src"))
        self.layer = self.name.split("/")[0]
        self.text = path.read_text()
        self.code = _TOKENS.sub(_blank, self.text)

    def line_of(self, offset):
        return self.code.count("\n", 0, offset) + 1

    def includes(self):
        """(line, header) for each include with quotes, (line, <header>) for the others."""
        for number, line in enumerate(self.text.splitlines(), 1):
            match = re.match(r'\s*#\s*include\s+(?:"([^"]+)"|(<[^>]+>))', line)
            if match:
                yield number, match.group(1) or match.group(2)


def files(root):
    found = sorted(path for suffix in ("*.cc", "*.h", "*.def", "*.S") for path in (root / "src").rglob(suffix))
    return [File(root, path) for path in found]
