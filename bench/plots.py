# SPDX-License-Identifier: Apache-2.0
"""Pictures of results: every allocator's figure as a multiple of the best peer's, one row a case."""

from pathlib import Path

import ratios
from ratios import Results

SHADES = ("#9aa5b1", "#6baed6", "#74c476", "#bc80bd", "#fdae6b", "#8c6d31", "#3182bd", "#31a354", "#756bb1", "#e6550d",
          "#bd9e39", "#636363", "#17becf", "#8c564b")
MARKS = "osD^v<>PX*hp8d"
RESLAB = "#d62728"
ITS_OTHER_FORMS = {"reslab-fallback": ("d", "#f4a6a6"), "reslab-static": ("o", "#f4a6a6")}


def available() -> bool:
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        return False
    return True


def draw(path: Path, title: str, results: Results, names: list[str], peers: list[str], metric: str) -> None:
    import matplotlib
    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "reslab"  # the same picture from the same figures
    matplotlib.rcParams["svg.fonttype"] = "none"  # text stays text
    from matplotlib import pyplot

    cases = [case for case, runs in results.items() if ratios.to_best(runs, peers[0], peers, metric)] if peers else []
    if not cases:
        return
    figure, axes = pyplot.subplots(figsize=(10, 1.6 + 0.28 * len(cases)))
    for name in [n for n in names if n != "reslab"] + ["reslab"] * ("reslab" in names):
        draw_allocator(axes, results, cases, name, peers, metric)
    axes.set_xscale("log")
    axes.axvline(1, color="#444444", linewidth=0.8)
    axes.set_yticks(range(len(cases)), cases)
    axes.invert_yaxis()
    axes.grid(axis="both", color="#e4e4e4", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.set_xlabel("multiple of the best peer's figure (left of 1: ahead of every peer)")
    axes.set_title(title, loc="left")
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, bbox_inches="tight", metadata={"Date": None})
    pyplot.close(figure)


def draw_allocator(axes, results: Results, cases: list[str], name: str, peers: list[str], metric: str) -> None:
    found = [ratios.to_best(results[case], name, peers, metric) for case in cases]
    points = [(row, ratio) for row, ratio in enumerate(found) if ratio]
    if not points:
        return
    rows, found = zip(*points)
    values = [ratio.median for ratio in found]
    if name == "reslab":
        spread = [[r.median - r.low for r in found], [r.high - r.median for r in found]]
        axes.errorbar(values, rows, xerr=spread, fmt="o", markersize=8, color=RESLAB, label=name, zorder=3)
        return
    if name in ITS_OTHER_FORMS:
        mark, colour = ITS_OTHER_FORMS[name]
        axes.plot(values, rows, mark, markersize=6, color=colour, label=name, zorder=2)
        return
    place = peers.index(name) if name in peers else 0
    axes.plot(values, rows, MARKS[place % len(MARKS)], markersize=4.5, color=SHADES[place % len(SHADES)], alpha=0.85,
              label=name)
