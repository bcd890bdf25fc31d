# SPDX-License-Identifier: Apache-2.0
"""One run of a catching program, and how it ended."""

import dataclasses
import os
import signal
import subprocess

SECONDS = 30  # the programs end themselves after 20


@dataclasses.dataclass(frozen=True)
class Outcome:
    passed: bool
    words: str


def run(program, mode):
    # Its own process group: whatever it has forked goes with it.
    process = subprocess.Popen([str(program), mode], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True, errors="replace", start_new_session=True)
    try:
        output, _ = process.communicate(timeout=SECONDS)
        timed_out = False
    except subprocess.TimeoutExpired:
        timed_out = True
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    if timed_out:
        process.communicate()
        return Outcome(False, f"still running after {SECONDS} s")
    status = process.returncode
    ended = f"killed by {signal.Signals(-status).name}" if status < 0 else f"exit {status}"
    lines = [line for line in output.splitlines() if line.strip()]
    return Outcome(status == 0, ended + (f": {lines[-1]}" if lines and status != 0 else ""))
