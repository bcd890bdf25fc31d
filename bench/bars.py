# SPDX-License-Identifier: Apache-2.0
"""What reslab is to reach, kind by kind, and whether it does."""

from collections.abc import Iterator
from dataclasses import dataclass

import ratios
from ratios import Results

PEERS_OF_MEMORY = ("jemalloc", "jemalloc-new")  # the one whose memory is the measure; the newer where it is given


@dataclass(frozen=True)
class Verdict:
    what: str
    value: float
    bar: float
    is_one_of_many: bool = False  # a report names such a one where it is missed

    @property
    def is_met(self) -> bool:
        return self.value <= self.bar


@dataclass(frozen=True)
class Bar:
    """Of a metric's ratio to the best peer: in the geometric mean over all cases, and of each."""

    metric: str
    mean: float
    each: float
    peers: tuple[str, ...] = ()  # none: all


BARS = {
    "micro": [Bar("time", 0.95, 1.15)],
    "workloads": [Bar("time", 0.95, 1.05), Bar("peak_rss", 0.95, 1.2, PEERS_OF_MEMORY[:1])],
    "programs": [Bar("time", 1.0, 1.02), Bar("peak_rss", 0.95, 1.2, PEERS_OF_MEMORY[:1])],
    "worst": [Bar("malloc_p9999", 1.0, 1.0), Bar("free_p9999", 1.0, 1.0)],
}
MIB = 1 << 20

# User cycles of a pair on the machine of the prototype, a tuned fast path without the rest of an allocator: its own, and
# jemalloc 5.3.0's in the same run, which carries them over to another processor.
PROTOTYPE = {
    "pair/64": (13, 16),
    "batch/fifo/100": (12, 16),
    "batch/lifo/100": (14, 16),
    "batch/fifo/1000": (12, 38),
    "batch/fifo/20000": (18, 42),
    "ring/1024": (15.5, 31),
    "ring/65536": (39, 67),
}
PROTOTYPE_BAR = 1.25
# What the calls cost, the linkage table and the loop, is no allocator's doing: on some processors it is five times what
# either does behind it. So it is taken off both sides. Here it is a case of its own; on that machine nobody measured it, and
# the more it was, the stricter is the bar: at most 7 cycles, which leaves the shortest pair of the prototype, of 11, four.
EMPTY_CALLS = "empty_calls"
PROTOTYPE_CALLS = 7
# An object of a typed cache in bulk of 32, in cycles of that machine, where jemalloc's pair took 16.
BULK_BAR = 4.0
TYPED_AGAINST_MALLOC, TYPED_AGAINST_PEERS = 0.9, 0.85


def judge(kind: str, results: Results, peers: list[str], clock: str = "time") -> list[Verdict]:
    """`clock` is what stands for time: on a machine that others use, a program's CPU time says more ("cpu")."""
    if clock != "time":
        results = by_clock(results, clock)
    found = [verdict for bar in BARS.get(kind, []) for verdict in judge_ratios(bar, results, peers)]
    more = {"micro": [prototype, fallback, typed], "workloads": [oversubscribed], "memory": [idle_and_steady],
            "startup": [start_up]}.get(kind, [])
    return found + [verdict for judge_more in more for verdict in judge_more(results)]


def by_clock(results: Results, clock: str) -> Results:
    def clocked(sample):
        return sample | {"time": sample[clock]} if sample and clock in sample else sample
    return {case: {name: [clocked(sample) for sample in samples] for name, samples in runs.items()}
            for case, runs in results.items()}


def judge_ratios(bar: Bar, results: Results, peers: list[str]) -> Iterator[Verdict]:
    chosen = [peer for peer in peers if not bar.peers or peer in bar.peers]
    whom = " or ".join(chosen) if bar.peers else "the best peer"
    found = {case: ratios.to_best(runs, "reslab", chosen, bar.metric) for case, runs in results.items()}
    found = {case: ratio for case, ratio in found.items() if ratio and case != EMPTY_CALLS}
    if not found:
        return
    mean = ratios.geometric_mean(ratio.median for ratio in found.values())
    yield Verdict(f"{bar.metric} against {whom}, geometric mean", mean, bar.mean)
    for case, ratio in found.items():
        each = TYPED_AGAINST_PEERS if case.startswith("typed_pair/") else bar.each
        yield Verdict(f"{bar.metric} against {whom}: {case}", ratio.median, each, is_one_of_many=True)


