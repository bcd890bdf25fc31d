#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares reslab with every allocator at hand, the allocators taking turns: what counts is the ratio to the best peer.

    bench.py KIND[,KIND...]|all [--rounds N] [--only REGEX] [--allocator NAME=PATH]...

with the kinds micro, workloads, programs, worst, memory, startup.

Every sample goes into JSON, a summary to the terminal; with --markdown the kind's section of a document and its
pictures are renewed. --report does that from the JSON of the last run. A peer that fails in a case is noted; the
exit status is 1 when reslab or glibc fails, and with --bars when reslab misses a bar.
"""

import argparse
import os
import re
import sys
from pathlib import Path

import allocators
import documents
import measure
import programs
import rounds
import tables
from allocators import Allocator
from documents import Measured
from machine import machine, sources

ROOT = Path(__file__).resolve().parent.parent
KINDS = ("micro", "workloads", "programs", "worst", "memory", "startup")
ROUNDS = {"micro": 5, "workloads": 5, "programs": 3, "worst": 3, "memory": 1, "startup": 1}


def main() -> int:
    args = parse_arguments()
    failed = False
    for kind in args.kinds:
        path = args.json / f"{kind}.json"
        measured = Measured.read(path) if args.report else measure_kind(args, kind)
        if not args.report:
            measured.write(path)
        print_summary(measured)
        if args.markdown:
            documents.renew(args.markdown, measured, args.plots)
        failed |= is_failure(args, measured)
    return 1 if failed else 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add = parser.add_argument
    add("kinds", type=kinds, metavar="KIND[,KIND...]", help=f"what to run: all, or some of {', '.join(KINDS)}")
    add("--build", type=Path, default=ROOT / "build/gcc", help="build directory (default: %(default)s)")
    add("--reslab", type=Path, help="the library (default: BUILD/src/libreslab.so)")
    add("--rounds", type=number(int), help="turns of every allocator (default: 5; fewer for long kinds)")
    add("--only", default=".", metavar="REGEX", help="cases whose name matches (default: all)")
    add("--allocator", action="append", default=[], type=peer_by_path, metavar="NAME=PATH",
        help="a peer that is not installed; may be repeated")
    add("--allocators", metavar="NAME,...", help="only these; reslab-profiled among them (default: all found)")
    add("--seconds", type=number(float), help="of a micro case (default: 0.1), of memory's steady (default: 60)")
    add("--share", type=number(float), help="of a workload's work, for short runs (default: all of it)")
    add("--cpu", type=int, default=max(os.sched_getaffinity(0)), help="for micro (default: %(default)s)")
    add("--json", type=Path, default=ROOT / "build/bench", metavar="FOLDER", help="(default: %(default)s)")
    add("--markdown", type=Path, metavar="FILE", help="renew the kind's section there")
    add("--plots", type=Path, metavar="FOLDER", help="draw into this folder (with --markdown)")
    add("--report", action="store_true", help="measure nothing: from the JSON of the last run")
    add("--clock", choices=("time", "cpu"), default="time",
        help="what the bars judge: time elapsed, or CPU time on a machine that others use (default: %(default)s)")
    add("--bars", action="store_true", help="fail where reslab misses a bar")
    args = parser.parse_args()
    args.reslab = (args.reslab or args.build / "src/libreslab.so").resolve()
    try:
        re.compile(args.only)
    except re.error as error:
        parser.error(f"--only: {error}")
    if not args.report and not args.reslab.is_file():
        parser.error(f"there is no library {args.reslab}: build the project first")
    return args


def kinds(text: str) -> tuple[str, ...]:
    wanted = KINDS if text == "all" else tuple(text.split(","))
    if unknown := set(wanted) - set(KINDS):
        raise argparse.ArgumentTypeError(f"there is no kind {', '.join(sorted(unknown))}")
    return wanted


def number(kind):
    def parse(text: str):
        try:
            value = kind(text)
        except ValueError:
            value = 0
        if not 0 < value < 1e6:
            raise argparse.ArgumentTypeError("a number above 0 is expected")
        return value
    return parse


def peer_by_path(text: str) -> Allocator:
    name, separator, path = text.partition("=")
    library = Path(path).resolve()
    if not (name and separator and library.is_file()):
        raise argparse.ArgumentTypeError(f"NAME=PATH of a library is expected, not {text!r}")
    if not allocators.loadable(str(library)):
        raise argparse.ArgumentTypeError(f"{library} cannot be preloaded")
    return allocators.by_path(name, library)


def measure_kind(args: argparse.Namespace, kind: str) -> Measured:
    competitors = choose(args, kind)
    cases = [case for case in cases_of(args, kind) if re.search(args.only, case.name)]
    if not cases:
        sys.exit(f"bench.py: no case of {kind} matches {args.only!r}")
    turns = args.rounds or ROUNDS[kind]
    results, complaints = rounds.run_rounds(cases, competitors, turns,
                                            rounds.Progress(len(cases) * len(competitors) * turns))
    peers = [a.name for a in competitors if not a.is_reslab]
    return Measured(kind, machine(), how_measured(args, kind, turns), [a.name for a in competitors], peers, results,
                    complaints, clock_of(args, kind))


def choose(args: argparse.Namespace, kind: str) -> list[Allocator]:
    """reslab first, then what is installed, then what was given by its path."""
    found = allocators.every_installed(args.reslab, allocators.MORE_PEERS)
    if kind == "micro" and os.access(args.build / "bench/micro_static", os.X_OK):
        found.insert(2, allocators.LINKED)
    found += args.allocator
    if "reslab-profiled" in (args.allocators or "").split(","):
        found.append(allocators.profiled(args.reslab))
    names = [a.name for a in found]
    if len(set(names)) != len(names):
        sys.exit(f"bench.py: two allocators of one name: {', '.join(names)}")
    if args.allocators is None:
        return found
    wanted = args.allocators.split(",")
    if unknown := set(wanted) - set(names) - {allocators.LINKED.name}:  # which is for micro only
        sys.exit(f"bench.py: not found: {', '.join(sorted(unknown))} (found: {', '.join(names)})")
    return [a for a in found if a.name in wanted]


def cases_of(args: argparse.Namespace, kind: str) -> list:
    folder = args.build / "bench"
    share = ("--share", str(args.share)) if args.share else ()
    match kind:
        case "micro":
            if not os.access(folder / "micro", os.X_OK):
                sys.exit(f"bench.py: there is no {folder / 'micro'}: build the project with Google Benchmark installed")
            return measure.micro_cases(folder / "micro", args.seconds or 0.1, args.cpu)
        case "workloads":
            return measure.workload_cases(folder / "workloads", share)
        case "programs":
            return programs.program_cases(folder / "programs/launch", folder / "inputs")
        case "worst":
            return [measure.Workload("replace", folder / "worst/worst_case", share)]
        case "memory":
            return measure.memory_cases(folder / "workloads", ("--seconds", str(args.seconds or 60), *share))
        case _:
            return [measure.StartUp(folder / "programs/launch")]


def how_measured(args: argparse.Namespace, kind: str, turns: int) -> str:
    seconds = f" of {args.seconds or 0.1:g} s a case" if kind == "micro" else ""
    return (f"Rounds{seconds}, the allocators taking turns: {turns}. A ratio is the median over the rounds of "
            "reslab's figure and the best peer's of the same round; in parentheses its middle half."
            + (" The bars judge CPU time." if clock_of(args, kind) == "cpu" else "")
            + f" Load average at the end: {os.getloadavg()[0]:.1f}. reslab {sources()}.")


def clock_of(args: argparse.Namespace, kind: str) -> str:
    """Only these measure both; a micro case's time is CPU time."""
    return args.clock if kind in ("workloads", "programs") else "time"


def print_summary(measured: Measured) -> None:
    title, shown, _, _ = documents.SHOWN[measured.kind]
    parts = [title, *(documents.one_table(measured, metric) for metric in measured.metrics(shown)),
             tables.summary(measured.verdicts())]
    print("\n\n".join(part for part in parts if part) + "\n", flush=True)
    for complaint in sorted(set(measured.complaints)):
        print(f"bench.py: {complaint}", file=sys.stderr)


def is_failure(args: argparse.Namespace, measured: Measured) -> bool:
    broken = [(case, name) for case, runs in measured.results.items() for name, samples in runs.items()
              if None in samples and (name.startswith("reslab") or name == "glibc")]
    for case, name in broken:
        print(f"bench.py: FAILED: {case} under {name}", file=sys.stderr)
    missed = [verdict for verdict in measured.verdicts() if not verdict.is_met] if args.bars else []
    for verdict in missed:
        print(f"bench.py: missed: {verdict.what}: {verdict.value:.3g}, the bar is {verdict.bar:.3g}", file=sys.stderr)
    return bool(broken or missed)


if __name__ == "__main__":
    sys.exit(main())
