# SPDX-License-Identifier: Apache-2.0
"""The same program in the surroundings that a preloaded library meets: beside other libraries, under an auditor of the
loader, under valgrind.

Usage: guest.py MODE PROGRAM RESLAB audit LIBRARY | companion LIBRARY | jemalloc | memcheck
"""

import pathlib
import re
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "api"))
from programs import environment, failed, finish  # noqa: E402

SKIPPED = 77


def run(mode, command, options=None, **variables):
    """Its words; all runs must end well and say so."""
    done = subprocess.run(command, env=environment(mode, options) | variables, capture_output=True, text=True, timeout=200,
                          check=False)
    if done.returncode != 0 or "all is well\n" not in done.stdout:
        failed(f"{' '.join(command)} with {variables}: status {done.returncode}: {(done.stdout + done.stderr)[-3000:]}")
    return done.stdout + done.stderr


def expect(words, said):
    if words not in said:
        failed(f"'{words}' is not said: {said[-2000:]}")


def audit(mode, program, reslab, library):
    """What the loader binds goes past the auditor, and its own namespace keeps libc's malloc."""
    said = run(mode, [program], LD_PRELOAD=reslab, LD_AUDIT=library)
    expect(f"malloc is bound to {reslab}\n", said)
    return 1


def companion(mode, program, reslab, library):
    """Before reslab, the other is called and hands on to it; behind it, nothing comes by."""
    said = run(mode, [program], LD_PRELOAD=f"{library} {reslab}")
    found = re.search(r"companion: (\d+) calls", said)
    if not found or int(found[1]) < 1000:
        failed(f"the companion in front saw no calls: {said}")
    expect("companion: 0 calls\n", run(mode, [program], LD_PRELOAD=f"{reslab} {library}"))
    return 2


def jemalloc(mode, program, reslab):
    """Another whole allocator behind it: its constructors run, its names are not taken."""
    other = next(pathlib.Path("/usr/lib").glob("*/libjemalloc.so.2"), None)
    if other is None:
        print("SKIP: there is no jemalloc")
        sys.exit(SKIPPED)
    run(mode, [program], LD_PRELOAD=f"{reslab} {other}")
    return 1


def memcheck(mode, program, reslab):
    """valgrind has no rseq, so any mode is fallback there. By itself memcheck puts its own malloc in the place of reslab's;
    told not to, it runs reslab's. Neither way may it find an error, and both ways the program works."""
    if shutil.which("valgrind") is None:
        print("SKIP: there is no valgrind")
        sys.exit(SKIPPED)
    calls = "500"  # it is fifty times slower
    for synonyms, serves in (((), False), (("--soname-synonyms=somalloc=nouserintercepts",), True)):
        said = run("fallback", ["valgrind", "--error-exitcode=9", "--trace-children=yes", *synonyms, program, calls],
                   LD_PRELOAD=reslab, RESLAB_OPTIONS=f"mode={mode}:stats=1")
        expect("ERROR SUMMARY: 0 errors", said)
        expect("reslab: stats: mode=fallback" if serves else "total heap usage:", said)
    return 2


def main():
    mode, program, reslab, case, *more = sys.argv[1:]
    finish({"audit": audit, "companion": companion, "jemalloc": jemalloc, "memcheck": memcheck}[case](
        mode, program, reslab, *more), "runs")


if __name__ == "__main__":
    main()
