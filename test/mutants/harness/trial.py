# SPDX-License-Identifier: Apache-2.0
"""One run of a catching program or of a test harness, and how it ended."""

import dataclasses
import os
import signal
import subprocess

SECONDS = 30  # the catching programs end themselves after 20
HARNESS_SECONDS = 400  # on a machine with much else to do

# What a harness wants of the library, beside the mode: see where its own test is defined.
HARNESS_OPTIONS = {"reentry/walk": "dirty_cycles=0"}


@dataclasses.dataclass(frozen=True)
class Outcome:
    passed: bool
    words: str


def run(program, mode):
    status, lines, _ = run_command([str(program), mode], SECONDS, None)
    if status is None:
        return Outcome(False, f"still running after {SECONDS} s")
    return Outcome(status == 0, ended(status) + (f": {lines[-1]}" if lines and status != 0 else ""))


def run_harness(program, command, mode, libraries):
    """The words are the first line in which the harness, or the library that it is linked with, complains."""
    options = ":".join(filter(None, [f"mode={mode}", HARNESS_OPTIONS.get(command[0])]))
    environment = dict(os.environ, RESLAB_OPTIONS=options)
    if libraries is not None:
        environment["LD_LIBRARY_PATH"] = str(libraries)
    limit = ["--limit", str(HARNESS_SECONDS - 10)] if command[0].startswith("reentry/") else []
    arguments = [str(program), "--mode", mode, *limit, *command[1:]]
    status, lines, complaints = run_command(arguments, HARNESS_SECONDS, environment)
    said = complaints[:1] or [line for line in lines if "FAILED" in line][:1] or lines[-1:]
    if status is None:
        return Outcome(False, f"still running after {HARNESS_SECONDS} s")
    return Outcome(status == 0, ended(status) + (f": {said[0]}" if said and status != 0 else ""))


def ended(status):
    return f"killed by {signal.Signals(-status).name}" if status < 0 else f"exit {status}"


def run_command(command, seconds, environment):
    """Its exit status, or None if it did not end; the lines that it printed, and those for errors if they are apart."""
    # Its own process group: whatever it has forked goes with it.
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT if environment is None else subprocess.PIPE, env=environment,
                               text=True, errors="replace", start_new_session=True)
    try:
        output, errors = process.communicate(timeout=seconds)
        timed_out = False
    except subprocess.TimeoutExpired:
        timed_out = True
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    if timed_out:
        output, errors = process.communicate()
    lines, complaints = ([line for line in (text or "").splitlines() if line.strip()] for text in (output, errors))
    return None if timed_out else process.returncode, lines, complaints
