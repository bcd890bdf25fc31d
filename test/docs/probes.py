# SPDX-License-Identifier: Apache-2.0
"""The probes of docs/probes.md are in the library, as gdb finds them.

Usage: probes.py PAGE LIBRARY...
"""

import re
import shutil
import subprocess
import sys


def probes_of(library):
    shown = subprocess.run(["gdb", "--batch", "--nx", "-ex", "info probes stap ^reslab$", library], check=True, timeout=60,
                           capture_output=True, text=True, stdin=subprocess.DEVNULL).stdout
    return set(re.findall(r"^stap +reslab +(\w+) +0x[0-9a-f]+", shown, re.M))


def main():
    page, *libraries = sys.argv[1:]
    rows = re.findall(r"^\| (`.*?) \|", open(page, encoding="utf-8").read(), re.M)
    wanted = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    if len(wanted) < 20 or not libraries:
        sys.exit(f"{page}: no table of probes, or no library")
    if shutil.which("gdb") is None:
        sys.exit(77)
    for library in libraries:
        found = probes_of(library)
        if missing := wanted - found:
            sys.exit(f"{library} has no probe {', '.join(sorted(missing))}; it has {', '.join(sorted(found))}")
        print(f"{library}: {len(wanted)} of {len(found)} probes")


if __name__ == "__main__":
    main()
