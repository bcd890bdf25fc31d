"""gdb's commands see the heap that the program sees, and their list of words is that of the image.

Usage: gdb_commands.py SCRIPT IMAGE_DEF RESTING MODE
"""

import re
import shutil
import subprocess
import sys

from support import Target, fail


def main():
    script, words, resting, mode = sys.argv[1:]
    listed = re.search(r'WORDS = """(.*?)"""', open(script).read(), re.S).group(1).split()
    made = re.findall(r"^WORD\((\w+),", open(words).read(), re.M)
    if listed != made or len(made) < 50:
        fail(f"the words of {script} are not those of {words}")
    if shutil.which("gdb") is None:
        sys.exit(77)
    with Target([resting], mode) as target:
        window = "*(unsigned long *)(*(unsigned long *)&reslab_image + 24 + 8 * %d)" % made.index("window_at")
        done = subprocess.run(["gdb", "--batch", "--nx", "-p", target.pid, "-ex", f"source {script}", "-ex", "reslab heap",
                               "-ex", f"reslab where {window} + 65536 + 5", "-ex", "reslab where 0",
                               "-ex", "reslab unit 1"],
                              capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
        rows = re.findall(r"^ *\d+ +(\d+) +(\d+) +(\d+) +(\d+)$", done.stdout, re.M)
        if f"mode {mode}," not in done.stdout or len(rows) < 10:
            fail("reslab heap", done.stdout + done.stderr)
        for size, slabs, objects, free in rows:
            said = {name: target.said.get(f"class.{size}.{name}") for name in ("capacity", "free_in_slabs")}
            if said != {"capacity": int(objects), "free_in_slabs": int(free)}:
                fail(f"class of {size} bytes: gdb sees {objects} objects, {free} free", str(said))
        for wanted in ("byte 5 of object 0 of", "no memory of reslab's", "unit 1 at 0x"):
            if wanted not in done.stdout:
                fail(f"no '{wanted}'", done.stdout + done.stderr)
    print(f"{len(rows)} classes")


if __name__ == "__main__":
    main()
