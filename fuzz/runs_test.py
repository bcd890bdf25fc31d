# SPDX-License-Identifier: Apache-2.0
"""What `./dev fuzz` runs, shows, keeps, and ends with, seen with targets that end as they are told; and, where there is
libFuzzer, with the real ones, and with the same when each has a fault to be found.

Usage: runs_test.py FUZZ [--real BUILD LIST PLANTED_LIST]
"""

import os
import pty
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

STAND_IN = Path(__file__).with_name("stand_in.py")


def fail(what, output=""):
    sys.exit(f"fuzz: FAILED: {what}\n{output}")


class Folder:
    """With a corpus and lists of targets; one is gone for each test."""

    def __init__(self, fuzz):
        self.fuzz = fuzz
        self.holder = tempfile.TemporaryDirectory(prefix="reslab-fuzz-")
        self.path = Path(self.holder.name)
        self.seeds = self.path / "seeds"
        self.seeds.mkdir()
        (self.seeds / "one").write_text("a seed")
        self.work = self.path / "work"

    def list_of(self, **commands):
        path = self.path / "fuzz.list"
        path.write_text("".join(f"{name} '{self.seeds}' {command}\n" for name, command in commands.items()))
        return path

    def run(self, targets, minutes="0.01", stderr=subprocess.STDOUT, more=()):
        return subprocess.run([sys.executable, "-B", self.fuzz, "--list", str(targets), "--work", str(self.work),
                               "--minutes", minutes, *more], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=stderr, text=True, timeout=200)

    def stand_ins(self, *ends, **more):
        names = {f"target{number}": f"python3 '{STAND_IN}' {end}" for number, end in enumerate(ends)}
        return self.run(self.list_of(**names), **more)

    def findings(self):
        return sorted(path.name for path in (self.work / "findings").iterdir())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.holder.cleanup()


def require(done, status, *words):
    for word in words:
        if not re.search(word, done.stdout, re.M):
            fail(f"it does not say {word!r}", done.stdout)
    if done.returncode != status:
        fail(f"it ends with {done.returncode}, not {status}", done.stdout)


def nothing_is_found(fuzz):
    with Folder(fuzz) as folder:
        done = folder.stand_ins("good", "good")
        require(done, 0, r"^fuzz: 4 runs of 1 s, seed \d+, findings in .*/work/findings$",
                r"^\[1/4\] target0 \(rseq\): 1 seconds$",
                r"^\[4/4\] target1 \(fallback\): ok after \d+ s, 7 inputs, 43 branches$", r"^4 passed, 0 failed\n\Z")
        if folder.findings() or "\r" in done.stdout:
            fail("a finding, or a line that is written over, where there is neither", done.stdout)
        if [path.name for path in folder.seeds.iterdir()] != ["one"]:
            fail("the corpus is not what it was")
        if sorted(path.name for path in (folder.work / "corpus/target1").iterdir()) != ["new-fallback", "new-rseq"]:
            fail("what was added to the corpus is not kept")


def a_finding_ends_in_failure(fuzz):
    with Folder(fuzz) as folder:
        done = folder.stand_ins("found-in-fallback", "good")
        require(done, 1, r"^\[2/4\] target0 \(fallback\): FOUND \(signal 6\)", r"  \| fuzz: violated: something$",
                r"^  again: RESLAB_OPTIONS=mode=fallback RESLAB_TEST_MODE=fallback .*/target0-fallback-crash-1$",
                r"^\[4/4\] target1 \(fallback\): ok", r"^3 passed, 1 failed\n\Z")
        kept = folder.findings()
        if len(kept) != 2 or kept[1] != "target0-fallback-crash-1" or not kept[0].endswith(".log"):
            fail(f"the input and what was said of it are not kept, but {kept}")
        # The next run says of its own findings alone where they are.
        require(folder.stand_ins("good"), 0)
    for ends, words in (("nothing", "RAN NOTHING"), ("hang", "HANGS")):
        with Folder(fuzz) as folder:
            require(folder.stand_ins(ends, more=("--grace", "1")), 1, words, r"^0 passed, 2 failed\n\Z")


