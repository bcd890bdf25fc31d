#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The latency of nolock calls in a signal handler, in both modes, against masking all signals around a lock: a table.

latency.cc measures; each mode is a run of its own. Every figure is in ticks of the time-stamp counter.
"""

import argparse
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(HERE.parent))

import allocators  # noqa: E402 (beside this folder)
from machine import machine  # noqa: E402

TITLE = "# Latency in a signal handler\n\nWritten by `bench/latency/run_latency.py`."
SHOWN = {"nolock_alloc": "reslab_malloc_nolock", "nolock_free": "reslab_free_nolock",
         "masked_alloc": "masked: allocate", "masked_free": "masked: free"}
PARTS = {"all": "every call", "first": "the first call of its kind in its handler"}


def main() -> int:
    args = parse_arguments()
    sections = [introduction(args)]
    for mode in ("rseq", "fallback"):
        sections.append(section_of(mode, measure(args, mode)))
    report = "\n\n".join(sections) + "\n"
    print(report)
    if args.markdown:
        args.markdown.write_text(f"{TITLE}\n\n{report}")
    return 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add = parser.add_argument
    add("--build", type=Path, default=ROOT / "build/gcc", help="build directory (default: %(default)s)")
    add("--binary", type=Path, help="the program (default: BUILD/bench/latency/latency)")
    add("--seconds", type=int, default=10, help="for each mode (default: %(default)s)")
    add("--markdown", type=Path, metavar="FILE", help="also write the report into FILE")
    args = parser.parse_args()
    args.binary = args.binary or args.build / "bench/latency/latency"
    if not args.binary.is_file():
        parser.error(f"there is no program {args.binary}")
    if args.seconds < 1:
        parser.error("--seconds: at least one")
    return args


def introduction(args: argparse.Namespace) -> str:
    return (f"A timer of 10,000 Hz interrupts a program that allocates and frees; each handler makes eight pairs of "
            f"calls of 16 to 256 bytes with either allocator, for {args.seconds} seconds. *masked* is the way of "
            "abseil's LowLevelAlloc: all signals masked around a spinlock, two system calls an operation; here with "
            "one size, a free list and a lock that nobody else wants. In ticks of the time-stamp counter, its own "
            "cost taken off. The maxima are the machine's: interrupts and other programs "
            f"strike both alike. Machine: {machine()}.")


def measure(args: argparse.Namespace, mode: str) -> str:
    environment = allocators.Allocator("latency", options={"RESLAB_OPTIONS": f"mode={mode}"}).environment()
    done = subprocess.run([args.binary, mode, str(args.seconds)], env=environment, capture_output=True, text=True,
                          timeout=args.seconds + 60)
    if done.returncode != 0:
        sys.exit(f"run_latency.py: mode {mode}: {done.stderr.strip()}")
    return done.stdout


def section_of(mode: str, output: str) -> str:
    first_line = re.search(r"handlers=(\d+) nolock_failures=(\d+)", output)
    ahead = re.search(r"ahead alloc=([\d.]+) free=([\d.]+)", output)
    parts = [f"## Mode {mode}",
             f"At the median nolock is **{ahead[1]} times** ahead for an allocation and **{ahead[2]} times** for a free. "
             f"Handlers: {int(first_line[1]):,}; nolock allocations that returned NULL: {first_line[2]}."]
    return "\n\n".join(parts + [table_of(part, output) for part in PARTS])


def table_of(part: str, output: str) -> str:
    rows = [f"| {PARTS[part]} | calls | p50 | p99 | p99.9 | max |", "|---|--:|--:|--:|--:|--:|"]
    for name, shown in SHOWN.items():
        line = re.search(rf"^{part} {name} count=(\d+) p50=(\d+) p99=(\d+) p999=(\d+) max=(\d+)$", output, re.M)
        rows.append("| " + " | ".join([shown] + [f"{int(figure):,}" for figure in line.groups()]) + " |")
    return "\n".join(rows)


if __name__ == "__main__":
    sys.exit(main())
