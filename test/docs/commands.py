# SPDX-License-Identifier: Apache-2.0
"""The commands that README, the documents and the manual name are there and take the arguments that are shown: ./dev's and
reslab's, in blocks and in the middle of a sentence.

None of them does its work here. What ./dev's commands do first is to look at their arguments, then they call `need`, which
installs packages: in a copy of them that is where they end. reslab has status 2 for arguments that it does not take, and
another one for a process that is none of its own.

Usage: commands.py SOURCE RESLAB
"""

import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

BLOCK = re.compile(r"^```.*?^```", re.M | re.S)
# A line of a block, without a remark and what it is piped into; `./dev test` in a sentence.
IN_BLOCK = re.compile(r"^(?:[A-Z_]+=\S+ )*((?:\./dev|reslab) .+?)(?: {2,}#.*| (?:2>|[|&]).*)?$", re.M)
IN_SENTENCE = re.compile(r"`((?:\./dev|reslab) [^`\n]+)`")
# What stands for something of the reader's own, or would take long.
MEANT = {"COMMAND": "help", "KIND": "micro", "MINUTES": "1", "PID": "1", "$!": "1", "CORE": "no-core", "FILE": "no-file",
         "OLDER": "no-file", "60": "1"}
# Commands of gdb, which has a `reslab` of its own: test/tools/gdb_commands.py.
OF_GDB = ("where", "unit")


def pages(source):
    listed = subprocess.run(["git", "ls-files", "*.md"], cwd=source, capture_output=True, text=True, timeout=30)
    found = [source / name for name in listed.stdout.split()] if listed.returncode == 0 else []
    return found or [source / "README.md", *sorted((source / "docs").glob("*.md"))]


def commands_of(page):
    """Each as (line, words)."""
    text = page.read_text()
    blocks = [(block.start(), block[0]) for block in BLOCK.finditer(text)]
    sentences = BLOCK.sub(lambda block: re.sub(r"[^\n]", " ", block[0]), text)
    for form, start, piece in [(IN_SENTENCE, 0, sentences), *((IN_BLOCK, *block) for block in blocks)]:
        for match in form.finditer(piece):
            words = [MEANT.get(word, word) for word in shlex.split(match[1])]
            yield text.count("\n", 0, start + match.start()) + 1, words


def copy_of_dev(source, folder):
    """./dev without what its commands do once they know what is asked of them."""
    lists = "test_packages=() build_packages=() bench_packages=() lint_packages=()"
    shutil.copytree(source / "tools/dev", folder / "tools/dev")
    shutil.copy(source / "dev", folder)
    (folder / "tools/dev/lib/packages.sh").write_text(lists + "\nneed() { exit 0; }\n")
    return folder / "dev"


def is_taken(words, programs, folder):
    if words[0] == "reslab" and words[1] in OF_GDB:
        return True
    is_only_named = len(words) == 2 and words[0] == "reslab"
    refused = (2,) if words[0] == "reslab" else range(1, 256)
    done = subprocess.run([programs[words[0]], *words[1:], *(["--help"] if is_only_named else [])], cwd=folder,
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
    return done.returncode not in refused


def main():
    source, reslab = (Path(path).resolve() for path in sys.argv[1:])
    with tempfile.TemporaryDirectory(prefix="reslab-commands-") as name:
        folder = Path(name)
        programs = {"./dev": copy_of_dev(source, folder), "reslab": reslab}
        for wrong in ("./dev tests", "./dev test slow", "reslab hep 1", "reslab heap 1 --bogus"):
            if is_taken(wrong.split(), programs, folder):
                sys.exit(f"'{wrong}' would be taken for a command")
        named = {(page, line, tuple(words)) for page in pages(source) for line, words in commands_of(page)}
        known = {words: is_taken(words, programs, folder) for words in {words for _, _, words in named}}
    refused = [f"{page.relative_to(source)}:{line}: there is no '{' '.join(words)}'"
               for page, line, words in sorted(named) if not known[words]]
    print(f"{len(named)} commands, {len(known)} of them different")
    if refused or len(known) < 20:
        sys.exit("\n".join(refused) or "hardly a command was found")


if __name__ == "__main__":
    main()
