# SPDX-License-Identifier: Apache-2.0
"""`reslab run` puts a command on reslab, in the options it is given, with the command's own words, streams and status.

Usage: command_run.py RESLAB LIBRARY
"""

import json
import subprocess
import sys

from support import fail

ECHO = "import json,os,sys; print(json.dumps([sys.argv[1:], [l for l in open('/proc/self/maps') if 'libreslab' in l][:1], "\
       "os.environ['RESLAB_OPTIONS']])); sys.exit(7)"


def main():
    path, library = sys.argv[1:]
    for mode in ("rseq", "fallback"):
        given = f"mode={mode}:stats=1"
        done = subprocess.run([path, "run", "--library", library, "--options", given, sys.executable, "-c", ECHO, "--json",
                               "-x", "a b"], capture_output=True, text=True, timeout=60)
        if done.returncode != 7 or f"reslab: stats: mode={mode}\n" not in done.stderr:
            fail(f"status {done.returncode} instead of the command's, or another mode than {mode}", done.stderr)
        words, mapped, options = json.loads(done.stdout)
        if words != ["--json", "-x", "a b"] or not mapped or not options.startswith(given):
            fail("the command saw something else", done.stdout)
    for arguments, wanted in ((["no-such-command"], "cannot run no-such-command"), (["/etc"], "cannot run /etc")):
        done = subprocess.run([path, "run", "--library", library, *arguments], capture_output=True, text=True, timeout=60)
        if done.returncode != 1 or wanted not in done.stderr:
            fail(f"{arguments}: status {done.returncode}", done.stderr)
    done = subprocess.run([path, "run", "--library", "/nowhere.so", "true"], capture_output=True, text=True, timeout=60)
    if done.returncode != 1 or "cannot read the library" not in done.stderr:
        fail("a library that is not there", done.stderr)


if __name__ == "__main__":
    main()
