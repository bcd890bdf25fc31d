# SPDX-License-Identifier: Apache-2.0
"""Writes the sections as a mutant has them.

Usage: break_sections.py MUTANTS NAME SOURCE TARGET, where MUTANTS is the folder test/mutants
"""

import sys
from pathlib import Path


def main():
    mutants, name, source, target = sys.argv[1:]
    sys.path.insert(0, mutants)
    from harness import mutant
    Path(target).write_text(mutant.load(Path(mutants) / "breakages" / f"{name}.toml").broken(Path(source).read_text()))


if __name__ == "__main__":
    main()
