"""The allocators that a benchmark compares: what to preload for each, and how to know that it took."""

import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

# What others install, by the name their packages give them. The loader finds the file.
PEERS = {
    "jemalloc": "libjemalloc.so.2",
    "mimalloc": "libmimalloc.so.2",
    "tcmalloc": "libtcmalloc_minimal.so.4",
}


@dataclass(frozen=True)
class Allocator:
    """One column of a report."""

    name: str
    preload: str | None = None  # None: the system's own malloc
    reslab_mode: str = "none"  # what the micro program must find
    options: dict[str, str] = field(default_factory=dict)  # environment variables of its own

    def environment(self) -> dict[str, str]:
        env = {k: v for k, v in os.environ.items() if k not in ("LD_PRELOAD", "RESLAB_OPTIONS")}
        if self.preload:
            env["LD_PRELOAD"] = self.preload
        return env | self.options


def loadable(library: str) -> bool:
    """Whether the loader can preload `library`: it warns on stderr and goes on when it cannot."""
    probe = subprocess.run(["/bin/true"], env={"LD_PRELOAD": library}, capture_output=True, text=True)
    return probe.returncode == 0 and "cannot be preloaded" not in probe.stderr


def reslab(library: Path, mode: str) -> Allocator:
    name = "reslab" if mode == "rseq" else f"reslab-{mode}"
    return Allocator(name, str(library), mode, {"RESLAB_OPTIONS": f"mode={mode}"})


def every_installed(reslab_library: Path | None) -> list[Allocator]:
    """reslab in both modes where it is built, then the system's malloc and each peer installed."""
    found = []
    if reslab_library is not None:
        found += [reslab(reslab_library, "rseq"), reslab(reslab_library, "fallback")]
    found += [Allocator(name, library) for name, library in PEERS.items() if loadable(library)]
    return found + [Allocator("glibc")]
