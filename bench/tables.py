# SPDX-License-Identifier: Apache-2.0
"""Markdown of results."""

from collections.abc import Callable

import ratios
from bars import Verdict
from ratios import Results

MIB = 1 << 20


def plain(value: float) -> str:
    """Three digits, and no exponent."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def seconds(value: float) -> str:
    return f"{value:.3f}" if value < 1 else plain(value)


def mebibytes(value: float) -> str:
    return plain(value / MIB)


# Of a metric: what a table of it is called, and how a figure is written.
METRICS: dict[str, tuple[str, Callable[[float], str]]] = {
    "time": ("Seconds elapsed", seconds),
    "cpu": ("Seconds of CPU time", seconds),
    "peak_rss": ("Peak resident memory, MiB", mebibytes),
    "mean_rss": ("Mean resident memory, MiB", mebibytes),
    "start_rss": ("Resident at the start, MiB", mebibytes),
    "end_rss": ("Resident at the end, MiB", mebibytes),
    "first_second_rss": ("Most resident within the first second, MiB", mebibytes),
    "last_quarter_rss": ("Most resident within the last quarter, MiB", mebibytes),
    "faults": ("Page faults", plain),
    "instructions": ("Instructions (callgrind)", plain),
    "cycles": ("User cycles", plain),
    "ticks": ("Ticks of the time-stamp counter", plain),
} | {f"{call}_{part}": (f"{call}: {shown} in ticks", plain) for call in ("malloc", "free") for part, shown in
     (("p50", "median"), ("p99", "p99"), ("p999", "p99.9"), ("p9999", "p99.99"), ("max", "maximum"))}


def figures(results: Results, names: list[str], peers: list[str], metric: str, title: str) -> str:
    """The medians of every allocator, and reslab's ratio to the best peer of the same round."""
    _, write = METRICS[metric]
    rows = []
    for case, runs in results.items():
        values = [ratios.median(runs, name, metric) for name in names]
        cells = ["failed" if value is None else write(value) for value in values]
        rows.append([case, *cells, *ratio_cells(runs, peers, metric)])
    header = ["case", *names, "reslab / best peer", "best peer"]
    return f"{title}, median:\n\n{table(header, rows)}"


def ratio_cells(runs: dict[str, list], peers: list[str], metric: str) -> list[str]:
    ratio = ratios.to_best(runs, "reslab", peers, metric)
    if ratio is None:
        return ["-", "-"]
    return [f"{plain(ratio.median)} ({plain(ratio.low)} to {plain(ratio.high)})", ratio.best_peer]


def summary(verdicts: list[Verdict]) -> str:
    """All bars but those met of which there are many; of these how many there are."""
    if not verdicts:
        return ""
    missed = [verdict for verdict in verdicts if not verdict.is_met]
    general = [verdict for verdict in verdicts if not verdict.is_one_of_many]
    listed = general + [verdict for verdict in missed if verdict.is_one_of_many]
    rows = [[v.what, plain(v.value), plain(v.bar), "yes" if v.is_met else "**no**"] for v in listed]
    head = f"{len(verdicts) - len(missed)} of {len(verdicts)} bars are met"
    return head + (":\n\n" + table(["what", "is", "bar", "met"], rows) if rows else ".")


def folded(title: str, text: str) -> str:
    return f"<details><summary>{title}</summary>\n\n{text}\n\n</details>"


def table(header: list[str], rows: list[list[str]]) -> str:
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]

    def line(cells: list[str]) -> str:
        first, *rest = zip(cells, widths)
        return "| " + " | ".join([first[0].ljust(first[1]), *(c.rjust(w) for c, w in rest)]) + " |"

    rule = "|" + "|".join(["-" * (widths[0] + 2), *("-" * (w + 1) + ":" for w in widths[1:])]) + "|"
    return "\n".join([line(header), rule, *map(line, rows)])


def put_section(text: str, name: str, section: str) -> str:
    """`text` with what lies between the markers of that name replaced; they go to its end where there are none."""
    begin, end = f"<!-- bench {name}: begin -->", f"<!-- bench {name}: end -->"
    if begin not in text:
        text = text.rstrip("\n") + f"\n\n{begin}\n{end}\n"
    if text.count(begin) != 1 or text.count(end) != 1 or text.index(end) < text.index(begin):
        raise ValueError(f"the markers of {name} are not in order")
    return text[: text.index(begin)] + f"{begin}\n{section}\n{end}" + text[text.index(end) + len(end):]
