# SPDX-License-Identifier: Apache-2.0
"""One run of one case under one allocator: what was measured, or why nothing was.

A case has a name and run(allocator), which returns a sample: the figures by the name of their metric.
"""

import json
import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import allocators
from allocators import Allocator

Sample = dict[str, float]
SECONDS_BEFORE_GIVING_UP = 300


class Failed(Exception):
    """The allocator did not get through the case; what came of it is the message."""


@dataclass(frozen=True)
class Micro:
    """A case of the Google Benchmark program, in a process of its own, so that none inherits another's heap."""

    case: str
    program: Path
    seconds: float
    cpu: int

    @property
    def name(self) -> str:
        """Without what Google Benchmark adds about its clocks."""
        return self.case.removesuffix("/process_time/real_time")

    def run(self, allocator: Allocator) -> Sample:
        with tempfile.NamedTemporaryFile(suffix=".json") as out:
            program = self.program.with_name(allocator.linked_into or self.program.name)
            command = [str(program), f"--benchmark_filter=^{self.case}$", f"--benchmark_min_time={self.seconds}",
                       f"--benchmark_out={out.name}", "--benchmark_out_format=json"]
            run(self.pinned() + command, allocator)
            report = json.load(out)
        context, case = report["context"], report["benchmarks"][0]
        require(allocator, context["malloc"], context["reslab_mode"], context["per_cpu"] == "1")
        sample = {"time": case["cpu_time"] / case["pairs_per_iteration"]}  # nanoseconds for a pair of calls
        for metric in ("ticks", "cycles", "instructions"):
            if f"{metric}_per_pair" in case:
                sample[metric] = case[f"{metric}_per_pair"]
        return sample

    def pinned(self) -> list[str]:
        """To one CPU, but for the case of two threads."""
        return [] if self.case.startswith("cross_thread") else ["taskset", "-c", str(self.cpu)]


@dataclass(frozen=True)
class Workload:
    """A program that does a fixed amount of work and reports in one line of JSON."""

    name: str
    program: Path
    arguments: tuple[str, ...] = ()

    def run(self, allocator: Allocator) -> Sample:
        said = json.loads(run([str(self.program), *self.arguments], allocator))
        require(allocator, said.pop("malloc"), said.pop("reslab_mode"), said.pop("per_cpu") == "1")
        return {"time": said.pop("seconds"), "cpu": said.pop("cpu_seconds")} | said


@dataclass(frozen=True)
class StartUp:
    """/bin/true: its instructions, as callgrind counts them, and its page faults."""

    launcher: Path
    name: str = "/bin/true"

    def run(self, allocator: Allocator) -> Sample:
        return {"instructions": instructions_of(["/bin/true"], allocator),
                "faults": launched(self.launcher, ("/bin/true",), allocator)["faults"]}


def launched(launcher: Path, command: tuple[str, ...], allocator: Allocator,
             options: dict[str, str] | None = None) -> Sample:
    """By programs/launch, which measures a program and looks whether the allocator is mapped."""
    with tempfile.NamedTemporaryFile(suffix=".json") as report:
        environment = allocator.environment() | (options or {})
        environment.pop("LD_PRELOAD", None)  # the launcher is nobody's matter: it sets this for the program
        run_with([str(launcher), report.name, allocator.preload or "none", *command], environment)
        sample = json.load(report)
    if not sample.pop("mapped") and sample["time"] > 0.1:  # a shorter one may be gone before anybody looks
        raise Failed(f"{allocator.preload} was not among its mappings")
    return sample


def instructions_of(command: list[str], allocator: Allocator) -> int:
    with tempfile.NamedTemporaryFile() as out:
        run(["valgrind", "--tool=callgrind", f"--callgrind-out-file={out.name}", *command], allocator)
        summary = re.search(r"^(?:summary|totals): (\d+)", Path(out.name).read_text(), re.M)
    if summary is None:
        raise Failed("callgrind says no total")
    return int(summary.group(1))


def run(command: list[str], allocator: Allocator) -> str:
    return run_with(command, allocator.environment())


def run_with(command: list[str], environment: dict[str, str]) -> str:
    try:
        done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              errors="replace", timeout=SECONDS_BEFORE_GIVING_UP)
    except subprocess.TimeoutExpired:
        raise Failed(f"not done within {SECONDS_BEFORE_GIVING_UP} s") from None
    if done.returncode != 0:
        raise Failed(f"status {done.returncode} {done.stderr.strip()[-200:]}".strip())
    return done.stdout


def require(allocator: Allocator, answered: str, mode: str, per_cpu: bool) -> None:
    complaint = allocators.complaint_about(allocator, answered, mode, per_cpu)
    if complaint:
        raise Failed(complaint)


def micro_cases(program: Path, seconds: float, cpu: int) -> list[Micro]:
    listing = subprocess.run([program, "--benchmark_list_tests"], capture_output=True, text=True, check=True).stdout
    return [Micro(name, program, seconds, cpu) for name in listing.split()]


# The programs of workloads/ in the order of the report, and how each is run: one of them in three ways.
WORKLOADS: dict[str, tuple[str, tuple[str, ...]]] = {
    name: (name, ()) for name in
    ("server", "pass_on", "producer_consumer", "lifetimes", "fifo", "lifo", "compiler", "strings", "large",
     "false_sharing_active", "false_sharing_passive", "threads")
} | {f"oversubscribed_{threads}": ("oversubscribed", ("--threads", str(threads))) for threads in (2, 16, 64)}


def workload_cases(folder: Path, more: tuple[str, ...]) -> list[Workload]:
    return [Workload(name, folder / f"workload_{program}", arguments + more)
            for name, (program, arguments) in WORKLOADS.items()]


def memory_cases(folder: Path, more: tuple[str, ...]) -> list[Workload]:
    """What is still resident when a program is idle, and whether a producer and a consumer grow."""
    steady = Workload("steady", folder / "workload_steady", more)
    # The pause is a second, however long the other one runs.
    at_most_a_second = tuple(str(min(1.0, float(word))) if before == "--seconds" else word
                             for before, word in zip(("", *more), more))
    return [Workload("idle", folder / "workload_idle", at_most_a_second), steady]
