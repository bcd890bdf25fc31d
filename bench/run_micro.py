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
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import allocators
from allocators import Allocator

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
SECONDS_BEFORE_GIVING_UP = 120  # one case takes about a second
MARKERS = ("<!-- run_micro.py: begin -->", "<!-- run_micro.py: end -->")


@dataclass(frozen=True)
class Sample:
    """One case under one allocator, once; everything for one malloc+free pair."""

    ns: float
    ticks: float
    cycles: float | None  # None: no hardware counters here
    instructions: float | None


Results = dict[str, dict[str, list[Sample]]]  # case -> allocator -> a sample for each round


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
    report = Report(results, [a.name for a in competitors], args)
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
    assert_served_by(allocator, report["context"]["malloc"])
    return sample_of(report["benchmarks"][0])


def assert_served_by(allocator: Allocator, malloc_of: str) -> None:
    expected = Path(allocator.preload or "libc.so.6").name
    if Path(malloc_of).name != expected:
        sys.exit(f"run_micro.py: {allocator.name}: malloc came from {malloc_of}, not from {expected}")


def sample_of(benchmark: dict) -> Sample:
    if benchmark["time_unit"] != "ns":
        sys.exit(f"run_micro.py: {benchmark['name']}: time in {benchmark['time_unit']}, expected ns")
    return Sample(ns=benchmark["cpu_time"] / benchmark["pairs_per_iteration"],
                  ticks=benchmark["ticks_per_pair"],
                  cycles=benchmark.get("cycles_per_pair"),
                  instructions=benchmark.get("instructions_per_pair"))


def prototype() -> dict:
    return json.loads((HERE / "micro/prototype.json").read_text())


def machine() -> str:
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    name = model.group(1) if model else os.uname().machine
    libc = os.confstr("CS_GNU_LIBC_VERSION") or "another libc"
    return f"{name}, {os.cpu_count()} CPUs, {os.uname().sysname} {os.uname().release}, {libc}"


class Report:
    """Tables over the medians of all rounds."""

    def __init__(self, results: Results, names: list[str], args: argparse.Namespace):
        self.results = results
        self.names = names
        self.args = args
        self.there = prototype()["cases"]

    def text(self) -> str:
        head = [f"Machine: {machine()}. Pinned to CPU {self.args.cpu}, {self.args.rounds} rounds of "
                f"{self.args.min_time} s a case, medians. FIFO and LIFO cases and `pair` use objects of 64 "
                "bytes, the rings 16 to 1,024 bytes."]
        sections = ["Nanoseconds per malloc+free pair (lowest round in parentheses):\n\n" + self.times(),
                    self.unit_table("Ticks of the time-stamp counter per pair:", "ticks")]
        if all(s.cycles is not None for by in self.results.values() for ss in by.values() for s in ss):
            sections.append(self.unit_table("User cycles per pair:", "cycles"))
            sections.append(self.unit_table("User instructions per pair:", "instructions"))
        else:
            head.append("No hardware counters on this machine: cycles and instructions are left out.")
        ratios = self.ratios()
        return "\n\n".join([" ".join(head), *sections, *([ratios] if ratios else [])]) + "\n"

    def median(self, case: str, name: str, unit: str = "ns") -> float:
        return statistics.median(getattr(s, unit) for s in self.results[case][name])

    def times(self) -> str:
        def cell(case: str, name: str) -> str:
            return f"{self.median(case, name):.2f} ({min(s.ns for s in self.results[case][name]):.2f})"

        return table(["case", *self.names], [[c, *(cell(c, n) for n in self.names)] for c in self.results])

    def unit_table(self, title: str, unit: str) -> str:
        rows = [[c, *(f"{self.median(c, n, unit):.1f}" for n in self.names)] for c in self.results]
        return title + "\n\n" + table(["case", *self.names], rows)

    def ratios(self) -> str | None:
        """reslab's time as a multiple of the others'; None when there is nothing to compare."""
        ours = [n for n in self.names if n.startswith("reslab")]
        others = [n for n in ("glibc", "jemalloc") if n in self.names]
        if not ours or not others:
            return None
        header = ["case", *(f"{o} / {p}" for o in ours for p in others)]
        yardstick = "reslab" in self.names and "jemalloc" in self.names
        if yardstick:
            header += ["prototype / jemalloc, there", "against prototype"]
        rows = []
        for case in self.results:
            row = [case, *(f"{self.median(case, o) / self.median(case, p):.2f}" for o in ours for p in others)]
            if yardstick:
                row += self.yardstick_cells(case)
            rows.append(row)
        title = "reslab's time as a multiple of the others' (below 1: reslab is faster)"
        title += f"; bar against the prototype: {self.args.bar}" if yardstick else ""
        return title + ":\n\n" + table(header, rows)

    def yardstick_cells(self, case: str) -> list[str]:
        if case not in self.there:
            return ["-", "-"]
        there, against = self.against_prototype(case)
        return [f"{there:.2f}", f"{against:.2f}" + (" **misses**" if against > self.args.bar else "")]

    def against_prototype(self, case: str) -> tuple[float, float]:
        row = self.there[case]
        there = statistics.mean(row["prototype"]) / statistics.mean(row["jemalloc"])
        here = self.median(case, "reslab") / self.median(case, "jemalloc")
        return there, here / there

    def verdict(self) -> int:
        """The exit status of --check: 1 when a case of the yardstick misses the bar or did not run."""
        if "reslab" not in self.names or "jemalloc" not in self.names:
            print("run_micro.py: --check needs reslab and jemalloc", file=sys.stderr)
            return 1
        judged = [case for case in self.results if case in self.there]
        misses = [case for case in judged if self.against_prototype(case)[1] > self.args.bar]
        for case in misses:
            print(f"run_micro.py: {case}: {self.against_prototype(case)[1]:.2f} times the prototype, "
                  f"the bar is {self.args.bar}", file=sys.stderr)
        return 1 if misses or not judged else 0


def table(header: list[str], rows: list[list[str]]) -> str:
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]

    def line(cells: list[str]) -> str:
        first, *rest = zip(cells, widths)
        return "| " + " | ".join([first[0].ljust(first[1]), *(c.rjust(w) for c, w in rest)]) + " |"

    rule = "|" + "|".join(["-" * (widths[0] + 2), *("-" * (w + 1) + ":" for w in widths[1:])]) + "|"
    return "\n".join([line(header), rule, *map(line, rows)])


def write_markdown(path: Path, report: str) -> None:
    """Puts the report between the markers of an existing file, or begins the file with it."""
    begin, end = MARKERS
    section = f"{begin}\n{report}{end}"
    text = path.read_text() if path.exists() else f"# Benchmarks\n\n{begin}\n{end}\n"
    if begin not in text or end not in text:
        sys.exit(f"run_micro.py: {path} has no lines {begin} and {end} to write between")
    path.write_text(text[: text.index(begin)] + section + text[text.index(end) + len(end):])


if __name__ == "__main__":
    sys.exit(main())