def a_target_has_its_options(fuzz):
    with Folder(fuzz) as folder:
        name = "target:guard=1:profile=4k"
        done = folder.run(folder.list_of(**{name: f"python3 '{STAND_IN}' with-options"}))
        require(done, 0, rf"^\[1/2\] {name} \(rseq\): ok", r"^2 passed, 0 failed\n\Z")
        if not (folder.work / "corpus/target").is_dir():
            fail("a target with options has no corpus of its name")


def a_terminal_has_a_line(fuzz):
    with Folder(fuzz) as folder:
        ours, theirs = pty.openpty()
        done = folder.stand_ins("good", stderr=theirs)
        os.close(theirs)
        shown = os.read(ours, 1 << 16).decode()
        os.close(ours)
        if not re.search(r"\r\[1/2\] target0 \(rseq\): \d+ s left, 3 inputs, 41 branches, 0 findings", shown):
            fail("no line of progress", shown)
        require(done, 0, r"\A.*\n\[1/2\] target0 \(rseq\): ok", r"^2 passed, 0 failed\n\Z")


def nothing_to_run_is_no_success(fuzz):
    with Folder(fuzz) as folder:
        require(folder.run(folder.path / "missing"), 1, "build with clang first")
        require(folder.run(folder.list_of()), 1, "lists no target")


def libfuzzer_runs_the_targets(fuzz, targets):
    with Folder(fuzz) as folder:
        # The corpus of each, run once, has more inputs than this.
        require(folder.run(targets, "0.1"), 0, r"\(rseq\): ok after \d+ s, \d\d+ inputs, \d{3,} branches$",
                r"\(fallback\): ok after \d+ s, \d\d+ inputs, \d{3,} branches$", r" passed, 0 failed\n\Z")


# Where the corpus shows the fault already: a malloc, a realloc, and two of malloc that do not.
SEEDS = dict.fromkeys(("operations", "interrupted"), bytes([0, 1, 4, 0, 5, 1, 11, 0, 0, 2, 13, 0, 0, 3, 4, 0]))
# What each target says of its fault.
PLANTED = {
    "operations": "an object keeps its contents",
    "interrupted": "alignment of 16",
    "options": "each option has the value that was said last and is good",
    "misuse": "a mistake ends in its report",
    "heap_image": "a reader of a damaged heap says what is wrong",
    "core_file": "a core file is refused by a Failure, not by",
    "pprof": "a profile is refused by a Failure, not by",
}


def libfuzzer_finds_a_fault(fuzz, line):
    run, corpus, *command = shlex.split(line)
    name = run.partition(":")[0]
    with Folder(fuzz) as folder:
        if name in SEEDS:
            (folder.seeds / "one").write_bytes(SEEDS[name])
        else:
            folder.seeds = corpus
        done = folder.run(folder.list_of(**{run: shlex.join(command)}), "2")
        require(done, 1, rf"^\[1/2\] {name}\S* \(rseq\): FOUND", rf"^\[2/2\] {name}\S* \(fallback\): FOUND",
                rf"\| fuzz: violated: {PLANTED[name]}", r"^0 passed, 2 failed\n\Z")
        again = re.search(r"^  again: (RESLAB_OPTIONS=mode=rseq\S* RESLAB_TEST_MODE=rseq .*)$", done.stdout, re.M)
        if again is None or subprocess.run(["sh", "-c", again[1]], capture_output=True, timeout=60).returncode == 0:
            fail("the input that was found does not show the fault again", done.stdout)


def main():
    fuzz, *real = sys.argv[1:]
    if real:
        _, build, targets, planted = real
        subprocess.run(["ninja", "-C", build, "fuzz-targets"], stdin=subprocess.DEVNULL, timeout=600, check=True)
        libfuzzer_runs_the_targets(fuzz, targets)
        for line in Path(planted).read_text().splitlines():
            libfuzzer_finds_a_fault(fuzz, line)
        return
    nothing_is_found(fuzz)
    a_finding_ends_in_failure(fuzz)
    a_target_has_its_options(fuzz)
    a_terminal_has_a_line(fuzz)
    nothing_to_run_is_no_success(fuzz)


if __name__ == "__main__":
    main()
