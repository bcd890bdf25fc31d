# SPDX-License-Identifier: Apache-2.0
"""The statistics that reslab writes at the exit of a process, and what every one of them must say.

A file has one `name=value` a line: the fields of `struct reslab_stats`, and pid, mode, mode_reason, and `served`, which is
`allocs` without the objects that are in magazines: how many allocations there were at least.
Its name ends in the pid, so the file of a known process is found by its pid, never guessed.
"""

import pathlib

# Counters that an undamaged program leaves at zero.
FAULT_COUNTERS = ("double_frees", "invalid_frees")


class Statistics:
    """One process's figures."""

    def __init__(self, path):
        self.path = path
        self.values = dict(line.split("=", 1) for line in path.read_text().splitlines() if "=" in line)

    def count(self, name):
        """A counter; -1 where the file lacks it, which no threshold accepts."""
        return int(self.values.get(name, -1))

    def pid(self):
        """The process, as the file's name has it."""
        return int(self.path.name.partition(".")[2])

    def text(self):
        """All figures that are not zero, for a failure message."""
        shown = (f"{name}={value}" for name, value in self.values.items() if value != "0")
        return "  " + " ".join(shown)


def of_process(directory, pid):
    """The statistics that the process wrote, or None when it wrote none."""
    path = directory / f"stats.{pid}"
    return Statistics(path) if path.exists() else None


def by_allocations(directory):
    """The statistics of all processes, the one with the most allocations last."""
    found = map(Statistics, pathlib.Path(directory).glob("stats.*"))
    return sorted(found, key=lambda figures: figures.count("served"))


def violations(directory, library):
    """What is wrong with the statistics of any process of a run, as texts: mode, slots, pid or fault counters."""
    files = sorted(pathlib.Path(directory).glob("stats.*"))
    if not files:
        return ["no process wrote statistics: was the library loaded at all?"]
    found = []
    for statistics in map(Statistics, files):
        name, values = statistics.path.name, statistics.values
        if values.get("mode") != library.mode:
            found.append(f"{name}: ran in mode {values.get('mode')}, not {library.mode}: {values.get('mode_reason')}")
        if library.slots != "auto" and f"slots by {library.slots}" not in values.get("mode_reason", ""):
            found.append(f"{name}: its magazines are not numbered by {library.slots}: {values.get('mode_reason')}")
        if values.get("pid") != str(statistics.pid()):
            found.append(f"{name}: says it is of process {values.get('pid')}")
        found += [f"{name}: {counter}={statistics.count(counter)}"
                  for counter in FAULT_COUNTERS if statistics.count(counter) != 0]
    return found
