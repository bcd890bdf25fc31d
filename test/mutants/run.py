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

With --harnesses BUILD the same is asked of the test harnesses: each table [[harness]] of a breakage
names one and its arguments, and what it has to say. BUILD is a directory where meson has built them:
the library is linked there with the mutant in it, as it ships, and the harness runs on it in its
quick form. A new mutant for a harness: `run.py ... --harnesses BUILD --only NAME`, then read what it
has said, and put into `says` what names the fault and nothing else.
"""

import argparse
import concurrent.futures
import os
import pathlib
import re
import resource
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(HERE))

from harness import build, mutant, shipped, trial  # noqa: E402


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--source", type=pathlib.Path, required=True, help="the checkout")
    parser.add_argument("--work", type=pathlib.Path, required=True, help="where to build")
    parser.add_argument("--only", action="append", metavar="NAME", help="only this mutant; may be given several times")
    parser.add_argument("--harnesses", type=pathlib.Path, metavar="BUILD", help="ask the test harnesses in this folder")
    parser.add_argument("--compiler", default=os.environ.get("CXX", "g++"))
    parser.add_argument("--jobs", type=int, help="programs at a time: as many as CPUs, but one harness")
    parser.add_argument("--list", action="store_true", help="list the mutants, and run nothing")
    return parser.parse_args()


class CatcherTest:
    """Small programs, each made for the mutants that it catches."""

    def __init__(self, source, builder, folder):
        self.source = source
        self.builder = builder
        self.folder = folder
        self.sound = folder / "sound"
        build.copy_tree(source, self.sound)
        builder.learn(self.sound)

    @staticmethod
    def proofs_of(one):
        return [(one.catcher, one.modes)]

    def prepare(self, chosen, pool):
        self.builder.compile_all(self.sound, {one.catcher for one in chosen}, pool)

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

    def check_mutant(self, one, catcher):
        """(Was it caught, how) for each of its modes."""
        with tempfile.TemporaryDirectory(dir=self.folder, prefix=one.name + "-") as scratch:
            tree = pathlib.Path(scratch) / "tree"
            build.copy_tree(self.source, tree)
            one.apply(tree)
            program = pathlib.Path(scratch) / catcher
            self.builder.program(tree, catcher, program)
            outcomes = [(mode, trial.run(program, mode)) for mode in one.modes]
        return [(not outcome.passed, f"{catcher}/{mode}: {outcome.words}") for mode, outcome in outcomes]


class HarnessTest:
    """Programs that look for faults of any kind, as they are elsewhere in these tests."""

    def __init__(self, builder, folder):
        self.builder = builder
        self.folder = folder
        self.made = {}

    @staticmethod
    def proofs_of(one):
        return [(harness.run, harness.modes) for harness in one.harnesses]

    def prepare(self, chosen, pool):
        """Compiles first: some of the harnesses measure paces, and compilers beside them would be in the way."""
        self.made = {(one, program): pool.submit(self.builder.make, one, program, self.folder)
                     for one in chosen for program in {harness.run[0] for harness in one.harnesses}}
        concurrent.futures.wait(self.made.values())

    def check_sound(self, command, modes):
        for mode in modes:
            outcome = trial.run_harness(self.builder.program(command[0]), command, mode, None)
            if not outcome.passed:
                return f"fails on the sound library in mode {mode}: {outcome.words}"
        return None

    def check_mutant(self, one, proof):
        harness = next(harness for harness in one.harnesses if harness.run == proof)
        program, libraries = self.made[one, proof[0]].result()
        results = []
        for mode in harness.modes:
            outcome = trial.run_harness(program, proof, mode, libraries)
            says_so = not outcome.passed and re.search(harness.says, outcome.words)
            other = "" if says_so or outcome.passed else "for another reason, "
            results.append((bool(says_so), f"{other}{words_of(proof)}/{mode}: {outcome.words}"))
        return results


def words_of(proof):
    return proof if isinstance(proof, str) else " ".join(proof)


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


def check_all_apply(everything, source):
    """Also those that are not asked for: a change of the sources should hear of it at once."""
    for one in everything:
        one.broken((source / one.file).read_text())


def run_all(chosen, test, jobs):
    """Prints what becomes of each mutant; how many were not caught."""
    problems = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        test.prepare(chosen, pool)
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        modes_of = {}
        for proof, modes in [proof for one in chosen for proof in test.proofs_of(one)]:
            modes_of.setdefault(proof, set()).update(modes)
        sound = {proof: pool.submit(test.check_sound, proof, sorted(modes)) for proof, modes in modes_of.items()}
        for proof, future in sound.items():
            if future.result() is not None:
                print(f"BROKEN  {words_of(proof)}: {future.result()}", flush=True)
                problems += 1
        # What fails on the sound library says nothing about a mutant.
        runs = [(one, pool.submit(test.check_mutant, one, proof)) for one in chosen
                for proof, _ in test.proofs_of(one) if sound[proof].result() is None]
        for one, future in runs:
            try:
                results = future.result()
            except (mutant.BadMutant, build.BuildFailed) as failure:
                results = [(False, str(failure))]
            for caught, words in results:
                print(f"{'caught' if caught else 'MISSED'}  {one.name:32} {words}", flush=True)
                problems += 0 if caught else 1
    return problems


def choose_test(arguments, chosen, folder):
    """The test, and the cache of its objects."""
    source, work = arguments.source.resolve(), arguments.work.resolve()
    if arguments.harnesses is None:
        builder = build.Builder(source, work / "objects", arguments.compiler)
        return CatcherTest(source, builder, folder), builder
    programs = {harness.run[0] for one in chosen for harness in one.harnesses}
    builder = shipped.ShippedBuild(arguments.harnesses.resolve(), source, work / "shipped", programs)
    return HarnessTest(builder, folder), builder


def main():
    arguments = parse_arguments()
    start = time.monotonic()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        everything = mutant.load_all(HERE / "breakages")
        check_catchers_are_used(everything)
        check_all_apply(everything, arguments.source)
        chosen = pick(everything, arguments.only)
        chosen = [one for one in chosen if (one.catcher if arguments.harnesses is None else one.harnesses)]
        if arguments.list:
            for one in chosen:
                proofs = ", ".join(filter(None, [one.catcher, *(words_of(harness.run) for harness in one.harnesses)]))
                print(f"{one.name:32} {one.file:28} rules {', '.join(map(str, one.rules)):8} by {proofs}")
            return 0
        work = arguments.work.resolve()
        work.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=work) as folder:
            test, builder = choose_test(arguments, chosen, pathlib.Path(folder))
            jobs = arguments.jobs or (os.cpu_count() if arguments.harnesses is None else 1)
            problems = run_all(chosen, test, jobs)
        if not arguments.only:
            builder.forget_unused()
    except (mutant.BadMutant, build.BuildFailed) as failure:
        print(f"run.py: {failure}", file=sys.stderr)
        return 2
    print(f"{len(chosen)} mutants, {problems} problems, {time.monotonic() - start:.0f} s")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
