#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Counts the instructions of the fast paths: by callgrind for each allocator, in libreslab.so itself for reslab.

Two runs of the same loop differ in nothing but the number of calls, so the difference of their counts
is the calls' own. Only instructions inside the allocator's object count (what it has libc do, as memset, does not);
the loop and the jump through the linkage table belong to the program.

Valgrind has no restartable sequences: under it reslab runs in fallback mode, whatever is asked of it. For
the other mode the instructions of malloc's and free's fast paths are counted where they lie, see fast_path.py.
"""

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import allocators
import tables
from allocators import Allocator

ROOT = Path(__file__).resolve().parent.parent
FEW, MANY = 1_000, 11_000
KINDS = {"malloc": "malloc, free", "calloc": "calloc, free", "aligned_alloc": "aligned_alloc (64), free",
         "new": "new, sized delete", "realloc": "realloc in place, twice"}


def main() -> int:
    args = parse_arguments()
    library = (args.build / "src/libreslab.so").resolve()
    competitors = [a for a in allocators.every_installed(library if library.is_file() else None)
                   if a.name != "reslab"]  # the rseq mode cannot run here
    report = text_of(args, competitors, fast_paths(library))
    print(report)
    if args.markdown:
        text = args.markdown.read_text() if args.markdown.exists() else "# Benchmarks\n"
        section = "## Instructions of the fast paths\n\n" + report
        args.markdown.write_text(tables.put_section(text, "instructions", section))
    return 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", type=Path, default=ROOT / "build/gcc", help="default: %(default)s")
    parser.add_argument("--bytes", type=int, default=64, help="object size (default: %(default)s)")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="renew the section there")
    args = parser.parse_args()
    args.program = args.build / "bench/pair_loop"
    if not args.program.is_file():
        parser.error(f"no program at {args.program}: build the project first")
    return args


def text_of(args: argparse.Namespace, competitors: list[Allocator], paths: str) -> str:
    rows = []
    for kind, shown in KINDS.items():
        counts = [per_call(args.program, allocator, kind, args.bytes) for allocator in competitors]
        rows.append([shown, *(f"{count:.1f}" for count in counts)])
    head = (f"Executed inside the allocator for each pair of calls with {args.bytes} bytes, as callgrind counts; it "
            "knows no restartable sequences, so reslab runs in fallback mode. To repeat: `./dev bench instructions`.")
    return "\n\n".join([head, tables.table(["calls", *(a.name for a in competitors)], rows), paths]) + "\n"


def fast_paths(library: Path) -> str:
    """In the fast mode: the heads of fast_path.py's listings."""
    listing = subprocess.run([sys.executable, ROOT / "bench/fast_path.py", "--library", library], capture_output=True,
                             text=True)
    heads = re.findall(r"^(\w+): (\d+ instructions, .*)$", listing.stdout, re.M)
    if listing.returncode != 0 or not heads:
        return ""
    paths = "; ".join(f"`{name}`: {what}" for name, what in heads)
    return f"reslab's fast mode, from entry to return (`bench/fast_path.py` shows each): {paths}."


def per_call(program: Path, allocator: Allocator, kind: str, size: int) -> float:
    few, many = (instructions(program, allocator, kind, count, size) for count in (FEW, MANY))
    return (many - few) / (MANY - FEW)


def instructions(program: Path, allocator: Allocator, kind: str, count: int, size: int) -> int:
    """What callgrind counted inside the allocator's own object during one run."""
    with tempfile.NamedTemporaryFile(suffix=".callgrind") as out:
        command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out.name}", program, kind,
                   str(count), str(size)]
        done = subprocess.run(command, env=allocator.environment(), capture_output=True, text=True, timeout=300)
        if done.returncode != 0:
            sys.exit(f"callgrind_pair.py: {allocator.name}: valgrind failed:\n{done.stderr}")
        by_object = self_cost_by_object(Path(out.name).read_text())
    wanted = Path(allocator.preload or "libc.so.6").name
    # What valgrind cannot assign is the allocator's too: gperftools has its entries in a section of their own.
    matches = [cost for name, cost in by_object.items() if Path(name).name.startswith(wanted) or name == "???"]
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
