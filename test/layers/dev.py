# SPDX-License-Identifier: Apache-2.0
"""What ./dev is asked for wrongly it names, and does nothing: dev.py DEV."""

import subprocess
import sys

WRONG = [
    (["nonsense"], "there is no command 'nonsense'"),
    (["test", "half"], "usage: ./dev test"),
    (["test", "quick", "gcc"], "usage: ./dev test"),
    (["test", "full", "gcc", "nonsense"], "there is no part 'nonsense' of full; there are: gcc clang"),
    (["test", "full", "gcc clang"], "there is no part 'gcc clang' of full"),
]


def main():
    for arguments, words in WRONG:
        done = subprocess.run([sys.argv[1], *arguments], capture_output=True, text=True, timeout=20, check=False)
        if done.returncode == 0 or done.stdout or words not in done.stderr or len(done.stderr.splitlines()) != 1:
            sys.exit(f"./dev {' '.join(arguments)}: status {done.returncode}\n{done.stdout}{done.stderr}")


if __name__ == "__main__":
    main()
