#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Puts one storm of signals to every allocator at hand: how long until each hangs or crashes.

worker.cc is a plain program: threads that call malloc and free, and timers whose signal handlers do so as well. It is
run under each allocator by LD_PRELOAD, the allocators taking turns. No allocator but reslab promises to survive this;
the table says what comes of it all the same, at each rate of signals, and that the program itself is not to blame: run
without signals, it survives under all. With --check the exit status says whether reslab survived every run.
"""

import argparse
import json
import re
import signal
import statistics
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(HERE.parent))

import allocators  # noqa: E402 (beside this folder)
from allocators import Allocator  # noqa: E402
from machine import machine  # noqa: E402

PEERS = allocators.MORE_PEERS
PACKAGES = {"glibc": "libc6", "jemalloc": "libjemalloc2", "mimalloc": "libmimalloc2.0",
            "tcmalloc": "libtcmalloc-minimal4", "tbbmalloc": "libtbbmalloc2", "scudo": "libclang-rt-14-dev"}
SECONDS_WITHOUT_SIGNALS = 2
SECONDS_TO_START_AND_END = 15  # for the worker's two seconds of looking at a hang, on a busy machine
TITLE = "# A storm of signals, put to every allocator\n\nWritten by `bench/storm/run_storm.py`; `./dev bench storm` renews it."


@dataclass(frozen=True)
class End:
    """How one run ended: `how` is survived, hang, damage, or the name of the signal that killed it."""

    how: str
    seconds: float
    signals: int | None  # None: nobody was left to say


Ends = dict[int, dict[str, list[End]]]  # rate of the signals -> allocator -> an end for each run


def main() -> int:
    args = parse_arguments()
    competitors = choose(args)
    ends: Ends = {rate: {a.name: [] for a in competitors} for rate in [0, *args.hertz]}
    for allocator in competitors:
        run_once(args, allocator, 0, ends)
    for _ in range(args.runs):
        for rate in args.hertz:
            for allocator in competitors:
                run_once(args, allocator, rate, ends)
    report = text_of(args, ends)
    print(report)
    if args.json:
        write_json(args.json, args, ends)
    if args.markdown:
        args.markdown.write_text(f"{TITLE}\n\n{report}")
    return verdict(ends) if args.check else 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add = parser.add_argument
    add("--build", type=Path, default=ROOT / "build/gcc", help="build directory (default: %(default)s)")
    add("--worker", type=existing_file, help="the program (default: BUILD/bench/storm/storm_worker)")
    add("--reslab", type=existing_file, help="the library (default: BUILD/src/libreslab.so)")
    add("--allocators", help="comma-separated names (default: every one that is installed)")
    add("--seconds", type=positive, default=20, help="a run that lasts so long has survived (default: %(default)s)")
    add("--runs", type=positive, default=3, help="turns of every allocator (default: %(default)s)")
    add("--threads", type=positive, default=4, help="(default: %(default)s)")
    add("--hertz", type=positive, nargs="+", default=[10_000, 100], metavar="N",
        help="signals a second for each thread; every rate is a column (default: 10000 100)")
    add("--json", type=Path, metavar="FILE", help="write every run into FILE")
    add("--markdown", type=Path, metavar="FILE", help="write the table into FILE")
    add("--check", action="store_true", help="fail unless reslab survived every run")
    args = parser.parse_args()
    args.worker = args.worker or existing_file(args.build / "bench/storm/storm_worker")
    args.reslab = args.reslab or existing_file(args.build / "src/libreslab.so")
    return args


def existing_file(text) -> Path:
    path = Path(text).resolve()
    if not path.is_file():
        raise argparse.ArgumentTypeError(f"there is no file {path}")
    return path


def positive(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError("a whole number above 0 is expected")
    return int(text)


def choose(args: argparse.Namespace) -> list[Allocator]:
    """glibc first, reslab last: the order of the table."""
    found = [Allocator("glibc")]
    for name, library in PEERS.items():
        if allocators.loadable(library):
            found.append(Allocator(name, library))
        else:
            print(f"not installed: {name} ({PACKAGES[name]})", file=sys.stderr)
    found += [allocators.reslab(args.reslab, "fallback"), allocators.reslab(args.reslab, "rseq")]
    if args.allocators is None:
        return found
    wanted = args.allocators.split(",")
    unknown = set(wanted) - {a.name for a in found}
    if unknown:
        sys.exit(f"run_storm.py: unknown or not installed: {', '.join(sorted(unknown))}")
    return [a for a in found if a.name in wanted]


def run_once(args: argparse.Namespace, allocator: Allocator, rate: int, ends: Ends) -> None:
    seconds = args.seconds if rate > 0 else SECONDS_WITHOUT_SIGNALS
    end = run_worker([args.worker, str(seconds), str(args.threads), str(rate)], allocator, seconds)
    ends[rate][allocator.name].append(end)
    print(f"{rate:,} Hz: {allocator.name}: {end.how} after {end.seconds:.3f} s", file=sys.stderr, flush=True)


def run_worker(command: list, allocator: Allocator, seconds: int) -> End:
    begin = time.monotonic()
    process = subprocess.Popen(command, env=allocator.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL, text=True, errors="replace")
    try:
        first = process.stdout.readline()
        begin = time.monotonic()  # the storm begins with this line
        require_allocator(allocator, first)
        last, _ = process.communicate(timeout=seconds + SECONDS_TO_START_AND_END)
    except subprocess.TimeoutExpired:  # then even the thread that only watches stands still
        return End("hang", time.monotonic() - begin, None)
    finally:
        process.kill()
        process.wait()
    return end_of(process.returncode, last, time.monotonic() - begin)


def require_allocator(allocator: Allocator, line: str) -> None:
    """Whether the malloc that answered is the one that was to be preloaded, in its mode."""
    said = re.match(r"malloc=(.*) reslab_mode=(\w+)$", line.strip())
    if line == "":
        return  # it has crashed before it could say so
    complaint = allocators.complaint_about(allocator, said[1], said[2], None) if said else f"it said {line.strip()}"
    if complaint:
        sys.exit(f"run_storm.py: {allocator.name}: {complaint}")


def end_of(return_code: int, last: str, took: float) -> End:
    if return_code < 0:
        return End(signal.Signals(-return_code).name, took, None)
    said = re.match(r"(survived|hang|damage) seconds=([\d.]+) signals=(\d+)$", last.strip())
    if said is None:  # the allocator has its own ways to give up
        return End(f"exit {return_code}", took, None)
    return End(said[1], float(said[2]), int(said[3]))


def package_of(name: str) -> str:
    if name not in PACKAGES:
        return "this tree" + (", without restartable sequences" if name == "reslab-fallback" else "")
    query = ["dpkg-query", "--show", "--showformat=${Version}", PACKAGES[name]]
    try:
        version = subprocess.run(query, capture_output=True, text=True).stdout
    except FileNotFoundError:
        version = ""
    return f"{PACKAGES[name]} {version}".strip()


def median_of(ends: list[End]) -> str:
    """A run that survived lasted longer than any other: so does the median when more than half of them did."""
    seconds = statistics.median(float("inf") if e.how == "survived" else e.seconds for e in ends)
    return "survives" if seconds == float("inf") else f"{seconds:.3f}"


def ends_in_words(ends: list[End]) -> str:
    words = {e.how for e in ends}
    return ", ".join(f"{how} ({sum(e.how == how for e in ends)})" for how in sorted(words))


def text_of(args: argparse.Namespace, ends: Ends) -> str:
    head = (f"{args.threads} threads allocate, check and free objects of 24 bytes to 32 KiB; each is interrupted by a "
            f"timer of its own, whose handler calls malloc and free as well. {args.runs} runs at each rate, of at most "
            f"{args.seconds} seconds; a thread that does not move for two seconds hangs, and what counts is when it "
            f"stopped. Seconds are medians. Machine: {machine()}.")
    rates = "".join(f" {rate:,} Hz: seconds | ends (runs) |" for rate in args.hertz)
    rows = [f"| allocator | from | without signals |{rates}", "|---|---|---|" + "--:|---|" * len(args.hertz)]
    for name in ends[0]:
        cells = [name, package_of(name), ends_in_words(ends[0][name])]
        for rate in args.hertz:
            cells += [median_of(ends[rate][name]), ends_in_words(ends[rate][name])]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n\n".join([head, "\n".join(rows), *signals_handled(args, ends)]) + "\n"


def signals_handled(args: argparse.Namespace, ends: Ends) -> list[str]:
    """Under load a timer's signals overrun: how many there really were."""
    counts = [f"{name} at {rate:,} Hz: {min(e.signals or 0 for e in ends[rate][name]):,}"
              for rate in args.hertz for name in ends[rate] if name.startswith("reslab")]
    return [f"Signals handled in the run that had the fewest: {'; '.join(counts)}."] if counts else []


def write_json(path: Path, args: argparse.Namespace, ends: Ends) -> None:
    found = {"machine": machine(), "seconds": args.seconds, "threads": args.threads,
             "runs": {rate: {name: [asdict(e) for e in runs] for name, runs in by_name.items()}
                      for rate, by_name in ends.items()}}
    path.write_text(json.dumps(found, indent=2) + "\n")


def verdict(ends: Ends) -> int:
    of_reslab = [(rate, name, runs) for rate, by_name in ends.items() for name, runs in by_name.items()
                 if name.startswith("reslab")]
    failed = [one for one in of_reslab if any(e.how != "survived" for e in one[2])]
    for rate, name, runs in failed:
        print(f"run_storm.py: FAILED: {name} at {rate:,} Hz: {ends_in_words(runs)}", file=sys.stderr)
    return 1 if failed or not of_reslab else 0


if __name__ == "__main__":
    sys.exit(main())
