"""Runs each misuse of misuse.cc in a process of its own: it has to end in a report that names the call, the address and
what was found there, and in SIGABRT.

Usage: misuse.py PROGRAM MODE

For lesson 21 of docs/lessons.md.
"""

import re
import signal
import subprocess
import sys

from programs import environment, failed, finish

NOT_OURS = "no part of reslab's memory"
NOWHERE = "inside reslab's range, where nothing is allocated"
INSIDE_64 = r"not the start of an object: 16 bytes into object \d+ of a slab of class 64"
DOUBLE = "double free: .*"

# What the report says: the call, and the words behind the address.
REPORTS = {
    "free_stack": ("free", NOT_OURS),
    "free_static": ("free", NOT_OURS),
    "free_text": ("free", NOT_OURS),
    "free_code": ("free", NOT_OURS),
    "free_small_number": ("free", NOT_OURS),
    "free_last_address": ("free", NOT_OURS),
    "free_not_canonical": ("free", NOT_OURS),
    "free_unmapped": ("free", NOT_OURS),
    "free_mapped": ("free", NOT_OURS),
    "free_before_the_first_call": ("free", NOT_OURS),
    "free_of_libcs_own": ("free", NOT_OURS),
    "free_never_allocated": ("free", "inside reslab's reserved range, never handed out"),
    "free_interior": ("free", INSIDE_64),
    "free_interior_odd": ("free", r"not the start of an object: 1 bytes into object \d+ of a slab of class 64"),
    "free_interior_of_a_large_object":
        ("free", r"not the start of an object: 4096 bytes into object \d+ of a slab of class \d+"),
    "free_interior_of_a_block": ("free", "not the start of an object: 16 bytes into a large block of 3145728"),
    "free_later_unit_of_a_block": ("free", "not the start of an object: 1048576 bytes into a large block of 3145728"),
    "free_one_before": ("free", r"not the start of an object: .*|" + NOWHERE),
    "free_twice": ("free", DOUBLE),
    "free_twice_with_another_between": ("free", DOUBLE),
    "free_twice_and_kept_in_a_depot": ("free", DOUBLE),
    "free_twice_long_after": ("free", DOUBLE + "|" + NOWHERE),
    "free_twice_large": ("free", DOUBLE + "|" + NOWHERE),
    "free_twice_block": ("free", DOUBLE + "|" + NOWHERE),
    "nolock_free_twice": ("reslab_free_nolock", DOUBLE),
    "nolock_free_interior": ("reslab_free_nolock", r"not the start of an object: 32 bytes into object \d+ .*"),
    "nolock_free_stack": ("reslab_free_nolock", NOT_OURS),
    "reslab_free_interior": ("(reslab_)?free", r"not the start of an object: 32 bytes into object \d+ .*"),
    "delete_interior": ("free|operator delete", r"not the start of an object: 32 bytes into object \d+ .*"),
    "delete_static": (".*", NOT_OURS),
    "free_sized_interior": ("free(_sized)?", r"not the start of an object: 32 bytes into object \d+ .*"),
    "free_sized_wrong_size": ("free_sized", r"freed with size 4000, but it is object \d+ of a slab of class 64"),
    "delete_wrong_size": (".*", r"freed with size 4000, but it is object \d+ of a slab of class 64"),
    "realloc_stack": ("realloc", NOT_OURS),
    "realloc_interior": ("realloc", INSIDE_64),
    "realloc_interior_of_a_block":
        ("realloc", "not the start of an object: 1048576 bytes into a large block of 3145728"),
    "usable_size_static": ("malloc_usable_size", NOT_OURS),
    "usable_size_interior": ("malloc_usable_size", INSIDE_64),
    "report_with_a_handler_that_allocates": ("free", INSIDE_64),
    "report_with_sigabrt_ignored": ("free", INSIDE_64),
    "report_with_sigabrt_blocked": ("free", INSIDE_64),
}

OPTIONS = {"free_sized_wrong_size": "check_sizes=1", "delete_wrong_size": "check_sizes=1"}


def check(program, mode, case):
    call, found = REPORTS[case]
    run = subprocess.run([program, case], env=environment(mode, OPTIONS.get(case)), capture_output=True, text=True,
                         timeout=20, check=False)
    expected = rf"reslab: ({call})\(0x[0-9a-f]+\): ({found})"
    if run.returncode != -signal.SIGABRT:
        failed(f"{case}: ended with {run.returncode} instead of by SIGABRT; stderr: {run.stderr!r}")
    elif not re.fullmatch(expected, run.stderr.split("\n")[0]):
        failed(f"{case}: said {run.stderr!r}\n    instead of {expected!r}")


def main():
    program, mode = sys.argv[1:]
    cases = subprocess.run([program], env=environment(mode), capture_output=True, text=True, timeout=20,
                           check=True).stdout.split()
    if sorted(cases) != sorted(REPORTS):
        failed(f"the program and this table differ in {set(cases) ^ set(REPORTS)}")
    for case in cases:
        check(program, mode, case)
    finish(len(cases), "misuses")


if __name__ == "__main__":
    main()
