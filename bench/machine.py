# SPDX-License-Identifier: Apache-2.0
"""What a report says of the machine it was made on, and of the sources."""

import os
import re
import subprocess
from pathlib import Path


def machine() -> str:
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    name = model.group(1) if model else os.uname().machine
    libc = os.confstr("CS_GNU_LIBC_VERSION") or "another libc"
    return (f"{name}, {os.cpu_count()} CPUs, {os.uname().sysname} {os.uname().release}, {libc}, "
            f"transparent huge pages: {huge_pages()}")


def sources() -> str:
    """The commit that what is measured was made from, where the sources are a checkout."""
    here = Path(__file__).parents[1]

    def git(*words: str) -> subprocess.CompletedProcess:
        return subprocess.run(["git", *words], cwd=here, capture_output=True, text=True, check=False)
    commit = git("rev-parse", "--short", "HEAD")
    if commit.returncode != 0:
        return "of no commit"
    is_changed = git("diff", "--quiet", "HEAD", "--", "src", "include", "bench").returncode != 0
    return f"of commit {commit.stdout.strip()}" + (", changed since" if is_changed else "")


def huge_pages() -> str:
    """The choice in brackets, of "always [madvise] never"."""
    file = Path("/sys/kernel/mm/transparent_hugepage/enabled")
    chosen = re.search(r"\[(\w+)\]", file.read_text() if file.exists() else "")
    return chosen.group(1) if chosen else "none"
