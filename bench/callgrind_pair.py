#!/usr/bin/env python3
"""Counts the instructions of one malloc+free pair exactly, by callgrind, for each allocator at hand.

Two runs of the same loop differ in nothing but the number of pairs, so the difference of their counts
is the pairs' own. Only instructions inside the allocator's object count; the loop and the jump
through the linkage table belong to the program.

Valgrind has no restartable sequences: reslab runs in fallback mode here, whatever is asked of it.
For the other mode see fast_path.py.
"""

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import allocators
from allocators import Allocator

ROOT = Path(__file__).resolve().parent.parent
FEW, MANY = 1_000, 11_000


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", type=Path, default=ROOT / "build/gcc", help="default: %(default)s")
    parser.add_argument("--bytes", type=int, default=64, help="object size (default: %(default)s)")
    args = parser.parse_args()
    program = args.build / "bench/pair_loop"
    library = args.build / "src/libreslab.so"
    if not program.is_file():
        parser.error(f"no program at {program}: build the project first")
    competitors = [a for a in allocators.every_installed(library.resolve() if library.is_file() else None)
                   if a.name != "reslab"]  # the rseq mode cannot run here
    print(f"instructions per pair of malloc({args.bytes}) and free:")
    for allocator in competitors:
        few, many = (instructions(program, allocator, count, args.bytes) for count in (FEW, MANY))
        print(f"  {allocator.name:16} {(many - few) / (MANY - FEW):8.2f}")
    return 0


def instructions(program: Path, allocator: Allocator, count: int, size: int) -> int:
    """What callgrind counted inside the allocator's own object during one run."""
    with tempfile.NamedTemporaryFile(suffix=".callgrind") as out:
        command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out.name}", program, str(count), str(size)]
        done = subprocess.run(command, env=allocator.environment(), capture_output=True, text=True, timeout=300)
        if done.returncode != 0:
            sys.exit(f"callgrind_pair.py: {allocator.name}: valgrind failed:\n{done.stderr}")
        by_object = self_cost_by_object(Path(out.name).read_text())
    wanted = Path(allocator.preload or "libc.so.6").name
    matches = [cost for name, cost in by_object.items() if Path(name).name.startswith(wanted)]
    if not matches:
        sys.exit(f"callgrind_pair.py: {allocator.name}: {wanted} does not appear in {', '.join(by_object)}")
    return sum(matches)


def self_cost_by_object(profile: str) -> dict[str, int]:
    """Sums the cost lines of callgrind's format by `ob=`; the line after `calls=` is the callee's, not ours."""
    names: dict[str, str] = {}
    costs: dict[str, int] = {}
    current = "?"
    skip_next = False
    for line in profile.splitlines():
        if match := re.match(r"ob=(\(\d+\))(?: (.*))?$", line):
            number, name = match.groups()
            current = names.setdefault(number, name or "?")
        elif match := re.match(r"cob=(\(\d+\)) (.*)$", line):
            names.setdefault(match.group(1), match.group(2))
        elif line.startswith("calls="):
            skip_next = True
        elif re.match(r"[+\-*\d]", line):
            if not skip_next:
                costs[current] = costs.get(current, 0) + int(line.split()[1])
            skip_next = False
    return costs


if __name__ == "__main__":
    sys.exit(main())
