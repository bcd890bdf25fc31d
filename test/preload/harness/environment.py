# SPDX-License-Identifier: Apache-2.0
"""The environment of the programs under test: fixed, so that two runs differ in the library alone."""

import dataclasses
import pathlib

BASE = {
    "PATH": "/usr/bin:/bin",
    "LC_ALL": "C.UTF-8",
    "TZ": "UTC",
    "TERM": "dumb",
    "PYTHONHASHSEED": "0",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PERL_HASH_SEED": "0",
    "SOURCE_DATE_EPOCH": "0",
}


@dataclasses.dataclass(frozen=True)
class Library:
    """The library under test, what it is told (mode, local locks, what numbers the magazines, pages), and what is
    preloaded beside it."""

    path: pathlib.Path
    mode: str
    companion: pathlib.Path | None = None
    local_lock: str = "try"
    slots: str = "auto"
    pages: str = "4k"

    def preload(self):
        """The value of LD_PRELOAD."""
        return ":".join(str(path) for path in (self.path, self.companion) if path)

    def options(self):
        """For RESLAB_OPTIONS."""
        return f"mode={self.mode}:local_lock={self.local_lock}:slots={self.slots}:pages={self.pages}"


def plain(home):
    """The environment without the library; home and temporary files lie in `home`."""
    return {**BASE, "HOME": str(home), "TMPDIR": str(home)}


def preloaded(home, library, statistics):
    """The environment with the library, which writes its figures to `statistics`/stats.PID."""
    return {**plain(home), "LD_PRELOAD": library.preload(),
            "RESLAB_OPTIONS": f"{library.options()}:stats_file={statistics}/stats.%p",
            "RESLAB_EXIT_STATISTICS": str(statistics)}
