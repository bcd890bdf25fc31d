# SPDX-License-Identifier: Apache-2.0
"""gdb's `stepi` through malloc and free makes progress: all calls of stepped.c end, within far fewer steps than there are
here, and in mode rseq they end by giving their sections up, since each step aborts one (40).

Usage: stepped.py MODE PROGRAM
"""

import pathlib
import re
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "api"))
from programs import environment, failed, finish  # noqa: E402

MOST_STEPS = 400_000
SKIPPED = 77
COMMANDS = ("set confirm off", "set breakpoint pending off", "break stepping_begins", "break stepping_ends", "run",
            f"stepi {MOST_STEPS}", "delete", "continue")


def main():
    mode, program = sys.argv[1:]
    if shutil.which("gdb") is None:
        print("SKIP: there is no gdb")
        sys.exit(SKIPPED)
    settings = [f"set environment {name} {value}" for name, value in environment(mode).items()]
    done = subprocess.run(["gdb", "--batch", "--nx", *(word for command in (*settings, *COMMANDS) for word in ("-ex", command)),
                           program], capture_output=True, text=True, timeout=200, stdin=subprocess.DEVNULL, check=False)
    text = done.stdout + done.stderr
    said = re.search(r"calls=(\d+) gave_up=(\d+)", text)
    stops = re.findall(r"^Breakpoint \d, .*(stepping_\w+) \(", text, re.M)
    if stops != ["stepping_begins", "stepping_ends"] or "exited normally" not in text or not said:
        failed(f"stepping did not come to its end: {text[-3000:]}")
    elif (int(said[2]) > 0) != (mode == "rseq"):
        failed(f"in mode {mode} {said[2]} calls gave their sections up")
    finish(int(said[1]) if said else 0, "calls")


if __name__ == "__main__":
    main()
