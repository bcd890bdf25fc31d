# SPDX-License-Identifier: Apache-2.0
"""`reslab info` of a process under full load: never an error, and figures that add up; `check` finds nothing there.

Usage: info.py UNSTOPPED RESLAB BUSY MODE RUNS
"""

import sys

from support import Command, Target, fail, require_sums


def main():
    unstopped, path, busy, mode, runs = sys.argv[1:]
    reslab = Command(unstopped, path)
    overcounted = 0
    with Target([busy], mode) as target:
        for run in range(int(runs)):
            survey = reslab.survey(target.pid)
            require_sums(survey)
            overcounted = max(overcounted, survey["memory"]["overcounted"])
            if survey["mode"] != mode or survey["options"]["mode"] != mode:
                fail(f"it ran in mode {survey['mode']}, not {mode}")
            if survey["memory"]["live"] + survey["memory"]["live_runs"] == 0 or survey["counters"]["allocs"] == 0:
                fail("nothing is alive under full load")
            if run % 5 == 0:
                reslab.succeed("check", target.pid)
        if target.process.poll() is not None:
            fail(f"the process that was looked at ended with {target.process.returncode}")
    print(f"{runs} looks, at most {overcounted} bytes on their way")


if __name__ == "__main__":
    main()