def prototype(results: Results) -> Iterator[Verdict]:
    behind = {case: behind_the_calls(runs, results.get(EMPTY_CALLS, {})) for case, runs in results.items()}
    for case, cycles in PROTOTYPE.items():
        ratio = ratios.to_best(behind.get(case, {}), "reslab", ["jemalloc"], "time")
        if ratio:
            own, jemalloc = (each - PROTOTYPE_CALLS for each in cycles)
            yield Verdict(f"time behind the calls against the prototype's: {case}", ratio.median * jemalloc / own,
                          PROTOTYPE_BAR)


def behind_the_calls(runs: dict[str, list], empty: dict[str, list]) -> dict[str, list]:
    """Round by round, less what the calls alone took the same allocator's process in that round."""
    def less(sample, calls):
        return {"time": max(sample["time"] - calls["time"], 0.0)} if sample and calls else None
    return {name: [less(sample, calls) for sample, calls in zip(samples, empty.get(name, []))]
            for name, samples in runs.items()}


def fallback(results: Results) -> Iterator[Verdict]:
    for other, bar in (("reslab", 5.0), ("glibc", 1.5)):
        for case, runs in results.items():
            ratio = ratios.to_best(runs, "reslab-fallback", [other], "time")
            if ratio and case != EMPTY_CALLS:
                yield Verdict(f"fallback mode's time against {other}: {case}", ratio.median, bar, is_one_of_many=True)


def typed(results: Results) -> Iterator[Verdict]:
    """Typed caches: a pair against malloc's of the same size, reslab's own and the best peer's; objects in bulk."""
    for case, runs in results.items():
        name, _, size = case.partition("/")
        plain = results.get(f"pair/{size}", {})
        own, malloc = ratios.median(runs, "reslab", "time"), ratios.median(plain, "reslab", "time")
        if name == "typed_pair" and own and malloc:
            yield Verdict(f"time against reslab's own malloc: {case}", own / malloc, TYPED_AGAINST_MALLOC)
        jemalloc = ratios.median(results.get("pair/64", {}), "jemalloc", "time")  # the measure of the machine
        if name == "typed_bulk" and own and jemalloc:
            yield Verdict(f"cycles of the prototype's machine: {case}", own / jemalloc * PROTOTYPE["pair/64"][1], BULK_BAR)


def oversubscribed(results: Results) -> Iterator[Verdict]:
    """Memory and time of 16 and 64 threads against those of two with the same data and work."""
    two = results.get("oversubscribed_2", {})
    for threads in (16, 64):
        many = results.get(f"oversubscribed_{threads}", {})
        for metric, bar in (("peak_rss", 1.1), ("time", 1 / 0.95)):
            own, base = ratios.median(many, "reslab", metric), ratios.median(two, "reslab", metric)
            if own and base:
                yield Verdict(f"{metric} of {threads} threads against that of 2", own / base, bar)


def idle_and_steady(results: Results) -> Iterator[Verdict]:
    start, end = (ratios.median(results.get("idle", {}), "reslab", metric) for metric in ("start_rss", "end_rss"))
    if start and end:
        yield Verdict("MiB resident when idle, above those at the start", (end - start) / MIB, start * 0.1 / MIB + 2)
    steady = results.get("steady", {})
    first, last = (ratios.median(steady, "reslab", m) for m in ("first_second_rss", "last_quarter_rss"))
    if first and last:
        # The kernel's cheap count, which is looked at here, is off by a few dozen pages for each CPU.
        yield Verdict("MiB that producer and consumer grow after their first second", (last - first) / MIB, 0.5)


def start_up(results: Results) -> Iterator[Verdict]:
    for metric, bar in (("instructions", 40_000), ("faults", 15)):
        own, base = (ratios.median(results.get("/bin/true", {}), name, metric) for name in ("reslab", "glibc"))
        if own is not None and base is not None:
            yield Verdict(f"{metric} of /bin/true above none", own - base, bar)
