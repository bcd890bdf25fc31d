#!/usr/bin/env python3
"""Runs the micro benchmarks under every allocator at hand and prints one report.

The same binary runs under each allocator by LD_PRELOAD. Every case has a process of its own, so that
none inherits another's heap, and the allocators take turns (A B C, A B C, ...), so that a machine
that slows down slows all of them. Everything is pinned to one CPU.

The yardstick is the prototype of the fast path (micro/prototype.json), measured on another machine.
It is carried here by jemalloc, which was measured on both:

    against prototype = (reslab / jemalloc, here) / (prototype / jemalloc, there)

where the prototype's figure is the middle of its range.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import allocators
from allocators import Allocator
from report import Report, Results, Sample, prototype, write_markdown

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
SECONDS_BEFORE_GIVING_UP = 120  # one case takes about a second


def main() -> int:
    args = parse_arguments()
    competitors = choose(args)
    cases = list_cases(args.binary, args.filter)
    results: Results = {case: {a.name: [] for a in competitors} for case in cases}
    for round_number in range(args.rounds):
        print(f"round {round_number + 1} of {args.rounds}", file=sys.stderr, flush=True)
        for case in cases:
            for allocator in competitors:
                results[case][allocator.name].append(run_case(args, case, allocator))
    report = Report(results, [a.name for a in competitors], args.bar, how_measured(args))
    print(report.text())
    if args.markdown:
        write_markdown(args.markdown, report.text())
    return report.verdict() if args.check else 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add = parser.add_argument
    add("--build", type=Path, default=ROOT / "build/gcc", help="build directory (default: %(default)s)")
    add("--binary", type=Path, help="the micro program (default: BUILD/bench/micro)")
    add("--reslab", type=Path, help="the library (default: BUILD/src/libreslab.so)")
    add("--allocators", help="comma-separated names (default: every one that is installed)")
    add("--filter", default=".", help="regular expression over case names (default: all)")
    add("--rounds", type=int, default=5, help="turns of every allocator (default: %(default)s)")
    add("--min-time", type=float, default=0.2, help="seconds a case runs (default: %(default)s)")
    add("--cpu", type=int, default=max(os.sched_getaffinity(0)), help="run there (default: %(default)s)")
    add("--markdown", type=Path, metavar="FILE", help="also write the report into FILE")
    add("--check", action="store_true", help="fail where a case misses the bar")
    add("--bar", type=float, default=1.25, help="largest `against prototype` (default: %(default)s)")
    args = parser.parse_args()
    args.binary = args.binary or args.build / "bench/micro"
    args.reslab = args.reslab or args.build / "src/libreslab.so"
    if args.rounds < 1:
        parser.error("--rounds must be at least 1")
    if not os.access(args.binary, os.X_OK):
        parser.error(f"no micro program at {args.binary}: build the project with Google Benchmark installed")
    return args


def how_measured(args: argparse.Namespace) -> str:
    return (f"Pinned to CPU {args.cpu}, {args.rounds} rounds of {args.min_time} s a case; ratios are of medians. "
            "FIFO and LIFO cases and `pair` use objects of 64 bytes, the rings 16 to 1,024 bytes.")


def choose(args: argparse.Namespace) -> list[Allocator]:
    library = args.reslab.resolve() if args.reslab.is_file() else None
    installed = {a.name: a for a in allocators.every_installed(library)}
    if args.allocators is None:
        return list(installed.values())
    wanted = args.allocators.split(",")
    missing = [name for name in wanted if name not in installed]
    if missing:
        sys.exit(f"run_micro.py: not installed: {', '.join(missing)} (found: {', '.join(installed)})")
    return [installed[name] for name in wanted]


def list_cases(binary: Path, pattern: str) -> list[str]:
    listing = subprocess.run([binary, "--benchmark_list_tests"], capture_output=True, text=True, check=True)
    cases = [case for case in listing.stdout.split() if re.search(pattern, case)]
    if not cases:
        sys.exit(f"run_micro.py: no case matches {pattern!r}; there are: {', '.join(listing.stdout.split())}")
    rows = list(prototype()["cases"])
    return sorted(cases, key=lambda case: rows.index(case) if case in rows else len(rows))


def run_case(args: argparse.Namespace, case: str, allocator: Allocator) -> Sample:
    with tempfile.NamedTemporaryFile(suffix=".json") as out:
        command = ["taskset", "-c", str(args.cpu), args.binary, f"--benchmark_filter=^{case}$",
                   f"--benchmark_min_time={args.min_time}", f"--benchmark_out={out.name}",
                   "--benchmark_out_format=json"]
        done = subprocess.run(command, env=allocator.environment(), capture_output=True, text=True,
                              timeout=SECONDS_BEFORE_GIVING_UP)
        if done.returncode != 0:
            sys.exit(f"run_micro.py: {case} under {allocator.name} ended with status {done.returncode}:\n"
                     f"{done.stderr}")
        report = json.load(out)
    require_served_by(allocator, report["context"])
    return sample_of(report["benchmarks"][0])


def require_served_by(allocator: Allocator, context: dict) -> None:
    expected = Path(allocator.preload or "libc.so.6").name
    if Path(context["malloc"]).name != expected:
        sys.exit(f"run_micro.py: {allocator.name}: malloc came from {context['malloc']}, not from {expected}")
    if context["reslab_mode"] != allocator.reslab_mode:
        sys.exit(f"run_micro.py: {allocator.name}: ran in mode {context['reslab_mode']}, not {allocator.reslab_mode}")


def sample_of(benchmark: dict) -> Sample:
    if benchmark["time_unit"] != "ns":
        sys.exit(f"run_micro.py: {benchmark['name']}: time in {benchmark['time_unit']}, expected ns")
    return Sample(ns=benchmark["cpu_time"] / benchmark["pairs_per_iteration"],
                  ticks=benchmark["ticks_per_pair"],
                  cycles=benchmark.get("cycles_per_pair"),
                  instructions=benchmark.get("instructions_per_pair"))


if __name__ == "__main__":
    sys.exit(main())
