#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every walk of this folder in fresh processes, two at a time; then coverage.py judges what they have interrupted.

In the long form each walks all that the quick form walks, however short the time is, and then goes on (passes.h) for
its share of the minutes: these are for all walks together. At the end stands how much of a round was done, a round
being every nested operation in front of every instruction.

Fails if a walk finds a violation, hangs, or leaves out a row of its table, or if the coverage falls short.
"""
import argparse
import concurrent.futures
import os
import re
import resource
import subprocess
import sys
import time

FOLDER = os.path.dirname(os.path.abspath(__file__))
AT_ONCE = 2


class Walk:
    """One process: a program, its arguments and environment, and how much address space it may have.

    `seconds` is about what its quick form takes on a machine with nothing else to do, and so its share of a long time.
    """

    def __init__(self, name, program, arguments, options, seconds, tunables=None, address_space=None):
        self.name = name
        self.program = program
        self.arguments = arguments
        self.options = options
        self.seconds = seconds
        self.tunables = tunables
        self.address_space = address_space

    def run(self, form, minutes, seed, coverage, limit):
        environment = dict(os.environ, RESLAB_OPTIONS=self.options)
        if self.tunables:
            environment["GLIBC_TUNABLES"] = self.tunables

        def restrict():
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            if self.address_space:
                resource.setrlimit(resource.RLIMIT_AS, (self.address_space, self.address_space))

        command = [self.program, *self.arguments, *form, "--seed", str(seed), "--coverage", coverage,
                   "--limit", str(limit)]
        began = time.monotonic()
        try:
            done = subprocess.run(command, env=environment, preexec_fn=restrict, capture_output=True, text=True,
                                  errors="replace", timeout=limit + 60 * minutes + 60, check=False)
        except subprocess.TimeoutExpired:
            done = subprocess.CompletedProcess(command, 1, "", "it hangs, and does not say where")
        return done, time.monotonic() - began


def debug_walks(programs, mode):
    """The debug modes, whose calls are all slow: tables of walk (debug_table.cc), and some of the first calls."""
    every = "debug=FZPU:quarantine=64k"
    tables = {"debug": (every, 25), "guards": ("debug=FZPUG:guard=1:quarantine=64k", 5),
              "some classes": ("debug=FP,64:quarantine=0", 3), "ring": ("debug=F,16:quarantine=2m", 1)}
    found = [Walk(f"{name}/{mode}", programs.walk, ["--mode", mode, "--table", name],
                  f"mode={mode}:dirty_cycles=0:{debug}", seconds) for name, (debug, seconds) in tables.items()]
    for name in ("walk,walked", "another"):
        found.append(Walk(f"caches, {name}/{mode}", programs.walk, ["--mode", mode, "--table", "caches"],
                          f"mode={mode}:dirty_cycles=0:debug=FPU,{name}", 2))
    found.append(Walk(f"sizes checked, debug/{mode}", programs.walk,
                      ["--mode", mode, "--table", "debug", "--operation", "sized"],
                      f"mode={mode}:dirty_cycles=0:{every}:check_sizes=1", 1))
    found.append(Walk(f"first guards/{mode}", programs.first,
                      ["--mode", mode, "--table", "guards", "--operation", "guarded"],
                      f"mode={mode}:debug=FZPUG:guard=1", 9))
    for operation in ["free, a repair was left", "first call of a thread, a free", "first call of a thread, a malloc"]:
        found.append(Walk(f"{operation}, debug/{mode}", programs.first, ["--mode", mode, "--operation", operation],
                          f"mode={mode}:debug=FZPU", 3))
    return found


def profile_walks(programs, mode):
    """With a heap profile: plain allocations take the slow entries, and some are sampled (profile_table.cc)."""
    tables = {"sampled": ("profile=1", 5), "passed over": ("profile=1g", 1)}
    found = [Walk(f"sampled, debug/{mode}", programs.walk, ["--mode", mode, "--table", "sampled"],
                  f"mode={mode}:dirty_cycles=0:profile=1:debug=FP", 5)]
    for name, (profile, seconds) in tables.items():
        found.append(Walk(f"{name}/{mode}", programs.walk, ["--mode", mode, "--table", name],
                          f"mode={mode}:dirty_cycles=0:{profile}", seconds))
        found.append(Walk(f"first call of a thread, {profile}/{mode}", programs.first,
                          ["--mode", mode, "--operation", "first call of a thread, a malloc"],
                          f"mode={mode}:{profile}", 3))
    found.append(Walk(f"first malloc, profile/{mode}", programs.first, ["--mode", mode, "--operation", "first malloc"],
                      f"mode={mode}:profile=1m", 12))
    return found


def walks(programs, modes):
    """All walks, the longest first."""
    found = []
    for mode in modes:
        options = f"mode={mode}"
        # An operation that is walked again and again would otherwise be a cycle, whose memory is not purged.
        for table, seconds in (("calls", 85), ("typed", 45)):
            found.append(Walk(f"{table}/{mode}", programs.walk, ["--mode", mode, "--table", table],
                              options + ":dirty_cycles=0", seconds))
    for mode in modes:
        options = f"mode={mode}"
        found += debug_walks(programs, mode) + profile_walks(programs, mode)
        found.append(Walk(f"first/{mode}", programs.first, ["--mode", mode], options, 110))
        for table in ("calls", "typed"):
            in_table = ["--mode", mode, "--table", table]
            found.append(Walk(f"sizes checked, {table}/{mode}", programs.walk, [*in_table, "--operation", "sized"],
                              options + ":check_sizes=1", 1))
            found.append(Walk(f"traced {table}/{mode}", programs.traced, in_table, options, 20))
        found.append(Walk(f"nodes/{mode}", programs.walk, ["--mode", mode, "--table", "nodes"],
                          options + ":dirty_cycles=0:nodes=2", 5))
        found.append(Walk(f"hardened/{mode}", programs.walk, ["--mode", mode, "--table", "hardened"],
                          options + ":dirty_cycles=0:harden=1", 5))
        for operation in ("typed cache, free", "typed cache, new slab"):
            found.append(Walk(f"hardened, {operation}/{mode}", programs.walk,
                              ["--mode", mode, "--table", "typed", "--operation", operation],
                              options + ":dirty_cycles=0:harden=1", 2))
        found.append(Walk(f"first, hardened/{mode}", programs.first, ["--mode", mode, "--operation", "first malloc"],
                          options + ":harden=1", 10))
        found.append(Walk(f"first, nodes/{mode}", programs.first, ["--mode", mode, "--operation", "first malloc"],
                          options + ":nodes=2:thp=always", 10))
        found.append(Walk(f"misuse/{mode}", programs.misuse, ["--mode", mode], options, 4))
        found.append(Walk(f"locks always taken/{mode}", programs.walk,
                          ["--mode", mode, "--operation", "while the lock is held"], options + ":local_lock=always", 1))
        found.append(Walk(f"locks never taken/{mode}", programs.walk,
                          ["--mode", mode, "--operation", "first of a large class"], options + ":local_lock=never", 2))
        # Apart from all others, which leave partial slabs of the class, and then no other bucket is looked at.
        found.append(Walk(f"another bucket/{mode}", programs.walk,
                          ["--mode", mode, "--operation", "nolock from another bucket"], options, 1))
        found.append(Walk(f"re-entry reported/{mode}", programs.walk,
                          ["--mode", mode, "--operation", "realloc inside a refill"], options + ":report_reentry=1", 5))
    found.append(Walk("first, limited address space", programs.first,
                      ["--mode", modes[0], "--operation", "first malloc"], f"mode={modes[0]}", 20,
                      address_space=4 << 30))
    if "fallback" in modes:
        found.append(Walk("first, without rseq", programs.first, ["--mode", "fallback", "--operation", "first malloc"],
                          "mode=auto", 15, tunables="glibc.pthread.rseq=0"))
    return found


class Log:
    """What is printed goes to a file as well."""

    def __init__(self, path):
        self.file = open(path, "w", encoding="utf-8") if path else None

    def say(self, words):
        for out in (sys.stdout, self.file):
            if out:
                print(words, file=out, flush=True)


class Rounds:
    """How much of a round the walks have done; each says "round: ..., DONE of ROUND UNITS, SHARE %"."""

    def __init__(self):
        self.sums = {}

    def add(self, output):
        """False: the walk says nothing of it."""
        found = re.search(r"^round: .*, (\d+) of (\d+) (\D+), [\d.]+ %$", output, re.MULTILINE)
        if found is None:
            return False
        done, whole = self.sums.get(found[3], (0, 0))
        self.sums[found[3]] = done + int(found[1]), whole + int(found[2])
        return True

    def lines(self):
        return [f"of a round: {done} of {whole} {unit}, {100 * done / max(1, whole):.2f} %"
                for unit, (done, whole) in self.sums.items()]


def result_lines(output, arguments):
    """Of what a walk has printed: the last line, and what is asked for."""
    lines = output.strip().splitlines()
    kept = [line for line in lines[:-1] if line.startswith("round:") or (arguments.bounds and "bound:" in line)]
    return [*(lines[-1:] or [""]), *kept]


def run_all(arguments, log):
    """Returns the files of coverage, and whether all walks have passed."""
    todo = walks(arguments, arguments.mode or ["rseq", "fallback"])
    is_long = arguments.minutes is not None
    minutes_per_second = AT_ONCE * arguments.minutes / sum(walk.seconds for walk in todo) if is_long else 0
    os.makedirs(arguments.work, exist_ok=True)
    files, failed, rounds = [], [], Rounds()
    with concurrent.futures.ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        running = {}
        for number, walk in enumerate(todo):
            file = os.path.join(arguments.work, f"interrupted-{number}")
            if os.path.exists(file):
                os.remove(file)
            files.append(file)
            minutes = round(minutes_per_second * walk.seconds, 4)
            form = ["--minutes", str(minutes)] if is_long else ["--quick"]
            running[pool.submit(walk.run, form, minutes, arguments.seed, file, arguments.limit)] = walk
        for future in concurrent.futures.as_completed(running):
            done, seconds = future.result()
            name = running[future].name
            last, *kept = result_lines(done.stdout, arguments)
            log.say(f"{name}: {seconds:.1f} s: {last}")
            for line in kept:
                log.say(f"  {line.strip()}")
            passed = done.returncode == 0 and (not is_long or rounds.add(done.stdout))
            if not passed:
                failed.append(name)
                log.say(f"  FAILED: exit status {done.returncode}\n  {done.stderr.strip()}")
    for line in rounds.lines():
        log.say(line)
    if failed:
        log.say(f"failed: {', '.join(failed)}")
    return [file for file in files if os.path.exists(file)], not failed


def judge_coverage(arguments, files, log):
    judge = [sys.executable, os.path.join(FOLDER, "coverage.py"), arguments.library, *files]
    if arguments.floor:
        judge += ["--floor", arguments.floor]
    if arguments.mode and len(set(arguments.mode)) == 1:
        judge += ["--mode", arguments.mode[0]]
    done = subprocess.run(judge, capture_output=True, text=True, check=False)
    log.say((done.stdout + done.stderr).strip())
    return done.returncode == 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--walk", required=True, help="the program walk")
    parser.add_argument("--first", required=True, help="the program first")
    parser.add_argument("--misuse", required=True, help="the program misuse")
    parser.add_argument("--traced", required=True, help="the program traced")
    parser.add_argument("--library", required=True, help="the libreslab.so that they use")
    parser.add_argument("--work", required=True, help="folder for the files of coverage")
    parser.add_argument("--mode", action="append", choices=["rseq", "fallback"],
                        help="only this one; then coverage is judged by what one mode reaches")
    parser.add_argument("--quick", action="store_true", help="one nested operation at some of the places (the default)")
    parser.add_argument("--minutes", type=float, help="the long form: this, and then all places, for so long in all")
    parser.add_argument("--floor", help="passed on to coverage.py")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--log", help="what is printed goes to this file as well")
    parser.add_argument("--limit", type=int, default=380, help="seconds, beyond its minutes, after which a walk hangs")
    parser.add_argument("--bounds", action="store_true", help="print steps and stack of the strict nolock calls")
    arguments = parser.parse_args()
    log = Log(arguments.log)
    form = "quick form" if arguments.minutes is None else f"{arguments.minutes:g} minutes"
    modes = ", ".join(arguments.mode or ["rseq", "fallback"])
    log.say(f"every instruction: mode {modes}, {form}, seed {arguments.seed}")
    files, passed = run_all(arguments, log)
    passed = passed and judge_coverage(arguments, files, log)
    log.say("ok" if passed else "FAILED")
    sys.exit(0 if passed else 1)


if __name__ == "__main__":
    main()
