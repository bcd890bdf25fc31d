# SPDX-License-Identifier: Apache-2.0
"""`reslab heap`: what the sampled profile says of a program whose memory is known, and that pprof reads it.

Usage: heap.py UNSTOPPED RESLAB PROFILED MODE
"""

import errno
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from support import Command, Target, can_dump, fail, make_core

MIB = 1 << 20
KEPT = 32 * MIB
UNITS = {"B": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
# One sample in 16 KiB: 2,048 of keep_small's bytes, whose share is then right to 2.2 % by one standard deviation.
OPTIONS = ":profile=16k"
TOLERANCE = 0.12


def require_near(what, found, expected, output=""):
    if abs(found - expected) > TOLERANCE * expected:
        fail(f"{what}: {found / MIB:.1f} MiB, expected {expected / MIB:.1f}", output)


def folded(path):
    """Bytes by the innermost function of ours."""
    sums = {}
    for line in path.read_text().splitlines():
        stack, number = line.rsplit(" ", 1)
        for frame in reversed(stack.split(";")):
            if frame.startswith(("keep_", "churn")):
                sums[frame] = sums.get(frame, 0) + int(number)
                break
    return sums


def by_pprof(program, path, *arguments):
    """Bytes by function, as google-pprof reads them."""
    done = subprocess.run(["google-pprof", "--text", "--show_bytes", *arguments, program, str(path)], capture_output=True,
                          text=True, timeout=60, check=False)
    if done.returncode != 0 or "Total:" not in done.stdout:
        fail(f"google-pprof does not read {path}", done.stdout + done.stderr)
    return {match[2]: int(match[1]) for match in re.finditer(r"^ *(\d+) +[\d.]+% +[\d.]+% +\d+ +[\d.]+% (\S+)$",
                                                                  done.stdout, re.M)}


def check_live(reslab, target, folder):
    reslab.succeed("heap", target.pid, "--folded", str(folder / "live"))
    sums = folded(folder / "live")
    for name in ("keep_small", "keep_large", "keep_odd", "keep_grouped", "keep_grown"):
        require_near(f"live bytes of {name}", sums.get(name, 0), KEPT, str(sums))
    if sums.get("churn", 0) > MIB:
        fail("what was freed is called alive", str(sums))
    text = reslab.succeed("heap", target.pid, "-n", "5")
    if not re.search(r"^process \d+: one sample in 16384 bytes$", text, re.M) or "keep_large" not in text:
        fail("the text lacks its head or a site", text)
    if "    malloc\n" in text or "reslab" in text:
        fail("the text shows frames of the allocator", text)


def check_ever(reslab, target, folder):
    reslab.succeed("heap", target.pid, "--ever", "--folded", str(folder / "ever"))
    require_near("all bytes of churn", folded(folder / "ever").get("churn", 0), 256 * MIB)


def check_pprof(reslab, program, target, folder):
    before = folder / "before.heap"
    reslab.succeed("heap", target.pid, "--pprof", str(before))
    if shutil.which("google-pprof"):
        found = by_pprof(program, before, "--inuse_space")
        for name in ("keep_small", "keep_large", "keep_grown"):
            require_near(f"live bytes of {name} as pprof reads them", found.get(name, 0), KEPT, str(found))
        require_near("all bytes of churn as pprof reads them",
                     by_pprof(program, before, "--alloc_space").get("churn", 0), 256 * MIB)
    target.process.stdin.write("\n")
    target.process.stdin.flush()
    target.process.stdout.readline()
    reslab.succeed("heap", target.pid, "--since", str(before), "--folded", str(folder / "growth"))
    require_growth(folder / "growth")


def require_growth(path):
    grown = folded(path)
    require_near("growth by keep_more", grown.pop("keep_more", 0), KEPT / 2, str(grown))
    if not 1.9 * MIB < grown.pop("keep_large", 0) < 4 * MIB:  # 2 MiB, and room to grow further
        fail("a block of keep_large that has grown", str(folded(path)))
    if grown:
        fail("what has not grown is called grown", str(grown))


def sites(path):
    """Of a file for pprof: its lines, without the mappings."""
    return sorted(path.read_text().partition("\nMAPPED_LIBRARIES:\n")[0].splitlines())


def check_two_files(reslab, target, folder):
    """The growth from one file to another, when the process need not be there any more. Behind check_pprof."""
    after = folder / "after.heap"
    reslab.succeed("heap", target.pid, "--pprof", str(after))
    target.process.kill()
    target.process.wait()
    reslab.succeed("heap", str(after), "--since", str(folder / "before.heap"), "--folded", str(folder / "between"))
    require_growth(folder / "between")
    text = reslab.succeed("heap", str(after))
    if not text.startswith(f"profile {after}: one sample in 16384 bytes\n") or "keep_large\n    main\n" not in text:
        fail("the text of a file lacks its head, or names", text)
    reslab.succeed("heap", str(after), "--pprof", str(folder / "copy.heap"))
    if (folder / "copy.heap").read_bytes() != after.read_bytes():
        fail("a file is not what was written of it")
    after.write_text(after.read_text().replace("@", "at", 2))
    reslab.refuse([f"{after}:1: not a heap profile of reslab"], "heap", str(after))


def check_core(reslab, program, mode, folder):
    """A core has the profile that its process had, with names, for reslab and for pprof."""
    resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    os.chdir(folder)
    with Target([program], mode, options=OPTIONS) as target:
        reslab.succeed("heap", target.pid, "--pprof", str(folder / "alive.heap"))
        core = make_core(target, folder)
    reslab.succeed("heap", core, "--pprof", str(folder / "core.heap"))
    if sites(folder / "core.heap") != sites(folder / "alive.heap"):
        fail("the core has another profile than its process had")
    reslab.succeed("heap", core, "--folded", str(folder / "dead"))
    for name in ("keep_small", "keep_large", "keep_grown"):
        require_near(f"live bytes of {name} in a core", folded(folder / "dead").get(name, 0), KEPT)
    text = reslab.succeed("heap", core, "-n", "1")
    if not text.startswith(f"core file {core}: one sample in 16384 bytes\n") or text.count("\n    main\n") != 1:
        fail("the text of a core lacks its head, or its one site", text)
    if shutil.which("google-pprof"):
        require_near("live bytes of keep_small in a core as pprof reads them",
                     by_pprof(program, folder / "core.heap", "--inuse_space").get("keep_small", 0), KEPT)
    os.chdir("/")


def check_dumps(program, mode, folder):
    """Written by the process itself: in the handler of a signal, while the program allocates, and at its end; of one that
    cannot be written whole there is a line."""
    with Target([program], mode, options=f"{OPTIONS}:profile_file=/dev/full", stderr=subprocess.PIPE) as target:
        _, said = target.process.communicate("\n\n", timeout=60)
        if f"reslab: cannot write the heap profile to '/dev/full': errno {errno.ENOSPC}\n" not in said:
            fail("a profile that could not be written was left at that", said)
    options = f"{OPTIONS}:profile_signal={int(signal.SIGUSR2)}:profile_file={folder}/%p.heap"
    with Target([program], mode, options=options) as target:
        for number in range(1, 4):
            target.process.send_signal(signal.SIGUSR2)
            path = folder / f"{target.pid}.heap.{number}"
            for _ in range(1000):
                if path.is_file() and "MAPPED_LIBRARIES" in path.read_text():
                    break
                signal.sigtimedwait([], 0.01)
            else:
                fail(f"the signal wrote no {path}")
        target.process.communicate("\n\n", timeout=60)
        path = folder / f"{target.pid}.heap"
        if not path.is_file():
            fail("no profile was written at exit")
    if shutil.which("google-pprof"):
        require_near("live bytes of keep_small at exit", by_pprof(program, path, "--inuse_space").get("keep_small", 0), KEPT)


def check_calls(program, mode, folder):
    """reslab_heap_dump, in a handler: 0, EBADF and ENOSPC; ENOTSUP of them all without a profile."""
    path = folder / "called.heap"
    for options, answers in ((OPTIONS, (0, errno.EBADF, errno.ENOSPC)), ("", (errno.ENOTSUP,) * 3)):
        env = os.environ | {"RESLAB_OPTIONS": f"mode={mode}{options}", "RESLAB_TEST_MODE": mode}
        done = subprocess.run([program, path], env=env, capture_output=True, text=True, timeout=60, check=False)
        if done.stdout != "dumped {} {} {}\n".format(*answers):
            fail(f"dumps with options '{options}' returned something else than {answers}", done.stdout + done.stderr)
        if options and shutil.which("google-pprof"):
            require_near("live bytes of keep_small by a call", by_pprof(program, path, "--inuse_space").get("keep_small", 0),
                         KEPT)
        if path.read_text().startswith("heap profile: ") != bool(options):
            fail("the dump does not begin as a profile does, or there is one of nothing", path.read_text()[:200])


def check_errors(reslab, program, mode, folder):
    with Target([program], mode) as target:
        reslab.refuse(["it has no heap profile; start it with RESLAB_OPTIONS=profile=512k"], "heap", target.pid)
    with Target([program], mode, options=OPTIONS) as target:
        spoiled = folder / "spoiled"
        for line in ("hello", "1: 1 [1: 1] @ 0xhello", "1: 1 [1: 1] @ 0x1 0x11112222333344445"):
            spoiled.write_text(f"heap profile: 1: 1 [1: 1] @ heap_v2/16384\n{line}\n")
            reslab.refuse([f"{spoiled}:2: not a site of a heap profile"], "heap", target.pid, "--since", str(spoiled))
        spoiled.write_text("hello\n")
        reslab.refuse([f"{spoiled}:1: not a heap profile of reslab"], "heap", target.pid, "--since", str(spoiled))
        reslab.refuse(["cannot read /no/such"], "heap", target.pid, "--since", "/no/such")


def main():
    unstopped, path, program = (os.path.abspath(one) for one in sys.argv[1:4])
    mode = sys.argv[4]
    reslab = Command(unstopped, path)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with Target([program], mode, options=OPTIONS) as target:
            check_live(reslab, target, folder)
            check_ever(reslab, target, folder)
            check_pprof(reslab, program, target, folder)
            check_two_files(reslab, target, folder)
        if can_dump():
            check_core(reslab, program, mode, folder)
        else:
            print("no core files: the system takes them elsewhere")
        check_dumps(program, mode, folder)
        check_calls(program, mode, folder)
        check_errors(reslab, program, mode, folder)


if __name__ == "__main__":
    main()
