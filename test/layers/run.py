#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The shape of the sources and of the library: `run.py --source DIR [--library FILE] CHECK`.

  includes   no include points to a layer above; checks/tree.py has the layers and the exceptions
  sources    nothing in the core that waits, allocates, or needs a run-time library; every atomic names its order
  lessons    each lesson of docs/lessons.md has a test that says so
  licence    each source file says its licence
  readme     src/README.md lists the layers and the system calls as they are
  symbols    the library asks for a short list of names, none of a C++ runtime, and gives only what is promised
  tls        one line of 64 bytes, initial-exec
  loading    bound at once, never unloaded, no executable stack
  fast-path  malloc, free and their kin run straight to their first return without a frame
  sections   descriptors, signatures and commits of the restartable sections
  hooks      each hook is a NOP of its own, and those of the sources are all there
"""

import argparse
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(HERE))

from checks import binary, elf, includes, lessons, licence, readme, restartable, sources  # noqa: E402


def symbols(library, own):
    return binary.symbols(library) + binary.exports(library, own)


SOURCE_CHECKS = {"includes": includes.check, "sources": sources.check, "readme": readme.check,
                 "lessons": lessons.check, "licence": licence.check}
LIBRARY_CHECKS = {
    "symbols": lambda library, root, own: symbols(library, own),
    "tls": lambda library, root, own: binary.tls(library),
    "loading": lambda library, root, own: binary.loading(library),
    "fast-path": lambda library, root, own:
        binary.fast_path(library, {name for name in binary.FAST_PATHS if not own or name.startswith("reslab_")}),
    "sections": lambda library, root, own: restartable.check(library),
    "hooks": lambda library, root, own: binary.hooks(library, root),
}


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--source", type=pathlib.Path, required=True, help="the checkout")
    parser.add_argument("--library", type=pathlib.Path, help="the library, for the checks that look at one")
    parser.add_argument("--own-names", action="store_true", help="it is the form without the malloc names")
    parser.add_argument("check", choices=[*SOURCE_CHECKS, *LIBRARY_CHECKS])
    arguments = parser.parse_args()
    if arguments.check in LIBRARY_CHECKS and arguments.library is None:
        parser.error(f"{arguments.check} needs --library")
    if arguments.library is not None and not arguments.library.is_file():
        parser.error(f"there is no library {arguments.library}")
    return arguments


def main():
    arguments = parse_arguments()
    root = arguments.source.resolve()
    if arguments.check in SOURCE_CHECKS:
        problems = SOURCE_CHECKS[arguments.check](root)
    else:
        found = LIBRARY_CHECKS[arguments.check](elf.Library(arguments.library), root, arguments.own_names)
        problems = [f"{arguments.library.name}: {problem}" for problem in found]
    for problem in problems:
        print(problem)
    print(f"{arguments.check}: {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
