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
    """The library under test, the mode that it is told to run in, and what is preloaded beside it, if anything."""

    path: pathlib.Path
    mode: str
    companion: pathlib.Path | None = None

    def preload(self):
        """The value of LD_PRELOAD."""
        return ":".join(str(path) for path in (self.path, self.companion) if path)


def plain(home):
    """The environment without the library; home and temporary files lie in `home`."""
    return {**BASE, "HOME": str(home), "TMPDIR": str(home)}


def preloaded(home, library, statistics):
    """The environment with the library, which writes its figures to `statistics`/stats.PID."""
    return {**plain(home), "LD_PRELOAD": library.preload(),
            "RESLAB_OPTIONS": f"mode={library.mode}:stats_file={statistics}/stats.%p",
            "RESLAB_EXIT_STATISTICS": str(statistics)}
