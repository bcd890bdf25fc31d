#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the programs of this folder: each makes one mistake and must come to what the comment at its top says.

  run.py --form preload|static|linked --mode MODE [--local-lock LOCK] --library FILE PROGRAM...
  run.py --table docs/misuse.md [--write]     the table there says what the programs say, or is made to

The comments, one a line:

  // expect [OPTIONS] nothing                 goes unnoticed with these options of reslab: the program exits with 0
  // expect [OPTIONS] CALL: NAME(1, *) + ...  ends by SIGABRT, and the first line is the report of that name in
                                              src/base/reports.def; * stands for any number
  // expect-history [OPTIONS]                 the lines below say who allocated it, and where there are stacks, that it
                                              was this program
  // expect-form FORM                         only in this form

Several lines with the same options are alternatives.

For lesson 21 of docs/lessons.md.
"""

import argparse
import pathlib
import re
import signal
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
REPORTS = HERE.parent.parent / "src/base/reports.def"
TIME_LIMIT_S = 30
FORMS = ("preload", "static", "linked")
TABLE_MARK = "<!-- of test/misuse, by run.py --table -->"


def read_words():
    """{name: words} of src/base/reports.def."""
    return dict(re.findall(r'^REPORT\((\w+), "(.*)"\)$', REPORTS.read_text(), re.M))


def pattern_of(report, words):
    """`Interior(16, *, 64)` -> a regular expression of the report's words."""
    name, _, numbers = report.strip().partition("(")
    pattern = re.escape(words[name]).replace(r"\{\}", "{}")
    values = [r"\d+" if value.strip() == "*" else value.strip() for value in numbers.rstrip(")").split(",") if numbers]
    if pattern.count("{}") != len(values):
        raise ValueError(f"{name} has {pattern.count('{}')} numbers, not {len(values)}")
    return pattern.format(*values)


class Program:
    def __init__(self, source, words):
        text = source.read_text()
        self.name = source.stem
        self.forms = re.findall(r"^// expect-form (\w+)$", text, re.M)
        self.with_history = set(re.findall(r"^// expect-history \[(.*?)\]$", text, re.M))
        self.expected = {}  # {options: [(what the table says, pattern or None)]}
        for options, what in re.findall(r"^// expect \[(.*?)\] (.*)$", text, re.M):
            self.expected.setdefault(options, []).append((what, self._pattern(what, words)))
        if all(pattern is None for found in self.expected.values() for _, pattern in found):
            raise ValueError(f"{source.name} is caught by nothing")

    @staticmethod
    def _pattern(what, words):
        if what == "nothing":
            return None
        call, _, reports = what.partition(": ")
        return rf"reslab: {call}\(0x[0-9a-f]+\): " + "".join(pattern_of(report, words) for report in reports.split(" + "))


def read_programs():
    words = read_words()
    return {source.stem: Program(source, words) for source in sorted((HERE / "programs").iterdir())}


def run(path, arguments, options):
    told = [f"mode={arguments.mode}", f"local_lock={arguments.local_lock}", options]
    environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "RESLAB_TEST_MODE": arguments.mode,
                   "RESLAB_OPTIONS": ":".join(filter(None, told))}
    if arguments.form == "preload":
        environment["LD_PRELOAD"] = str(arguments.library)
    return subprocess.run([path], env=environment, capture_output=True, text=True, timeout=TIME_LIMIT_S, check=False)


def problem_of(ended, alternatives):
    """None, or what is wrong with how a run ended."""
    said = ended.stderr.split("\n")[0]
    for _, pattern in alternatives:
        if pattern is None and ended.returncode == 0 and not ended.stderr:
            return None
        if pattern is not None and ended.returncode == -signal.SIGABRT and re.fullmatch(pattern, said):
            return None
    wanted = " or ".join(what for what, _ in alternatives)
    return f"ended with {ended.returncode}, said {ended.stderr!r}, expected {wanted}"


def history_problem(ended, path, form):
    """None, or what is missing below the report. Static programs have no unwinder."""
    if not re.search(r"^reslab:   allocated by thread \d+ at \d+ ms:$", ended.stderr, re.M):
        return f"does not say who allocated it: {ended.stderr!r}"
    if form != "static" and not re.search(rf"^reslab:     #\d+ .*(?:{re.escape(path.name)}|program)\+0x", ended.stderr, re.M):
        return f"no frame of the program in {ended.stderr!r}"
    return None


def run_all(arguments):
    known = read_programs()
    failures = runs = 0
    for path in arguments.programs:
        program = known[re.sub(r"^misuse_(static_)?", "", path.name)]
        if program.forms and arguments.form not in program.forms:
            continue
        for options, alternatives in program.expected.items():
            runs += 1
            ended = run(path, arguments, options)
            problem = problem_of(ended, alternatives)
            if problem is None and options in program.with_history:
                problem = history_problem(ended, path, arguments.form)
            if problem:
                failures += 1
                print(f"FAILED {program.name} [{options}]: {problem}", file=sys.stderr)
    print(f"{runs} runs of {len(arguments.programs)} programs, {failures} failures")
    return 0 if runs > 0 and failures == 0 else 1


def sentence(alternatives):
    kinds = {"-" if pattern is None else what.split(": ")[1].split("(")[0].split(" ")[0] for what, pattern in alternatives}
    return " or ".join(sorted(kinds))


def make_table():
    rows = ["| misuse | always on | with an option |", "|---|---|---|"]
    for name, program in read_programs().items():
        always = sentence(program.expected[""])
        others = [f"`{options}`: {sentence(found)}" for options, found in program.expected.items() if options]
        rows.append(f"| {name.replace('_', ' ')} | {'**missed**' if always == '-' else always} | {'; '.join(others)} |")
    return "\n".join(rows)


def check_table(arguments):
    text = arguments.table.read_text()
    parts = text.split(TABLE_MARK)
    if len(parts) != 3:
        print(f"{arguments.table} has no place for the table between two lines {TABLE_MARK}")
        return 1
    wanted = f"\n{make_table()}\n"
    if arguments.write:
        arguments.table.write_text(TABLE_MARK.join([parts[0], wanted, parts[2]]))
    elif parts[1] != wanted:
        print(f"{arguments.table} does not say what the programs say: run.py --table {arguments.table} --write mends it")
        return 1
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--form", choices=FORMS)
    parser.add_argument("--mode", choices=("rseq", "fallback"))
    parser.add_argument("--local-lock", choices=("try", "always", "never"), default="try")
    parser.add_argument("--library", type=pathlib.Path)
    parser.add_argument("--table", type=pathlib.Path)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("programs", type=pathlib.Path, nargs="*")
    arguments = parser.parse_args()
    return check_table(arguments) if arguments.table else run_all(arguments)


if __name__ == "__main__":
    sys.exit(main())
