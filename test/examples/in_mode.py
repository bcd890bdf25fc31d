# SPDX-License-Identifier: Apache-2.0
"""An example that judges itself, in the mode that it is to run in.

Usage: in_mode.py LIBRARY MODE PROGRAM [ARGUMENT...]
"""

import sys

from harness import Reslab, require_success, run

SECONDS = 60
LEAST_ALLOCATIONS = 100


def main():
    library, mode, *command = sys.argv[1:]
    reslab = Reslab(library, mode)
    pid, code, output, errors = run(command, reslab.environment(), SECONDS)
    print(output, end="")
    require_success(command, code, output + errors)
    reslab.require_mode(pid, LEAST_ALLOCATIONS)


if __name__ == "__main__":
    main()
