# SPDX-License-Identifier: Apache-2.0
"""What the scripts of this folder have in common: the environment of a program under test, and counting failures."""

import os
import sys

_failures = 0


def environment(mode, options=None):
    """A small fixed environment in which the program runs in `mode`, with further options of reslab."""
    return {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C", "RESLAB_TEST_MODE": mode,
            "RESLAB_OPTIONS": f"mode={mode}" + (f":{options}" if options else "")}


def failed(what):
    """Notes a failure and goes on, so that one run shows them all."""
    global _failures
    _failures += 1
    print(f"FAILED {what}", file=sys.stderr)


def finish(count, what):
    """Ends the script; its exit status says whether anything failed, or nothing was tested."""
    print(f"{count} {what}, {_failures} failures")
    sys.exit(0 if _failures == 0 and count > 0 else 1)
