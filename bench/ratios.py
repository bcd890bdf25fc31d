# SPDX-License-Identifier: Apache-2.0
"""Samples in, ratios out: how one allocator compares with the best of the others in the same round.

Results are case -> allocator -> one sample for each round, in order; a run that failed is None and so is a peer's
part in that round.
"""

import math
import statistics
from collections.abc import Iterable
from dataclasses import dataclass

Results = dict[str, dict[str, list[dict[str, float] | None]]]


@dataclass(frozen=True)
class Ratio:
    """Over all rounds. The spread is that of the middle half of the rounds (of all, when there are few)."""

    median: float
    low: float
    high: float
    best_peer: str  # the one that was best most often

    @staticmethod
    def of(per_round: list[tuple[float, str]]) -> "Ratio":
        values = sorted(value for value, _ in per_round)
        cut = len(values) // 4
        peers = [peer for _, peer in per_round]
        return Ratio(statistics.median(values), values[cut], values[len(values) - 1 - cut],
                     max(sorted(set(peers)), key=peers.count))


def to_best(runs: dict[str, list], subject: str, peers: Iterable[str], metric: str) -> Ratio | None:
    """`subject`'s metric as a multiple of the least among the peers, round by round; None without a whole round."""
    per_round = []
    for number, own in enumerate(runs.get(subject, [])):
        if own is None or metric not in own:
            continue
        others = [(runs[peer][number][metric], peer) for peer in peers
                  if number < len(runs.get(peer, [])) and runs[peer][number] and metric in runs[peer][number]]
        if others:
            least, peer = min(others)
            per_round.append((own[metric] / least if least > 0 else math.inf, peer))
    return Ratio.of(per_round) if per_round else None


def median(runs: dict[str, list], allocator: str, metric: str) -> float | None:
    values = [sample[metric] for sample in runs.get(allocator, []) if sample and metric in sample]
    return statistics.median(values) if values else None


def geometric_mean(values: Iterable[float]) -> float | None:
    logs = [math.log(value) for value in values]
    return math.exp(sum(logs) / len(logs)) if logs else None
