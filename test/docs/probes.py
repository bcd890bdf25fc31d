# SPDX-License-Identifier: Apache-2.0
"""The probes of docs/probes.md are in the library, as gdb finds them.

Usage: probes.py LIBRARY PAGE
"""

import re
import shutil
import subprocess
import sys


def main():
    library, page = sys.argv[1:]
    rows = re.findall(r"^\| (`.*?) \|", open(page, encoding="utf-8").read(), re.M)
    wanted = [name for row in rows for name in re.findall(r"`(\w+)`", row)]
    if len(wanted) < 20:
        sys.exit(f"{page}: no table of probes")
    if shutil.which("gdb") is None:
        sys.exit(77)
    shown = subprocess.run(["gdb", "--batch", "--nx", "-ex", "info probes stap ^reslab$", library], capture_output=True, text=True,
                           timeout=60, stdin=subprocess.DEVNULL, check=True).stdout
    found = dict(re.findall(r"^stap +reslab +(\w+) +(0x[0-9a-f]+)", shown, re.M))
    missing = [name for name in wanted if name not in found]
    if missing:
        sys.exit(f"{library} has no probe {', '.join(missing)}\n{shown}")
    print(f"{len(wanted)} of {len(found)} probes")


if __name__ == "__main__":
    main()
