# SPDX-License-Identifier: Apache-2.0
"""gdb's commands see the heap that the program sees, their list of words is that of the image, and gdb prints handles and
the library's own structures.

Usage: gdb_commands.py SCRIPT IMAGE_DEF RESTING OWNERS PRINTED PROFILED MODE
"""

import re
import shutil
import subprocess
import sys

from support import Target, fail


def ask(script, target, *commands):
    done = subprocess.run(["gdb", "--batch", "--nx", "-p", target.pid, "-ex", f"source {script}",
                           *(word for command in commands for word in ("-ex", f"reslab {command}"))],
                          capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
    return done.stdout + done.stderr


def require_heap(said, text, mode):
    """Classes by their names, and large blocks."""
    rows = re.findall(r"^ *\d+ +(\d+) +\d+ +(\d+) +(\d+)(?:  (.+))?$", text, re.M)
    if f"mode {mode}," not in text or len(rows) < 10:
        fail("reslab heap", text)
    for size, objects, free, name in rows:
        known = {figure: said.get(f"class.{name or size}.{figure}") for figure in ("capacity", "free_in_slabs")}
        if known != {"capacity": int(objects), "free_in_slabs": int(free)}:
            fail(f"class {name or size}: gdb sees {objects} objects, {free} free", str(known))
    large = f"large blocks: {said['class.runs.slabs_full']} of {said['class.runs.capacity']} units"
    require_words(text, large)
    return len(rows)


def require_words(text, *wanted):
    for words in wanted:
        if words not in text:
            fail(f"no '{words}'", text)


def look_at_resting(script, target, mode, window_word):
    window = f"*(unsigned long *)(*(unsigned long *)&reslab_image + 24 + 8 * {window_word})"
    text = ask(script, target, "heap", f"where {window} + 65536 + 5", "where 0", "unit 1")
    require_words(text, "byte 5 of object 0 of", "no memory of reslab's", "unit 1 at 0x")
    return require_heap(target.said, text, mode)


def look_at_owners(script, target, mode):
    text = ask(script, target, "heap", *(f"where {target.said['address.' + kind]} + {offset}"
                                         for kind, offset in (("charged", 1), ("charged_run", 0), ("typed", 2))))
    require_words(text, "of 48 bytes of charged 48, slab", "handed out, or cached, charged to group 1, tenant",
                  "a large block begins here, charged to group 1, tenant", "of 40 bytes of session, slab")
    return require_heap(target.said, text, mode)


def look_at_profiled(script, target):
    text = ask(script, target, f"where {target.said['address.large']}")
    require_words(text, "a large block begins here, sampled; allocated by", "keep_large", "main")


PRINTED = {
    "empty_stack": "empty, operation 0",
    "stack": "index 7 on top, operation 1",
    "slab": "class 5, generation 3, listed, 11 free",
    "run": "generation 2, a large block of 6 units",
    "nothing": "no slab, generation 0",
    "block": "in the depot, 63 objects of class 4, next 8",
    "identity": "class 4, generation 9",
    "runs": "units: 5 at 40",
    "free_lock": "free",
    "held_lock": "held by thread 5, frame 0x7ff0",
    "cache": "cache session, objects of 40 bytes",
    "group": "group 1, tenant",
}


def look_at_printed(script, printed, mode):
    commands = [f"source {script}", f"set environment RESLAB_OPTIONS mode={mode}",
                f"set environment RESLAB_TEST_MODE {mode}", "break all_is_made", "run",
                *(f"print {name}" for name in PRINTED)]
    done = subprocess.run(["gdb", "--batch", "--nx", *(word for command in commands for word in ("-ex", command)), printed],
                          capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
    shown = re.findall(r"^\$\d+ = (.*)$", done.stdout, re.M)
    if len(shown) != len(PRINTED):
        fail("not all is printed", done.stdout + done.stderr)
    for (name, wanted), words in zip(PRINTED.items(), shown):
        if wanted not in words:
            fail(f"{name} is printed as '{words}', without '{wanted}'", done.stdout + done.stderr)


def main():
    script, words, resting, owners, printed, profiled, mode = sys.argv[1:]
    listed = re.search(r'WORDS = """(.*?)"""', open(script).read(), re.S).group(1).split()
    made = re.findall(r"^WORD\((\w+),", open(words).read(), re.M)
    if listed != made or len(made) < 50:
        fail(f"the words of {script} are not those of {words}")
    if shutil.which("gdb") is None:
        sys.exit(77)
    with Target([resting], mode) as target:
        classes = look_at_resting(script, target, mode, made.index("window_at"))
    with Target([owners], mode) as target:
        classes += look_at_owners(script, target, mode)
    with Target([profiled], mode, options=":profile=16k") as target:
        look_at_profiled(script, target)
    look_at_printed(script, printed, mode)
    print(f"{classes} classes")


if __name__ == "__main__":
    main()
