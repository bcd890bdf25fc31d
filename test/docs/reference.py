# SPDX-License-Identifier: Apache-2.0
"""doxygen makes the reference of the public headers without a warning.

Usage: reference.py SOURCE
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path


def main():
    source = Path(sys.argv[1])
    if shutil.which("doxygen") is None:
        sys.exit(77)
    with tempfile.TemporaryDirectory(prefix="reslab-doxygen-") as folder:
        settings = (source / "docs/Doxyfile").read_text() + f"\nOUTPUT_DIRECTORY = {folder}\n"
        done = subprocess.run(["doxygen", "-"], input=settings, cwd=source, capture_output=True, text=True, timeout=300)
        if done.returncode != 0 or done.stderr.strip():
            sys.exit(f"doxygen: status {done.returncode}\n{done.stderr[-4000:]}")
        pages = list(Path(folder).rglob("*_8h.html"))
        if len(pages) < 2:
            sys.exit("doxygen made no pages of the headers")
    print(f"{len(pages)} headers")


if __name__ == "__main__":
    main()
