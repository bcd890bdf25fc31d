# SPDX-License-Identifier: Apache-2.0
"""`reslab selftest` in both modes: each check holds where there are sections, none is tried where libc has registered
nothing, and each one says that it is broken where sections are. Wrong arguments are one clear message.

Usage: selftest.py RESLAB rseq|fallback
       selftest.py RESLAB-WITH-BROKEN-SECTIONS broken
"""

import json
import os
import subprocess
import sys

from support import fail

NAMES = ["registration", "signal", "fence", "preemption", "migration"]
NEED_TWO_CPUS = {"fence", "migration"}
SETTINGS = {"rseq": {"RESLAB_OPTIONS": "mode=rseq"}, "broken": {"RESLAB_OPTIONS": "mode=rseq"},
            "fallback": {"GLIBC_TUNABLES": "glibc.pthread.rseq=0"}}


def run(path, settings, *arguments):
    env = {name: value for name, value in os.environ.items() if name not in ("RESLAB_OPTIONS", "GLIBC_TUNABLES")}
    return subprocess.run([path, "selftest", *arguments], env=env | settings, capture_output=True, text=True,
                          timeout=200, stdin=subprocess.DEVNULL)


def require_status(done, status):
    if done.returncode != status or done.stderr:
        fail(f"status {done.returncode}, not {status}", done.stdout + done.stderr)


def wanted_verdict(name, mode):
    if name in NEED_TWO_CPUS and len(os.sched_getaffinity(0)) < 2:
        return "skipped"
    return "broken" if mode == "broken" and name != "registration" else "holds"


def with_sections(path, mode):
    done = run(path, SETTINGS[mode], "--json", "--seconds", "2")
    said = json.loads(done.stdout)
    require_status(done, 0 if said["verdict"] == "holds" else 1)
    wanted = {name: wanted_verdict(name, mode) for name in NAMES}
    found = {one["name"]: one["verdict"] for one in said["checks"]}
    # On a machine that is busy enough a check sees too little, and says so; the unit test insists.
    expected = {name: "unproven" if found[name] == "unproven" else wanted[name] for name in NAMES}
    if found != expected or list(found) != NAMES or (mode == "broken" and found["signal"] != "broken"):
        fail(f"the checks say {found}, not {wanted}", done.stdout)
    worst = next((one for one in ("broken", "unproven") if one in found.values()), "holds")
    if said["mode"] != "rseq" or said["verdict"] != worst:
        fail(f"in mode {said['mode']} it says {said['verdict']}", done.stdout)
    for one in said["checks"]:
        aborts = one["figures"].get("aborts")
        if one["verdict"] == "holds" and one["name"] != "registration" and (aborts < 100 or one["why"]):
            fail(f"{one['name']} holds after {aborts} aborts", done.stdout)
        if one["verdict"] == "broken" and (aborts != 0 or not one["why"]):
            fail(f"{one['name']} does not say what is broken", done.stdout)
    print({one["name"]: one["figures"] for one in said["checks"]})


def as_text(path):
    done = run(path, SETTINGS["rseq"], "--seconds", "0.5")
    lines = done.stdout.splitlines()
    if [line.split()[0] for line in lines[2:-1]] != NAMES:
        fail("not one line for each check and one for all", done.stdout)
    require_status(done, 0 if lines[-1] == "Restartable sequences can be trusted here." else 1)


def without_sections(path):
    done = run(path, SETTINGS["fallback"])
    require_status(done, 0)
    if "mode fallback: libc has not registered rseq" not in done.stdout or "atomic slots" not in done.stdout:
        fail("it does not say what there is instead", done.stdout)
    said = json.loads(run(path, SETTINGS["fallback"], "--json").stdout)
    if said["mode"] != "fallback" or said["verdict"] != "fallback" or said["checks"]:
        fail("as JSON it says something else", json.dumps(said))


def wrong_arguments(path):
    for arguments in (["--seconds", "soon"], ["--seconds", "0"], ["--seconds"], ["4711"]):
        done = run(path, {}, *arguments)
        if done.returncode != 2 or not done.stderr or done.stdout:
            fail(f"{arguments}: status {done.returncode}, not a clear error", done.stdout + done.stderr)
        if arguments[0] not in done.stderr:
            fail(f"{arguments}: not named", done.stderr)


def main():
    path, mode = sys.argv[1:]
    if mode == "fallback":
        without_sections(path)
        wrong_arguments(path)
        return
    with_sections(path, mode)
    if mode == "rseq":
        as_text(path)


if __name__ == "__main__":
    main()
