# SPDX-License-Identifier: Apache-2.0
"""docs/options.md lists the options of src/base/options.def, in their order, with their defaults and help.

Usage: options_page.py SOURCE [--write]
"""

import re
import sys
from pathlib import Path

HEAD = """# Options

`RESLAB_OPTIONS="name=value:name=value"` in the environment, read when the process first allocates; ignored in set-uid
programs. What is unknown, or no value of its option, is reported and ignored; of a name given twice the last value counts; a
text has at most 255 bytes and ends at the next `:`. `RESLAB_OPTIONS=help` prints this list, `reslab info` the options of a
running process.

Sizes take `k`, `m` and `g`; a flag's bare name switches it on. What is called live a program may set at any time by
`reslab_option_set`.

| option | default | values | what it does |
|---|---|---|---|
"""


def size(text):
    number, shift = re.fullmatch(r"(\d+)(?: << (\d+))?", text).groups()
    value = int(number) << int(shift or 0)
    for suffix, bits in (("g", 30), ("m", 20), ("k", 10)):
        if value and value % (1 << bits) == 0:
            return f"{value >> bits}{suffix}"
    return str(value)


def rows(table):
    for kind, name, rest in re.findall(r"^(CHOICE|FLAG|NUMBER|TEXT)\((\w+), (.*)\)$", table, re.M):
        live = "; live" if "kLive," in rest else ""
        words = re.findall(r'"((?:[^"\\]|\\.)*)"', rest)
        if kind == "CHOICE":
            default, values, help_text = words[0], words[1].replace("|", ", "), words[2]
        elif kind == "FLAG":
            default, values, help_text = rest.split(",")[0], "0, 1" + live, words[0]
        elif kind == "NUMBER":
            default, values, help_text = size(rest.split(",")[0]), words[0] + live, words[1]
        else:
            default, values, help_text = words[0] or "none", "text", words[1]
        yield f"| `{name}` | {default} | {values} | {help_text} |\n"


def main():
    root = Path(sys.argv[1])
    made = HEAD + "".join(rows((root / "src/base/options.def").read_text()))
    page = root / "docs/options.md"
    if "--write" in sys.argv:
        page.write_text(made)
    elif not page.is_file() or page.read_text() != made:
        sys.exit("docs/options.md is not what src/base/options.def says: test/docs/options_page.py SOURCE --write")
    if made.count("\n") < 20:
        sys.exit("hardly an option was found")


if __name__ == "__main__":
    main()
