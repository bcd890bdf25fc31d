# SPDX-License-Identifier: Apache-2.0
"""doxygen makes the reference of the public headers without a warning: each declaration is documented, with each of its
parameters and its result. It warns of those that are not.

Usage: reference.py SOURCE
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

# What follows the prose of a header that is not documented as it should be, and doxygen's complaint.
INCOMPLETE = {
    "void reslab_silent(void);": "Member reslab_silent(void) (function)",
    "/* Does nothing. */\nvoid reslab_unnamed(int size);": "parameters of member reslab_unnamed",
    "/* Stores `size`. */\nvoid reslab_half(int size, int flags);": "parameter of reslab_half",
    "/* Stores `size`. */\nint reslab_untold(int size);": "return type of member reslab_untold",
    "/* A structure. */\nstruct reslab_bare { int size; };": "Member size (variable)",
}


def doxygen(source, folder, **more):
    settings = {"OUTPUT_DIRECTORY": folder} | more
    return subprocess.run(["doxygen", "-"], cwd=source, capture_output=True, text=True, timeout=300,
                          input=(source / "docs/Doxyfile").read_text() + "".join(f"\n{k} = {v}" for k, v in settings.items()))


def complains(source, folder):
    """Of what is missing, all of it."""
    headers = Path(folder) / "incomplete"
    headers.mkdir()
    (headers / "incomplete.h").write_text(
        "/* SPDX-License-Identifier: Apache-2.0 */\n/* Not what a header should be. */\n#ifndef RESLAB_INCOMPLETE_H\n\n"
        + "\n\n".join(INCOMPLETE) + "\n\n#endif\n")
    done = doxygen(source, folder, INPUT=headers)
    if done.returncode == 0:
        yield "it fails"
    yield from (said for said in INCOMPLETE.values() if said not in done.stderr)


def main():
    source = Path(sys.argv[1])
    if shutil.which("doxygen") is None:
        sys.exit(77)
    with tempfile.TemporaryDirectory(prefix="reslab-doxygen-") as folder:
        done = doxygen(source, folder)
        if done.returncode != 0 or done.stderr.strip():
            sys.exit(f"doxygen: status {done.returncode}\n{done.stderr[-4000:]}")
        pages = {path.name for path in Path(folder).rglob("*_8h*.html")}
        missing = [path.name for path in (source / "include/reslab").iterdir()
                   if path.name.replace(".", "_8") + ".html" not in pages]
        if missing or not pages:
            sys.exit(f"doxygen made no pages of the headers {missing}")
        if unseen := list(complains(source, folder)):
            sys.exit(f"of a header that is not documented doxygen does not say: {', '.join(unseen)}")
    print(f"{len(pages)} pages of headers")


if __name__ == "__main__":
    main()
