#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The table of docs/schedules.md: how many schedules each case has, where all were played.

table.py PROGRAM [CASE...]   plays them all, in both modes; with two threads, then with three
table.py --log FILE...       from what the program has said earlier
"""
import os
import re
import subprocess
import sys

LINE = re.compile(
    r"(?P<case>\w+)/(?P<mode>\w+): up to (?P<bound>\d+) preemptions, (?P<threads>\d) threads, 1 times: "
    r"(?P<schedules>\d+) schedules(?P<all> \(all\))?, (?P<merged>\d+) merged, (?P<states>\d+) states, "
    r"(?P<ends>\d+) ends, deepest (?P<deepest>\d+), [\d.]+ s, (?P<cpu>[\d.]+) s of CPU"
)


def play(program, cases):
    names = cases or [line.split()[0] for line in subprocess.check_output([program, "--list"], text=True).splitlines()]
    for mode in ("rseq", "fallback"):
        environment = dict(os.environ, RESLAB_OPTIONS=f"mode={mode}")
        for name in names:
            command = [program, "--mode", mode, "--case", name, "--full", "--limit", "3600"]
            yield from subprocess.run(command, env=environment, text=True, stdout=subprocess.PIPE).stdout.splitlines()


def main():
    if sys.argv[1:2] == ["--log"]:
        lines = (line for name in sys.argv[2:] for line in open(name))
    elif len(sys.argv) > 1:
        lines = play(sys.argv[1], sys.argv[2:])
    else:
        sys.exit(__doc__)
    print("| case | threads | mode | bound | schedules | states | ends | deepest | CPU seconds |")
    print("|---|---|---|---|---|---|---|---|---|")
    rows = {}
    for match in filter(None, map(LINE.match, lines)):
        row = match.groupdict()
        if row["all"]:
            rows[row["case"], row["threads"], row["mode"]] = row
    for row in rows.values():
        print(f"| `{row['case']}` | {row['threads']} | {row['mode']} | {row['bound']} | {int(row['schedules']):,} "
              f"| {int(row['states']):,} | {row['ends']} | {row['deepest']} | {row['cpu']} |")


if __name__ == "__main__":
    main()
