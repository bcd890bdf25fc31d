#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The verdict of `./dev test`, from what its builds left: verdict.py RESULTS_FOLDER.

A folder for each build holds `expected`, the names of the tests that were to run, and `log.json`, meson's log with one
test a line. Whatever did not pass or skip has failed: a test that ended badly, ran out of its time, or has no entry in
the log; and a build that has no list of tests, or an empty one. Exit status 0 when nothing failed.
"""

import dataclasses
import json
import pathlib
import sys

TAIL_LINES = 40
PASSED = {"OK", "EXPECTEDFAIL"}
SKIPPED = {"SKIP"}


@dataclasses.dataclass(frozen=True)
class Result:
    build: str
    name: str
    result: str
    output: str = ""

    def __str__(self):
        return f"{self.name} ({self.build})"


def output_of(entry):
    """The end of what the test said; meson leaves out the streams that are empty."""
    lines = (entry.get("stdout", "") + entry.get("stderr", "")).splitlines()
    return "\n".join(lines[-TAIL_LINES:])


def read_log(path):
    """Results by name. A line cut short, by a disk that is full for one, is a test without an entry."""
    entries = {}
    if path.is_file():
        for line in path.read_text(errors="replace").splitlines():
            try:
                entry = json.loads(line)
            except json.JSONDecodeError:
                continue
            entries[entry["name"]] = entry
    return entries


def results_of(build):
    """One result for each test that was to run, in the order of the list."""
    expected_file = build / "expected"
    if not expected_file.is_file():
        return [Result(build.name, "build", "FAILED")]
    expected = [line for line in expected_file.read_text().splitlines() if " / " in line]  # "SUITES / NAME"
    if not expected:
        return [Result(build.name, "list of tests", "EMPTY")]
    log = read_log(build / "log.json")
    results = []
    for name in expected:
        entry = log.get(name)
        if entry is None:
            results.append(Result(build.name, name, "MISSING"))
        else:
            results.append(Result(build.name, name, entry["result"], output_of(entry)))
    return results


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: verdict.py RESULTS_FOLDER")
    builds = sorted(path for path in pathlib.Path(sys.argv[1]).iterdir() if path.is_dir())
    results = [result for build in builds for result in results_of(build)]
    passed = [r for r in results if r.result in PASSED]
    skipped = [r for r in results if r.result in SKIPPED]
    failed = [r for r in results if r.result not in PASSED | SKIPPED]

    for result in failed:
        print(f"\n{result.result}: {result}")
        if result.output:
            print("  | " + result.output.replace("\n", "\n  | "))
    print()
    for result in skipped:
        print(f"skipped: {result}")
    for result in failed:
        print(f"failed: {result}: {result.result}")
    print(f"{len(passed)} passed, {len(failed)} failed" + (f", {len(skipped)} skipped" if skipped else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
