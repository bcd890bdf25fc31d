# SPDX-License-Identifier: Apache-2.0
"""What the tests of the command share: the programs that are looked at, and runs of the command."""

import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

KINDS = ("live", "live_runs", "cached", "free_in_slabs", "slab_tails", "free_dirty", "free_zero", "in_transit",
         "never_used")


def fail(what, output=""):
    sys.exit(f"tools: FAILED: {what}" + (f"\n{output}" if output else ""))


class Target:
    """A program that says "ready" and then waits for the end of its input. `said`: its lines before that."""

    def __init__(self, command, mode, preload=None, options="", stderr=None):
        env = {name: value for name, value in os.environ.items() if name not in ("LD_PRELOAD", "RESLAB_OPTIONS")}
        env |= {"RESLAB_OPTIONS": f"mode={mode}" + options, "RESLAB_TEST_MODE": mode}  # see mode_at_start.cc
        if preload:
            env["LD_PRELOAD"] = preload
        self.process = subprocess.Popen(command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=stderr, text=True)
        self.said = {}
        for line in self.process.stdout:
            if line == "ready\n":
                return
            name, value = line.rsplit(maxsplit=1)
            self.said[name] = int(value)
        fail(f"{command} ended with status {self.process.wait()} before it was ready")

    @property
    def pid(self):
        return str(self.process.pid)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()


class Command:
    """`reslab`, under a filter that kills it if it would stop or signal the target."""

    def __init__(self, unstopped, path):
        self.before, self.path = ([unstopped] if unstopped else []), path

    def run(self, *arguments, seconds=30):
        return subprocess.run([*self.before, self.path, *arguments], capture_output=True, text=True, timeout=seconds,
                              stdin=subprocess.DEVNULL)

    def succeed(self, *arguments):
        done = self.run(*arguments)
        if done.returncode != 0 or done.stderr:
            fail(f"reslab {' '.join(arguments)}: status {done.returncode}", done.stdout[-2000:] + done.stderr)
        return done.stdout

    def refuse(self, wanted, *arguments):
        """It ends with status 1 and one line that holds each of the words `wanted`."""
        done = self.run(*arguments)
        lines = done.stderr.splitlines()
        if done.returncode != 1 or len(lines) != 1 or not lines[0].startswith("reslab: "):
            fail(f"reslab {' '.join(arguments)}: status {done.returncode}, not one clear line", done.stderr)
        for word in wanted:
            if word not in lines[0]:
                fail(f"reslab {' '.join(arguments)} does not say '{word}'", lines[0])

    def survey(self, target):
        return json.loads(self.succeed("info", target, "--json"))


def require_sums(survey):
    """Everything committed is of one kind, and every object of a class in one place, but for what was on its way."""
    memory = survey["memory"]
    found = sum(memory[kind] for kind in KINDS) - memory["overcounted"]
    if found != memory["committed"]:
        fail(f"the kinds of memory are {found} bytes, committed are {memory['committed']}", json.dumps(memory))
    for one in survey["classes"]:
        parts = sum(one[part] for part in ("live", "in_magazines", "in_depot", "deferred", "in_hand", "free_in_slabs"))
        if parts - one["overcounted"] != one["capacity"]:
            fail(f"class {one['name']}: {parts} objects in all places, capacity {one['capacity']}",
                 json.dumps(one))
        slabs = sum(one["slabs_" + state] for state in ("active", "partial", "full", "empty"))
        if slabs * one["slab_objects"] != one["capacity"]:
            fail(f"class {one['name']}: {slabs} slabs and a capacity of {one['capacity']}")
    require_totals(survey)


def require_totals(survey):
    """What stands in one place for all classes and CPUs is the sum of what stands for each."""
    memory, classes = survey["memory"], survey["classes"]

    def total(bytes_of):
        return sum(bytes_of(one) for one in classes)

    places = ("in_magazines", "in_depot", "deferred", "in_hand")
    sums = {"live": total(lambda one: one["live"] * one["object_bytes"]),
            "cached": total(lambda one: sum(one[place] for place in places) * one["object_bytes"]),
            "free_in_slabs": total(lambda one: one["free_in_slabs"] * one["object_bytes"]),
            "slab_tails": total(lambda one: one["capacity"] // one["slab_objects"] * one["slab_bytes"]
                                - one["capacity"] * one["object_bytes"]),
            "overcounted": total(lambda one: one["overcounted"] * one["object_bytes"]),
            "live_runs": survey["runs"]["units"] * 65536}
    for kind, bytes_ in sums.items():
        if memory[kind] != bytes_:
            fail(f"{memory[kind]} bytes {kind}, {bytes_} in all classes", json.dumps(memory))
    cpus = survey["cpus"]
    if total(lambda one: one["in_magazines"]) != sum(cpu["objects"] for cpu in cpus):
        fail(f"{total(lambda one: one['in_magazines'])} objects in the magazines of all classes", json.dumps(cpus))
    # A class that has lost its last slab is not listed, and keeps its magazines.
    if total(lambda one: one["magazine_room"]) > sum(cpu["room"] for cpu in cpus):
        fail(f"{total(lambda one: one['magazine_room'])} objects may be in magazines of all classes", json.dumps(cpus))
    if len({cpu["slot"] for cpu in cpus}) != len(cpus) or len(cpus) > survey["slots"]:
        fail("a CPU is there twice, or more of them than there are", json.dumps(cpus))


def figures(survey):
    """Those of `survey` under the names that the program uses."""
    memory = survey["memory"]
    found = {f"counters.{name}": value for name, value in survey["counters"].items()}
    found |= {f"memory.{name}": memory[name] for name in ("committed", "reserved", "metadata")}
    found["memory.all_live"] = memory["live"] + memory["live_runs"]
    for one in survey["classes"]:
        found |= {f"class.{one['name']}.{name}": value for name, value in one.items()}
    units = survey["runs"]["units"]
    runs = {"object_bytes": 65536, "slab_bytes": 65536, "capacity": units, "live": units,
            "slabs_full": survey["runs"]["runs"]}
    for one in survey["groups"]:
        found |= {f"group.{one['name']}.{name}": value for name, value in one.items()}
        if one["limit_bytes"] is None:
            found[f"group.{one['name']}.limit_bytes"] = 2**64 - 1
    return found | {f"class.runs.{name}": value for name, value in runs.items()}


def require_same(said, survey):
    """A process at rest: what it says of itself is what is found from outside, and nothing is on its way."""
    require_sums(survey)
    if survey["memory"]["in_transit"] != 0:
        fail(f"{survey['memory']['in_transit']} bytes of units that nothing describes, at rest")
    found = figures(survey)
    wrong = [f"{name}: {value} inside, {found.get(name, 0)} outside" for name, value in said.items()
             if found.get(name, 0) != value and not name.startswith("address.")]
    if wrong or len(said) < 50:
        fail(f"{len(wrong)} of {len(said)} figures differ", "\n".join(wrong))


def can_dump():
    """The kernel writes a core where the process was started; a pipe or a folder of the system's would get it otherwise."""
    pattern = Path("/proc/sys/kernel/core_pattern").read_text()
    return pattern[0] not in "|/" and resource.getrlimit(resource.RLIMIT_CORE)[1] == resource.RLIM_INFINITY


def make_core(target, folder):
    """Ends the process by SIGABRT."""
    target.process.send_signal(signal.SIGABRT)
    target.process.wait()
    cores = list(Path(folder).glob("core*"))
    if len(cores) != 1:
        fail("the kernel made no core file")
    return str(cores[0].rename(Path(folder) / f"of-{target.pid}"))
