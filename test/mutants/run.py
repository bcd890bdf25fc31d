#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Broken on purpose: `run.py --source DIR --work DIR [--only NAME ...]`.

Every file of breakages/ describes a mutant: the library with a few words changed, so that it breaks
one of its rules, and the program of catch/ that must notice. For each, this first demands that the
program passes on the library as it is, and then that it fails on the mutant, by its exit status, by
a signal, or by running too long. A mutant that does not apply to the sources, or does not compile,
is a failure of this test.

DIR of --source is the root of a checkout; --work is a folder for what is built, which may be kept:
unchanged objects are used again.
"""

import argparse
import concurrent.futures
import os
import pathlib
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(HERE))

from harness import build, mutant, trial  # noqa: E402


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--source", type=pathlib.Path, required=True, help="the checkout")
    parser.add_argument("--work", type=pathlib.Path, required=True, help="where to build")
    parser.add_argument("--only", action="append", metavar="NAME", help="only this mutant; may be given several times")
    parser.add_argument("--compiler", default=os.environ.get("CXX", "g++"))
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--list", action="store_true", help="list the mutants, and run nothing")
    return parser.parse_args()


class Test:
    def __init__(self, source, builder, folder):
        self.source = source
        self.builder = builder
        self.folder = folder
        self.sound = folder / "sound"
        build.copy_tree(source, self.sound)
        builder.learn(self.sound)

    def check_sound(self, catcher, modes):
        """What is wrong with the program on the library as it is, or nothing."""
        program = self.folder / f"{catcher}-sound"
        try:
            self.builder.program(self.sound, catcher, program)
        except build.BuildFailed as failure:
            return str(failure)
        for mode in modes:
            outcome = trial.run(program, mode)
            if not outcome.passed:
                return f"fails on the sound library in mode {mode}: {outcome.words}"
        return None

    def check_mutant(self, one):
        """(Was it caught, how) for each of its modes."""
        with tempfile.TemporaryDirectory(dir=self.folder, prefix=one.name + "-") as scratch:
            tree = pathlib.Path(scratch) / "tree"
            build.copy_tree(self.source, tree)
            one.apply(tree)
            program = pathlib.Path(scratch) / one.catcher
            self.builder.program(tree, one.catcher, program)
            outcomes = [(mode, trial.run(program, mode)) for mode in one.modes]
        return [(not outcome.passed, f"{one.catcher}/{mode}: {outcome.words}") for mode, outcome in outcomes]


def pick(everything, names):
    if not names:
        return everything
    unknown = set(names) - {one.name for one in everything}
    if unknown:
        raise mutant.BadMutant(f"there is no mutant {', '.join(sorted(unknown))}")
    return [one for one in everything if one.name in names]


def check_catchers_are_used(everything):
    programs = {path.stem for path in (HERE / "catch").glob("*.cc")} - {"catcher"}
    idle = programs - {one.catcher for one in everything}
    if idle:
        raise mutant.BadMutant(f"no mutant is caught by {', '.join(sorted(idle))}")


def run_all(chosen, test, jobs):
    """Prints what becomes of each mutant; how many were not caught."""
    problems = 0
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        modes_of = {}
        for one in chosen:
            modes_of.setdefault(one.catcher, set()).update(one.modes)
        test.builder.compile_all(test.sound, modes_of, pool)
        sound = {catcher: pool.submit(test.check_sound, catcher, sorted(modes)) for catcher, modes in modes_of.items()}
        for catcher, future in sound.items():
            if future.result() is not None:
                print(f"BROKEN  {catcher}: {future.result()}", flush=True)
                problems += 1
        # What fails on the sound library says nothing about a mutant.
        runs = {one: pool.submit(test.check_mutant, one) for one in chosen if sound[one.catcher].result() is None}
        for one, future in runs.items():
            try:
                results = future.result()
            except (mutant.BadMutant, build.BuildFailed) as failure:
                results = [(False, str(failure))]
            for caught, words in results:
                print(f"{'caught' if caught else 'MISSED'}  {one.name:32} {words}", flush=True)
                problems += 0 if caught else 1
    return problems


def main():
    arguments = parse_arguments()
    start = time.monotonic()
    try:
        everything = mutant.load_all(HERE / "breakages")
        check_catchers_are_used(everything)
        chosen = pick(everything, arguments.only)
        if arguments.list:
            for one in chosen:
                print(f"{one.name:32} {one.file:28} rules {', '.join(map(str, one.rules)):8} by {one.catcher}")
            return 0
        work = arguments.work.resolve()
        builder = build.Builder(arguments.source.resolve(), work / "objects", arguments.compiler)
        with tempfile.TemporaryDirectory(dir=work) as folder:
            problems = run_all(chosen, Test(arguments.source.resolve(), builder, pathlib.Path(folder)), arguments.jobs)
        if not arguments.only:
            builder.forget_unused()
    except (mutant.BadMutant, build.BuildFailed) as failure:
        print(f"run.py: {failure}", file=sys.stderr)
        return 2
    print(f"{len(chosen)} mutants, {problems} problems, {time.monotonic() - start:.0f} s")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
