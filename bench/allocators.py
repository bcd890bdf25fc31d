# SPDX-License-Identifier: Apache-2.0
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
SCUDO = "/usr/lib/llvm-14/lib/clang/14.0.6/lib/linux/libclang_rt.scudo_standalone-x86_64.so"
MORE_PEERS = PEERS | {"tbbmalloc": "libtbbmalloc_proxy.so.2", "scudo": SCUDO}

# google/tcmalloc alone can say whether its caches are per CPU. They need the rseq area that glibc takes first: without
# the tunable it runs on per-thread caches and says nothing.
PER_CPU_QUESTION = b"MallocExtension_Internal_GetPerCpuCachesActive"
LEAVE_RSEQ_ALONE = {"GLIBC_TUNABLES": "glibc.pthread.rseq=0"}


@dataclass(frozen=True)
class Allocator:
    """One column of a report."""

    name: str
    preload: str | None = None  # None: the system's own malloc
    reslab_mode: str = "none"  # what the program must find
    options: dict[str, str] = field(default_factory=dict)  # environment variables of its own
    must_be_per_cpu: bool = False
    linked_into: str | None = None  # a program that has this allocator inside, in the place of the one preloaded to

    def environment(self) -> dict[str, str]:
        env = {k: v for k, v in os.environ.items() if k not in ("LD_PRELOAD", "RESLAB_OPTIONS")}
        if self.preload:
            env["LD_PRELOAD"] = self.preload
        return env | self.options

    @property
    def is_reslab(self) -> bool:
        return self.reslab_mode != "none"

    @property
    def file_name(self) -> str:
        """Of the object that malloc has to come from."""
        if self.linked_into:
            return self.linked_into
        return Path(self.preload or "libc.so.6").name


# bench/micro's second form: reslab-malloc linked in.
LINKED = Allocator("reslab-static", None, "rseq", {"RESLAB_OPTIONS": "mode=rseq"}, linked_into="micro_static")


def loadable(library: str) -> bool:
    """Whether the loader can preload `library`: it warns on stderr and goes on when it cannot."""
    probe = subprocess.run(["/bin/true"], env={"LD_PRELOAD": library}, capture_output=True, text=True)
    return probe.returncode == 0 and "cannot be preloaded" not in probe.stderr


def reslab(library: Path, mode: str) -> Allocator:
    name = "reslab" if mode == "rseq" else f"reslab-{mode}"
    return Allocator(name, str(library), mode, {"RESLAB_OPTIONS": f"mode={mode}"})


def profiled(library: Path) -> Allocator:
    """With the heap profile at the rate that docs/heap-profile.md recommends: only where it is asked for."""
    return Allocator("reslab-profiled", str(library), "rseq", {"RESLAB_OPTIONS": "mode=rseq:profile=512k"})


def every_installed(reslab_library: Path | None, peers: dict[str, str] = PEERS) -> list[Allocator]:
    """reslab in both modes where it is built, then the system's malloc and each peer installed."""
    found = []
    if reslab_library is not None:
        found += [reslab(reslab_library, "rseq"), reslab(reslab_library, "fallback")]
    found += [Allocator(name, library) for name, library in peers.items() if loadable(library)]
    return found + [Allocator("glibc")]


def by_path(name: str, path: Path) -> Allocator:
    """A peer that was built outside the tree."""
    if PER_CPU_QUESTION in path.read_bytes():
        return Allocator(name, str(path), options=LEAVE_RSEQ_ALONE, must_be_per_cpu=True)
    return Allocator(name, str(path))


def complaint_about(allocator: Allocator, answered: str, reslab_mode: str, per_cpu: bool | None) -> str | None:
    """Why what ran was not this allocator as it was meant to run; None when it was."""
    if Path(answered).name != allocator.file_name:
        return f"malloc came from {answered}, not from {allocator.file_name}"
    if reslab_mode != allocator.reslab_mode:
        return f"ran in mode {reslab_mode}, not {allocator.reslab_mode}"
    if allocator.must_be_per_cpu and not per_cpu:
        return "its caches were not per CPU"
    return None


def is_mapped(allocator: Allocator, maps: str) -> bool:
    """Whether the text of a process's /proc/PID/maps shows that what was to be preloaded is there."""
    objects = {Path(line.split(maxsplit=5)[5]).name for line in maps.splitlines() if len(line.split(maxsplit=5)) == 6}
    names = {allocator.file_name}
    if allocator.preload and Path(allocator.preload).is_absolute():
        names.add(Path(allocator.preload).resolve().name)
    # The file may have more numbers at its end than the name it is found by.
    return any(found.startswith(name) for found in objects for name in names)
