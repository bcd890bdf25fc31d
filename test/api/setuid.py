# SPDX-License-Identifier: Apache-2.0
"""A set-uid program takes no options from whoever runs it: RESLAB_OPTIONS is ignored, and nothing is said of it.

Usage: setuid.py STATIC_PROGRAM MODE
"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

from programs import environment, failed, finish

SKIPPED = 77
NOBODY = 65534


def complaints(program, mode, heeds_mode):
    run = subprocess.run([program], env=environment(mode, "frobnicate=1"), capture_output=True, text=True, timeout=60,
                         check=False)
    if run.returncode < 0 or (heeds_mode and run.returncode != 0):
        failed(f"{program}: ended with {run.returncode}: {run.stderr}")
    return [line for line in run.stderr.splitlines() if "RESLAB_OPTIONS" in line]


def main():
    program, mode = sys.argv[1:]
    if os.geteuid() != 0:
        print("only root can make a set-uid program of another user")
        sys.exit(SKIPPED)
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        copy = pathlib.Path(folder) / "program"
        shutil.copy(program, copy)
        os.chmod(copy, 0o755)
        if len(complaints(copy, mode, True)) != 1:
            failed("the program without the set-uid bit ignores RESLAB_OPTIONS as well")
        os.chown(copy, NOBODY, NOBODY)
        os.chmod(copy, 0o4755)
        if os.statvfs(folder).f_flag & os.ST_NOSUID:
            print(f"{folder} is mounted nosuid")
            sys.exit(SKIPPED)
        if lines := complaints(copy, mode, False):
            failed(f"the set-uid program heeds RESLAB_OPTIONS: {lines}")
    finish(2, "runs")


if __name__ == "__main__":
    main()
