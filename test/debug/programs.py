#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Real programs under each debug mode and hardening option: they do their work, and nothing is reported.

  programs.py --library FILE --mode MODE [--local-lock LOCK] [--rounds N --costs]

--costs prints a table of times and memory instead, the median of N rounds against no debug mode.
"""

import argparse
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile

TIME_LIMIT_S = 120
HARDENING = ["random_placement=1", "check_frees=1", "zero_on_free=1", "harden=1"]
MODES = ["", *HARDENING, "debug=F", "debug=Z", "debug=P", "debug=U", "debug=G", "debug=FZPUG:quarantine=4m",
         "debug=FZPUG,64,128"]

PYTHON = r"""
import json, re, subprocess, threading, zlib
items = [{"id": i, "text": "%d " % i * (i % 40)} for i in range(2000)]
assert json.loads(json.dumps(items)) == items
assert len(re.findall(r"\b7\d+ ", "".join(item["text"] for item in items))) > 100
data = b"".join(b"%d" % i for i in range(50000))
assert zlib.decompress(zlib.compress(data)) == data
threads = [threading.Thread(target=lambda: sorted(str(i) for i in range(3000))) for _ in range(8)]
[t.start() for t in threads]; [t.join() for t in threads]
assert subprocess.run(["/bin/echo", "child"], stdout=subprocess.PIPE).stdout == b"child\n"
print("done")
"""

SQL = """
create table t(a integer primary key, b text);
with recursive n(i) as (select 1 union all select i + 1 from n where i < 4000) insert into t select i, hex(i) || i from n;
create index tb on t(b);
delete from t where a % 3 = 0;
update t set b = b || 'x' where a % 5 = 0;
select count(*), sum(length(b)) from t where b like '%3%' order by 1;
select 'done';
"""

# PYTHONMALLOC: python's own small-object allocator would hide most of its objects.
PROGRAMS = {"python3": (["python3", "-S", "-c", PYTHON], None), "sqlite3": (["sqlite3", ":memory:"], SQL)}


def start(name, arguments, debug, **pipes):
    options = f"mode={arguments.mode}:local_lock={arguments.local_lock}" + (f":{debug}" if debug else "")
    environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "PYTHONMALLOC": "malloc", "RESLAB_OPTIONS": options,
                   "LD_PRELOAD": str(arguments.library)}
    return subprocess.Popen(PROGRAMS[name][0], env=environment, stdin=subprocess.PIPE, text=True, **pipes)


def run(name, arguments, debug):
    """What it ended with and said, and the mode that it ran in."""
    with tempfile.TemporaryDirectory() as folder:
        told = ":".join(filter(None, [debug, f"stats_file={folder}/%p"]))
        process = start(name, arguments, told, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            out, err = process.communicate(PROGRAMS[name][1], timeout=TIME_LIMIT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            err += f"\nno end within {TIME_LIMIT_S} s"
        written = pathlib.Path(folder, str(process.pid))
        mode = re.search("^mode=(.*)$", written.read_text() if written.exists() else "", re.MULTILINE)
    return process.returncode, out, err, mode and mode[1]


def check(arguments):
    failures = 0
    for name in PROGRAMS:
        for debug in MODES:
            code, out, err, mode = run(name, arguments, debug)
            if code != 0 or not out.endswith("done\n") or err or mode != arguments.mode:
                failures += 1
                print(f"FAILED {name} with {debug or 'no mode'}: ended with {code}, in mode {mode}, said {err[-2000:]!r}",
                      file=sys.stderr)
    print(f"{len(PROGRAMS) * len(MODES)} runs, {failures} failures")
    return 0 if failures == 0 else 1


def measure(name, arguments, debug):
    """(CPU seconds, peak MiB) of one run."""
    process = start(name, arguments, debug, stdout=subprocess.DEVNULL)
    process.stdin.write(PROGRAMS[name][1] or "")
    process.stdin.close()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = status
    if status != 0:
        raise SystemExit(f"{name} with {debug} ended with {status}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def costs(arguments):
    print("| mode | " + " | ".join(f"{name}: CPU time | memory" for name in PROGRAMS) + " |")
    print("|---|" + "---|---|" * len(PROGRAMS))
    samples = {}
    for _ in range(arguments.rounds):  # side by side, so that a busy moment is everybody's
        for debug in MODES:
            for name in PROGRAMS:
                samples.setdefault((debug, name), []).append(measure(name, arguments, debug))
    middle = {key: [statistics.median(column) for column in zip(*found)] for key, found in samples.items()}
    for debug in dict.fromkeys(debug for debug, _ in middle):
        cells = []
        for name in PROGRAMS:
            seconds, mebibytes = middle[debug, name]
            base_seconds, base_mebibytes = middle["", name]
            cells += [f"{seconds / base_seconds:.2f} x", f"{mebibytes / base_mebibytes:.2f} x"]
        print(f"| {f'`{debug}`' if debug else 'none'} | " + " | ".join(cells) + " |")
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--library", required=True)
    parser.add_argument("--mode", choices=("rseq", "fallback"), required=True)
    parser.add_argument("--local-lock", choices=("try", "always", "never"), default="try")
    parser.add_argument("--costs", action="store_true")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    return costs(arguments) if arguments.costs else check(arguments)


if __name__ == "__main__":
    sys.exit(main())
