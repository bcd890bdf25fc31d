#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every walk of this folder in fresh processes, two at a time; then coverage.py judges what they have interrupted.

Fails if a walk finds a violation, hangs, or the coverage falls short.
"""
import argparse
import concurrent.futures
import os
import resource
import subprocess
import sys
import time

FOLDER = os.path.dirname(os.path.abspath(__file__))


class Walk:
    """One process: a program, its arguments and environment, and how much address space it may have."""

    def __init__(self, name, program, arguments, options, tunables=None, address_space=None):
        self.name = name
        self.program = program
        self.arguments = arguments
        self.options = options
        self.tunables = tunables
        self.address_space = address_space

    def run(self, common, coverage, limit):
        environment = dict(os.environ, RESLAB_OPTIONS=self.options)
        if self.tunables:
            environment["GLIBC_TUNABLES"] = self.tunables

        def restrict():
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            if self.address_space:
                resource.setrlimit(resource.RLIMIT_AS, (self.address_space, self.address_space))

        command = [self.program, *self.arguments, *common, "--coverage", coverage, "--limit", str(limit)]
        began = time.monotonic()
        done = subprocess.run(command, env=environment, preexec_fn=restrict, capture_output=True, text=True,
                              errors="replace", timeout=limit + 60, check=False)
        return done, time.monotonic() - began


def debug_walks(programs, mode):
    """The debug modes, whose calls are all slow: tables of walk (debug_table.cc), and some of the first calls."""
    every = "debug=FZPU:quarantine=64k"
    tables = {"debug": every, "guards": "debug=FZPUG:guard=1:quarantine=64k", "some classes": "debug=FP,64:quarantine=0",
              "ring": "debug=F,16:quarantine=2m"}
    found = [Walk(f"{name}/{mode}", programs.walk, ["--mode", mode, "--table", name], f"mode={mode}:dirty_cycles=0:{debug}")
             for name, debug in tables.items()]
    found.append(Walk(f"first guards/{mode}", programs.first,
                      ["--mode", mode, "--table", "guards", "--operation", "guarded"], f"mode={mode}:debug=FZPUG:guard=1"))
    for operation in ["free, a repair was left", "first call of a thread, a free", "first call of a thread, a malloc"]:
        found.append(Walk(f"{operation}, debug/{mode}", programs.first, ["--mode", mode, "--operation", operation],
                          f"mode={mode}:debug=FZPU"))
    return found


def profile_walks(programs, mode):
    """With a heap profile: plain allocations take the slow entries, and some are sampled (profile_table.cc)."""
    tables = {"sampled": "profile=1", "passed over": "profile=1g"}
    found = [Walk(f"{name}/{mode}", programs.walk, ["--mode", mode, "--table", name],
                  f"mode={mode}:dirty_cycles=0:{profile}") for name, profile in tables.items()]
    for profile in tables.values():
        found.append(Walk(f"first call of a thread, {profile}/{mode}", programs.first,
                          ["--mode", mode, "--operation", "first call of a thread, a malloc"], f"mode={mode}:{profile}"))
    return found


def walks(programs, modes):
    """All walks, the longest first."""
    found = []
    for mode in modes:
        options = f"mode={mode}"
        # An operation that is walked again and again would otherwise be a cycle, whose memory is not purged.
        for table in ("calls", "typed"):
            found.append(Walk(f"{table}/{mode}", programs.walk, ["--mode", mode, "--table", table],
                              options + ":dirty_cycles=0"))
    for mode in modes:
        options = f"mode={mode}"
        found += debug_walks(programs, mode) + profile_walks(programs, mode)
        found.append(Walk(f"first/{mode}", programs.first, ["--mode", mode], options))
        for table in ("calls", "typed"):
            found.append(Walk(f"sizes checked, {table}/{mode}", programs.walk,
                              ["--mode", mode, "--table", table, "--operation", "sized"], options + ":check_sizes=1"))
            found.append(Walk(f"traced {table}/{mode}", programs.traced, ["--mode", mode, "--table", table], options))
        found.append(Walk(f"misuse/{mode}", programs.misuse, ["--mode", mode], options))
        found.append(Walk(f"locks always taken/{mode}", programs.walk,
                          ["--mode", mode, "--operation", "while the lock is held"], options + ":local_lock=always"))
        found.append(Walk(f"locks never taken/{mode}", programs.walk,
                          ["--mode", mode, "--operation", "first of a large class"], options + ":local_lock=never"))
        found.append(Walk(f"re-entry reported/{mode}", programs.walk,
                          ["--mode", mode, "--operation", "realloc inside a refill"], options + ":report_reentry=1"))
    found.append(Walk("first, limited address space", programs.first,
                      ["--mode", modes[0], "--operation", "first malloc"], f"mode={modes[0]}", address_space=4 << 30))
    if "fallback" in modes:
        found.append(Walk("first, without rseq", programs.first, ["--mode", "fallback", "--operation", "first malloc"],
                          "mode=auto", tunables="glibc.pthread.rseq=0"))
    return found


def run_all(arguments):
    """Returns the files of coverage; exits where a walk fails."""
    common = ["--seed", str(arguments.seed)]
    common += ["--minutes", str(arguments.minutes)] if arguments.minutes is not None else ["--quick"]
    if arguments.log:
        common += ["--log", os.path.abspath(arguments.log)]
    os.makedirs(arguments.work, exist_ok=True)
    todo = walks(arguments, arguments.mode or ["rseq", "fallback"])
    files, failed = [], []
    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        running = {}
        for number, walk in enumerate(todo):
            file = os.path.join(arguments.work, f"interrupted-{number}")
            if os.path.exists(file):
                os.remove(file)
            files.append(file)
            running[pool.submit(walk.run, common, file, arguments.limit)] = walk
        for future in concurrent.futures.as_completed(running):
            done, seconds = future.result()
            last = done.stdout.strip().splitlines()[-1:] or [""]
            print(f"{running[future].name}: {seconds:.1f} s: {last[0]}", flush=True)
            if done.returncode != 0:
                failed.append(running[future].name)
                print(f"  exit status {done.returncode}\n  {done.stderr.strip()}", flush=True)
            elif arguments.bounds and "walk/" in running[future].name:
                print("\n".join(line for line in done.stdout.splitlines() if "bound:" in line))
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")
    return files


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--walk", required=True, help="the program walk")
    parser.add_argument("--first", required=True, help="the program first")
    parser.add_argument("--misuse", required=True, help="the program misuse")
    parser.add_argument("--traced", required=True, help="the program traced")
    parser.add_argument("--library", required=True, help="the libreslab.so that they use")
    parser.add_argument("--work", required=True, help="folder for the files of coverage")
    parser.add_argument("--mode", action="append", choices=["rseq", "fallback"],
                        help="only this one; then coverage is shown, not judged")
    parser.add_argument("--quick", action="store_true", help="one nested operation at each place (the default)")
    parser.add_argument("--minutes", type=float, help="all nested operations at each place, again and again")
    parser.add_argument("--floor", help="passed on to coverage.py")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--log", help="append to this file what the walks print")
    parser.add_argument("--limit", type=int, default=380, help="seconds after which a walk is taken to hang")
    parser.add_argument("--bounds", action="store_true", help="print steps and stack of the strict nolock calls")
    arguments = parser.parse_args()
    files = run_all(arguments)
    judge = [sys.executable, os.path.join(FOLDER, "coverage.py"), arguments.library, *files]
    if arguments.floor:
        judge += ["--floor", arguments.floor]
    sys.exit(subprocess.run(judge, check=False).returncode if not arguments.mode else 0)


if __name__ == "__main__":
    main()
