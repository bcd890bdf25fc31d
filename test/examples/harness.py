# SPDX-License-Identifier: Apache-2.0
"""What the tests of the examples share: the environment of a program under reslab, and how a test fails."""

import atexit
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path


def fail(what, output=""):
    tail = "\n".join(output.splitlines()[-20:])
    sys.exit(f"examples: FAILED: {what}" + (f"\n{tail}" if tail else ""))


class Reslab:
    """Runs programs under the library in one mode, and fails where it ran in another. With the local lock that
    RESLAB_TEST_LOCAL_LOCK names: try, always or never."""

    def __init__(self, library, mode):
        self.library, self.mode = library, mode
        self.local_lock = os.environ.get("RESLAB_TEST_LOCAL_LOCK", "try")
        self.folder = Path(tempfile.mkdtemp(prefix="reslab-examples-"))
        atexit.register(shutil.rmtree, self.folder, ignore_errors=True)

    def environment(self, *preload, **more):
        """`preload`: libraries besides reslab's."""
        env = {name: value for name, value in os.environ.items() if name not in ("LD_PRELOAD", "RESLAB_OPTIONS")}
        env["LD_PRELOAD"] = " ".join([self.library, *preload])
        env["RESLAB_OPTIONS"] = f"mode={self.mode}:local_lock={self.local_lock}:stats_file={self.folder}/stats.%p"
        return env | more

    def require_mode(self, process_id, least_allocations):
        """By the statistics that the library left when the process ended."""
        file = self.folder / f"stats.{process_id}"
        if not file.is_file():
            fail(f"process {process_id} left no statistics: the library was not there, or it did not end properly")
        statistics = dict(line.split("=", 1) for line in file.read_text().splitlines() if "=" in line)
        if statistics["mode"] != self.mode:
            fail(f"ran in mode {statistics['mode']}, not {self.mode}: {statistics['mode_reason']}")
        if int(statistics["allocs"]) < least_allocations:
            fail(f"the library served only {statistics['allocs']} allocations")


def run(command, env, seconds):
    """A finished process: its number, its return code, and what it said on both streams."""
    process = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True, errors="replace")
    try:
        output, errors = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        fail(f"{command[0]}: still running after {seconds} seconds")
    return process.pid, process.returncode, output, errors


def end_in_words(return_code):
    return f"SIG{signal.Signals(-return_code).name[3:]}" if return_code < 0 else f"status {return_code}"


def require_success(command, return_code, errors):
    if return_code != 0:
        fail(f"{command[0]} ended with {end_in_words(return_code)}", errors)


def one_match(pattern, text, what):
    match = re.search(pattern, text, re.MULTILINE)
    if match is None:
        fail(f"no {what} in what was said", text)
    return match
