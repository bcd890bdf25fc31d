"""The report of run_micro.py: samples in, tables and a verdict out."""

import json
import os
import re
import statistics
import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
MARKERS = ("<!-- run_micro.py: begin -->", "<!-- run_micro.py: end -->")


@dataclass(frozen=True)
class Sample:
    """One case under one allocator, once; everything for one malloc+free pair."""

    ns: float
    ticks: float
    cycles: float | None  # None: no hardware counters here
    instructions: float | None


Results = dict[str, dict[str, list[Sample]]]  # case -> allocator -> a sample for each round


def prototype() -> dict:
    return json.loads((HERE / "micro/prototype.json").read_text())


def machine() -> str:
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    name = model.group(1) if model else os.uname().machine
    libc = os.confstr("CS_GNU_LIBC_VERSION") or "another libc"
    return f"{name}, {os.cpu_count()} CPUs, {os.uname().sysname} {os.uname().release}, {libc}"


class Report:
    """Tables over the medians of all rounds."""

    def __init__(self, results: Results, names: list[str], bar: float, how_measured: str):
        self.results = results
        self.names = names
        self.bar = bar
        self.how_measured = how_measured
        self.there = prototype()["cases"]

    def text(self) -> str:
        head = [f"Machine: {machine()}.", self.how_measured]
        sections = ["Nanoseconds of CPU time per malloc+free pair, median (lowest round):\n\n" + self.times(),
                    self.unit_table("Ticks of the time-stamp counter per pair, lowest round (elapsed, waiting included):",
                                    "ticks")]
        if all(s.cycles is not None for by in self.results.values() for ss in by.values() for s in ss):
            sections.append(self.unit_table("User cycles per pair, lowest round:", "cycles"))
            sections.append(self.unit_table("User instructions per pair, lowest round:", "instructions"))
        else:
            head.append("No hardware counters on this machine: cycles and instructions are left out.")
        ratios = self.ratios()
        return "\n\n".join([" ".join(head), *sections, *([ratios] if ratios else [])]) + "\n"

    def median(self, case: str, name: str) -> float:
        return statistics.median(s.ns for s in self.results[case][name])

    def times(self) -> str:
        def cell(case: str, name: str) -> str:
            return f"{self.median(case, name):.2f} ({min(s.ns for s in self.results[case][name]):.2f})"

        return table(["case", *self.names], [[c, *(cell(c, n) for n in self.names)] for c in self.results])

    def unit_table(self, title: str, unit: str) -> str:
        def lowest(case: str, name: str) -> str:
            return f"{min(getattr(s, unit) for s in self.results[case][name]):.1f}"

        rows = [[c, *(lowest(c, n) for n in self.names)] for c in self.results]
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
        title += f"; bar against the prototype: {self.bar}" if yardstick else ""
        return title + ":\n\n" + table(header, rows)

    def yardstick_cells(self, case: str) -> list[str]:
        if case not in self.there:
            return ["-", "-"]
        there, against = self.against_prototype(case)
        return [f"{there:.2f}", f"{against:.2f}" + (" **misses**" if against > self.bar else "")]

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
        misses = [case for case in judged if self.against_prototype(case)[1] > self.bar]
        for case in misses:
            print(f"run_micro.py: {case}: {self.against_prototype(case)[1]:.2f} times the prototype, "
                  f"the bar is {self.bar}", file=sys.stderr)
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
