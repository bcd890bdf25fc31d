# SPDX-License-Identifier: Apache-2.0
"""Runs every case under every allocator, the allocators taking turns: A B C, A B C, ...

A machine that slows down then slows all of them. A line on a terminal shows how far it is; where there is none, each
case of each round is a line of its own.
"""

import sys
import time

from measure import Failed
from ratios import Results


class Progress:
    def __init__(self, total: int):
        self._terminal = sys.stderr.isatty()
        self._total = total
        self._done = 0
        self._begin = time.monotonic()

    def step(self, what: str) -> None:
        if self._terminal:
            left = (time.monotonic() - self._begin) / max(1, self._done) * (self._total - self._done)
            line = f"{self._done}/{self._total} {what}, {left / 60:.0f} min left"
            print(f"\r{line[:78]:<78}", end="", file=sys.stderr, flush=True)
        self._done += 1

    def case(self, what: str) -> None:
        if not self._terminal:
            print(what, file=sys.stderr, flush=True)

    def complain(self, what: str) -> None:
        print(("\r" if self._terminal else "") + what, file=sys.stderr, flush=True)

    def end(self) -> None:
        if self._terminal:
            print("\r" + " " * 78 + "\r", end="", file=sys.stderr, flush=True)


def run_rounds(cases: list, competitors: list, rounds: int, progress: Progress) -> tuple[Results, list[str]]:
    """The results, and what went wrong."""
    results: Results = {case.name: {a.name: [] for a in competitors} for case in cases}
    complaints = []
    for number in range(1, rounds + 1):
        for case in cases:
            progress.case(f"round {number} of {rounds}: {case.name}")
            for allocator in competitors:
                progress.step(f"{case.name}: {allocator.name}")
                try:
                    sample = case.run(allocator)
                except Failed as failure:
                    sample = None
                    complaints.append(f"{case.name} under {allocator.name}: {failure}")
                    progress.complain(complaints[-1])
                results[case.name][allocator.name].append(sample)
    progress.end()
    return results, complaints
