# SPDX-License-Identifier: Apache-2.0
"""What check_context=1 and report_reentry=1 report of calls out of place (context.cc), and that they are silent otherwise.

Usage: context.py PROGRAM MODE
"""

import re
import subprocess
import sys

from programs import environment, failed, finish

REFUSED = r"reslab: {}: maintenance call {}, refused"
TRIM, CHECK = "reslab_trim", "reslab_check"

# The lines on stderr under check_context=1.
CONTEXT = {
    "maintenance_in_scope": [REFUSED.format(TRIM, "inside a nolock scope")] * 2,
    "maintenance_on_alternate_stack": [REFUSED.format(TRIM, "on an alternate signal stack")],
    "maintenance_in_handler": [REFUSED.format(TRIM, "in a signal handler"), REFUSED.format(CHECK, "in a signal handler")],
    "maintenance_on_top": [REFUSED.format(TRIM, "on top of a call of reslab that it interrupts")],
    "maintenance_after_jump": [],
    "scope_left_open": [r"reslab: malloc: the nolock scope it runs in was opened by a frame that has returned; .*"],
    "scopes_out_of_order": ["reslab: reslab_nolock_restore: scope 1 is closed, but 2 are open"],
    "nothing_wrong": [],
}


def run(program, mode, case, options):
    return subprocess.run([program, *([case] if case else [])], env=environment(mode, options), capture_output=True,
                          text=True, timeout=20, check=False)


def check_context(program, mode, case):
    result = run(program, mode, case, "check_context=1")
    lines = result.stderr.splitlines()
    expected = CONTEXT[case]
    if result.returncode != 0:
        failed(f"{case}: ended with {result.returncode}: {result.stderr!r}")
    elif len(lines) != len(expected) or not all(map(re.fullmatch, expected, lines)):
        failed(f"{case}: said {lines}\n    instead of {expected}")


def check_silent(program, mode, case):
    """Without the option the handler's frame is not looked for, and nothing is said."""
    result = run(program, mode, case, None)
    if result.stderr:
        failed(f"{case}: without check_context it said {result.stderr!r}")


def check_reentry(program, mode):
    result = run(program, mode, "reentry", "report_reentry=1")
    heads = [line for line in result.stderr.splitlines() if "re-entry" in line]
    if result.returncode != 0 or sorted(heads) != [
            f"reslab: re-entry: {call} interrupts a call of reslab; seen here for the first time:"
            for call in ("free", "malloc")]:
        failed(f"re-entry: one report each of malloc and free was expected, got {result.stderr!r}")
    frames = re.findall(r"reslab:   #\d+ (\S+)\+0x", result.stderr)
    if not any("libreslab" in frame for frame in frames) or not any("context" in frame or "program" in frame for frame in frames):
        failed(f"re-entry: the stacks show neither reslab nor the program: {result.stderr!r}")
    if result.stdout != "reentries=6\n":
        failed(f"re-entry: 3 mallocs and 3 frees interrupted a call, counted was {result.stdout!r}")
    if "re-entry" in run(program, mode, "reentry", None).stderr:
        failed("re-entry is reported without the option")


def main():
    program, mode = sys.argv[1:]
    cases = run(program, mode, None, None).stdout.split()
    if sorted(cases) != sorted([*CONTEXT, "reentry"]):
        failed(f"the program and this table differ in {set(cases) ^ set(CONTEXT)}")
    for case in CONTEXT:
        check_context(program, mode, case)
        if case != "maintenance_in_handler":  # there it is allowed: nothing speaks against it
            check_silent(program, mode, case)
    check_reentry(program, mode)
    finish(len(cases), "contexts")


if __name__ == "__main__":
    main()
