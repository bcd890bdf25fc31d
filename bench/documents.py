# SPDX-License-Identifier: Apache-2.0
"""What is written of a kind's results: JSON with every sample, a section of the document, pictures."""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

import bars
import plots
import tables
from ratios import Results

# Of each kind: its title, the figures shown at once, those folded away, those drawn.
SHOWN = {
    "micro": ("Micro: single calls", ["time"], ["ticks", "cycles", "instructions"], ["time"]),
    "workloads": ("Workloads", ["time", "cpu", "peak_rss"], ["mean_rss", "end_rss", "faults"],
                  ["time", "cpu", "peak_rss"]),
    "programs": ("Programs", ["time", "cpu", "peak_rss"], ["mean_rss", "faults"], ["time", "cpu", "peak_rss"]),
    "worst": ("Worst case", ["malloc_p9999", "free_p9999"],
              [f"{call}_{part}" for call in ("malloc", "free") for part in ("p50", "p99", "p999", "max")],
              ["malloc_p9999", "free_p9999"]),
    "memory": ("Memory when idle, and over time",
               ["start_rss", "peak_rss", "end_rss", "first_second_rss", "last_quarter_rss"], [], ["end_rss"]),
    "startup": ("Start", ["instructions", "faults"], [], []),
}
WORDS = {
    "micro": "Nanoseconds of CPU time for a pair of calls (an allocation and what frees it, or one step of a realloc). "
             "Pinned to one CPU, but for `cross_thread`, where the time is that of both threads. `reslab-static` is "
             "the same program with reslab linked in.",
    "workloads": "Programs of the field's standard shapes with a fixed amount of work (`bench/workloads`).",
    "programs": "Debian's programs with generated input (`bench/programs.py`); `python3-malloc` is python3 without "
                "pools of its own. Memory is that of the program and its children.",
    "worst": "Ticks of the time-stamp counter around single calls of two threads that free each other's objects; calls "
             "during which the thread lost its CPU do not count (`bench/worst`).",
    "memory": "`idle` frees all it had, and is looked at one second later. `steady` is a producer and a consumer.",
    "startup": "`/bin/true` under each allocator. Under valgrind reslab runs in its fallback mode.",
}


@dataclass
class Measured:
    """One kind's results and how they came about."""

    kind: str
    machine: str
    how: str
    names: list[str]
    peers: list[str]
    results: Results
    complaints: list[str] = field(default_factory=list)
    clock: str = "time"  # the metric that the bars take for time

    def write(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".part")
        unfinished.write_text(json.dumps(asdict(self), indent=1) + "\n")
        os.replace(unfinished, path)

    @staticmethod
    def read(path: Path) -> "Measured":
        return Measured(**json.loads(path.read_text()))

    def verdicts(self) -> list[bars.Verdict]:
        return bars.judge(self.kind, self.results, self.peers, self.clock)

    def metrics(self, wanted: list[str]) -> list[str]:
        """Those that were measured at all."""
        samples = [s for runs in self.results.values() for ss in runs.values() for s in ss if s]
        return [metric for metric in wanted if any(metric in sample for sample in samples)]


def section(measured: Measured, plots_from_document: str | None) -> str:
    title, shown, folded, drawn = SHOWN[measured.kind]
    parts = [f"## {title}", f"{WORDS[measured.kind]} {measured.how} Machine: {measured.machine}."]
    parts.append(tables.summary(measured.verdicts()))
    if plots_from_document is not None:
        parts += [f"![{title}: {caption(measured, m)}]({plots_from_document}/{measured.kind}-{m}.svg)"
                  for m in measured.metrics(drawn)]
    parts += [one_table(measured, metric) for metric in measured.metrics(shown)]
    parts += [tables.folded(tables.METRICS[m][0], one_table(measured, m)) for m in measured.metrics(folded)]
    if measured.complaints:
        parts.append("What failed: " + "; ".join(sorted(set(measured.complaints))) + ".")
    return "\n\n".join(part for part in parts if part) + "\n"


def one_table(measured: Measured, metric: str) -> str:
    with_metric = {case: runs for case, runs in measured.results.items()
                   if any(sample and metric in sample for samples in runs.values() for sample in samples)}
    return tables.figures(with_metric, measured.names, measured.peers, metric, caption(measured, metric))


def caption(measured: Measured, metric: str) -> str:
    return "Nanoseconds" if measured.kind == "micro" and metric == "time" else tables.METRICS[metric][0]


def renew(document: Path, measured: Measured, plots_folder: Path | None) -> None:
    """Draws the pictures and puts the kind's section into the document."""
    relative = None
    if plots_folder is not None and plots.available():
        title, _, _, drawn = SHOWN[measured.kind]
        for metric in measured.metrics(drawn):
            plots.draw(plots_folder / f"{measured.kind}-{metric}.svg", f"{title}: {caption(measured, metric)}",
                       measured.results, measured.names, measured.peers, metric)
        relative = os.path.relpath(plots_folder, document.parent)
    text = document.read_text() if document.exists() else "# Benchmarks\n"
    document.write_text(tables.put_section(text, measured.kind, section(measured, relative)))
