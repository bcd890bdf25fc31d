# SPDX-License-Identifier: Apache-2.0
"""One run of a program's work, without the library or with it, and what is kept of it for comparison.

A program's module gives its work as a function of a run. The function is called twice, with a
run of each kind, in a fresh folder of the same name: so even paths in an output are equal.
It runs steps, and records what the two runs must agree on; a claim says how many allocations
reslab must have served in one particular process, and means nothing in the run without the library.
"""

import dataclasses
import hashlib
import pathlib
import shlex
import time

from . import environment, processes, statistics


class Failure(Exception):
    """The test has failed; the text says everything that is known about it."""


@dataclasses.dataclass(frozen=True)
class Record:
    """Something that both runs must have in common: what it is, and its text."""

    label: str
    text: str


class Run:
    """See above. `work` is the folder of the run, `full` asks for the long form of the work."""

    def __init__(self, base, library, *, full, seconds):
        self.work = base / "work"
        self.full = full
        self.library = library
        self.statistics = base / "statistics"
        self.records = []
        self.served = {}
        self._deadline = time.monotonic() + seconds
        self.work.mkdir()
        self.statistics.mkdir(exist_ok=True)
        self.environment = (environment.preloaded(self.work, library, self.statistics) if library
                            else environment.plain(self.work))

    def step(self, *argv, stdin=None, serves=None, keep=bytes, keep_errors=str, extra=None, label=None, status=0):
        """Runs a command, which must end with `status`, and records `keep(stdout)` and `keep_errors(stderr)`; gives it back
        finished.

        `serves`: this very process must have had at least so many allocations from reslab.
        `keep`, `keep_errors`: pick the comparable part of the output, where it tells times or pids.
        """
        try:
            finished = processes.run(argv, env=self._environment(extra), cwd=self.work,
                                     seconds=self.seconds_left(), stdin=stdin and self.work / stdin)
        except processes.TimeLimit as reached:
            raise Failure(f"{self._command(argv)}\n{reached}") from None
        self.ended(finished, status=status, serves=serves)
        label = label or " ".join(map(str, argv))[:120]
        self.record(label, keep(finished.stdout))
        self.record(f"what is told by {label}", keep_errors(finished.stderr))
        return finished

    def start(self, *argv, extra=None):
        """Starts a command beside the steps; the caller ends it and hands the result to `ended`."""
        return processes.Command(argv, env=self._environment(extra), cwd=self.work)

    def finish(self, command, *, status=0, serves=None):
        """Waits for a command begun by `start`; it must end with `status`."""
        try:
            finished = command.wait(self.seconds_left())
        except processes.TimeLimit as reached:
            raise Failure(f"{self._command(command.argv)}\n{reached}") from None
        self.ended(finished, status=status, serves=serves)
        return finished

    def ended(self, finished, *, status, serves):
        """Checks how a command ended, that reslab reported nothing, and what it served."""
        where = f"{self._command(finished.argv)}\n(process {finished.pid})"
        errors = f"the end of its stderr:\n{processes.tail(finished.stderr)}"
        if finished.status != status:
            raise Failure(f"{where} ended with {_ending(finished.status)}, not {_ending(status)}; {errors}")
        if any(line.startswith("reslab: ") for line in finished.stderr.splitlines()):
            raise Failure(f"{where} ended well, but reslab reported something; {errors}")
        if serves is not None:
            self.claim(finished.pid, pathlib.Path(finished.argv[0]).name, serves)

    def claim(self, pid, name, at_least):
        """Process `pid` must have had at least so many allocations from reslab."""
        if self.library is None:
            return
        figures = statistics.of_process(self.statistics, pid)
        if figures is None:
            raise Failure(f"process {pid} ({name}) wrote no statistics at its exit")
        if figures.count("served") < at_least:
            raise Failure(f"process {pid} ({name}) had only {figures.count('served')} allocations from "
                          f"reslab, not {at_least}; its statistics:\n{figures.text()}")
        self.served.setdefault((name, at_least), []).append(figures.count("served"))

    def claim_busiest(self, count, name, at_least, since=frozenset()):
        """At least `count` of the processes so far, not counting those of `since`, must each have had so many allocations
        from reslab."""
        if self.library is None:
            return
        found = [one for one in statistics.by_allocations(self.statistics) if one.pid() not in since][-count:]
        if len(found) < count:
            raise Failure(f"{len(found)} processes wrote statistics where there are {count} of {name}")
        for figures in found:
            self.claim(figures.pid(), name, at_least)

    def ended_processes(self):
        """The processes that have written statistics, for claim_busiest."""
        return {figures.pid() for figures in statistics.by_allocations(self.statistics)}

    def served_text(self):
        """Who was served how much, one phrase for each claim: of several processes the one served least."""
        return ", ".join(
            f"{name} {min(counts)}{f' (the least of {len(counts)})' if len(counts) > 1 else ''}, claimed {at_least}"
            for (name, at_least), counts in self.served.items())

    def record(self, label, content):
        """Keeps a text that both runs must agree on."""
        text = content.decode(errors="backslashreplace") if isinstance(content, bytes) else content
        self.records.append(Record(label, text))

    def record_files(self, *names):
        """Keeps the checksum of each file, and of each file under each folder, named by its path in `work`."""
        for name in names:
            top = self.work / name
            files = sorted(path for path in top.rglob("*") if path.is_file()) if top.is_dir() else [top]
            lines = [f"{_sha256(path)}  {path.relative_to(self.work)}" for path in files]
            self.record(f"checksums of {name} ({len(files)} files)", "\n".join(lines))

    def write(self, name, content):
        """Makes a file in `work`, with its folders."""
        path = self.work / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def seconds_left(self):
        """What is left of the run's time; Failure when nothing is, so that a wait of the work's own ends."""
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise Failure("the work's time limit is over, between its steps")
        return left

    def _environment(self, extra):
        return {**self.environment, **(extra or {})}

    def _command(self, argv):
        preload = ([f"LD_PRELOAD={self.library.preload()}", f"RESLAB_OPTIONS={self.library.options()}"]
                   if self.library else ["(without the library)"])
        return " ".join([*preload, shlex.join(map(str, argv))])[:1000]


def _ending(status):
    return f"signal {-status}" if status < 0 else f"exit status {status}"


def _sha256(path):
    if not path.exists():
        return "(missing)"
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
