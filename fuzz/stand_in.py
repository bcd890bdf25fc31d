# SPDX-License-Identifier: Apache-2.0
"""What libFuzzer does as far as `./dev fuzz` sees it, for runs_test.py: stand_in.py ENDS OPTION... CORPUS...

ENDS in good order; finds an input, which it leaves where it is told to, and aborts; finds one in one mode alone; runs
nothing; or hangs.
"""

import os
import signal
import sys
import time
from pathlib import Path


def main():
    ends, *rest = sys.argv[1:]
    options = dict(word[1:].split("=", 1) for word in rest if word.startswith("-"))
    corpora = [Path(word) for word in rest if not word.startswith("-")]
    mode = os.environ["RESLAB_TEST_MODE"]
    wanted = f"mode={mode}" + (":guard=1:profile=4k" if ends == "with-options" else "")
    if os.environ["RESLAB_OPTIONS"] != wanted or not all(path.is_dir() for path in corpora) or len(corpora) != 2:
        sys.exit("another mode than the one announced, or no corpus to add to and one to begin with")
    if ends == "nothing":
        return
    print("#3\tINITED cov: 41 ft: 42 corp: 1/1b exec/s: 0 rss: 30Mb", flush=True)
    time.sleep(2 if ends == "good" else 0)  # seen at work
    if ends == "hang":
        time.sleep(3600)
    if ends == "found" or (ends == "found-in-fallback" and mode == "fallback"):
        Path(options["artifact_prefix"] + "crash-1").write_text("an input")
        print("fuzz: violated: something", flush=True)
        os.kill(os.getpid(), signal.SIGABRT)
    (corpora[0] / f"new-{mode}").write_text("added")
    print("#7\tDONE   cov: 43 ft: 44 corp: 2/2b exec/s: 1 rss: 30Mb\nstat::number_of_executed_units: 7")


if __name__ == "__main__":
    main()
