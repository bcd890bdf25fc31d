# SPDX-License-Identifier: Apache-2.0
"""The shell blocks of the documents, for blocks.py: run whole, or begun line by line where that takes too long.

A block is run in both modes. witness.c is preloaded under all that it runs: what runs on reslab says in which mode.
"""

import os
import re
import shlex
import signal
import subprocess

MODES = ("rseq", "fallback")
BEGUN = 2  # seconds; wrong arguments are refused sooner
# What is not begun, and why.
NOT_BEGUN = {"bpftrace": "takes root and a kernel that has it", "perf": "its probes take root and tracefs"}


def compile_witness(source, folder):
    witness = folder / "witness.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-I", str(source / "include"), str(source / "test/docs/witness.c"), "-o",
                    str(witness)], check=True, timeout=60, stdin=subprocess.DEVNULL)
    return witness


def run(code, folder, env, witness):
    """What is wrong with the block, of each mode in which something is."""
    for mode in MODES:
        seen = folder / f"{mode}.modes"
        seen.unlink(missing_ok=True)
        done = subprocess.run(["bash", "-eu", "-o", "pipefail", "-c", code], cwd=folder, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120,
                              env=env | {"RESLAB_OPTIONS": f"mode={mode}", "RESLAB_TEST_MODE": mode,
                                         "RESLAB_TEST_MODES": str(seen), "LD_PRELOAD": str(witness)})
        modes = set(seen.read_text().split()) if seen.exists() else set()
        if done.returncode != 0:
            yield f"status {done.returncode} in mode {mode}\n{done.stdout[-3000:]}"
        elif modes != {mode}:
            yield f"runs in mode {' and '.join(sorted(modes)) or 'none, without reslab'}, not in {mode}"
        seen.unlink(missing_ok=True)


def begin(code, source, env, words):
    """What is wrong with lines that begin programs; these need not come to their ends. `words`: what stands for what."""
    stand_for = re.compile("|".join(map(re.escape, words)))
    for line in code.splitlines():
        if line.split()[0] in NOT_BEGUN:
            continue
        command = stand_for.sub(lambda word: shlex.quote(str(words[word[0]])), line)
        process = subprocess.Popen(["bash", "-c", command], cwd=source, env=env, stdin=subprocess.DEVNULL, text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            output, _ = process.communicate(timeout=BEGUN)
            if process.returncode != 0:
                yield f"status {process.returncode}: {line}\n{output[-3000:]}"
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
