# SPDX-License-Identifier: Apache-2.0
"""A mutant: one breakage of the library, from a file breakages/NAME.toml.

    file      the source file that is broken, from the root of the checkout
    search    text that occurs in it exactly once; how its lines are broken does not matter
    replace   what stands there in the mutant
    rules     numbers of the rules that are broken
    why       what goes wrong with it
    catcher   the program catch/CATCHER.cc that must fail on it; one that has harnesses may do without
    modes     in which of the modes it must

Each table [[harness]], if there are any, names what else must fail on it:

    run       a test harness, as a path below test/ of the build directory, and its arguments
    says      a regular expression for the first line of what the harness says: it must fail for the right reason
    modes     in which of the mutant's modes; all, if it does not say
"""

import dataclasses
import re
import tomllib

MODES = ("rseq", "fallback")


class BadMutant(Exception):
    pass


@dataclasses.dataclass(frozen=True)
class Harness:
    run: tuple
    says: str
    modes: tuple


@dataclasses.dataclass(frozen=True)
class Mutant:
    name: str
    file: str
    search: str
    replace: str
    rules: tuple
    why: str
    catcher: str | None
    modes: tuple
    harnesses: tuple

    def apply(self, tree):
        """Breaks the copy of the sources in the folder `tree`."""
        path = tree / self.file
        if not path.is_file():
            raise BadMutant(f"{self.name}: there is no file {self.file}")
        path.write_text(self.broken(path.read_text()))

    def broken(self, text):
        """The text of its file, broken."""
        found = list(re.finditer(r"\s+".join(map(re.escape, self.search.split())), text))
        if len(found) != 1:
            raise BadMutant(f"{self.name}: its text occurs {len(found)} times, not once, in {self.file}: "
                            "a mutant must follow the changes of the sources")
        return text[:found[0].start()] + self.replace + text[found[0].end():]


def load(path):
    with path.open("rb") as file:
        fields = tomllib.load(file)
    harnesses = fields.pop("harness", [])
    wanted = {field.name for field in dataclasses.fields(Mutant)} - {"name", "harnesses"}
    if harnesses:
        fields.setdefault("catcher", None)
    if set(fields) != wanted:
        raise BadMutant(f"{path.name}: has the fields {sorted(fields)}, not {sorted(wanted)}")
    if not fields["modes"] or not set(fields["modes"]) <= set(MODES):
        raise BadMutant(f"{path.name}: modes are some of {MODES}")
    if fields["search"] == fields["replace"]:
        raise BadMutant(f"{path.name}: changes nothing")
    for field in ("rules", "modes"):
        fields[field] = tuple(fields[field])
    # The line break before the closing quotes belongs to the file's form, not to the text.
    for field in ("search", "replace"):
        fields[field] = fields[field].removesuffix("\n")
    harnesses = tuple(load_harness(path, table, fields["modes"]) for table in harnesses)
    return Mutant(name=path.stem, harnesses=harnesses, **fields)


def load_harness(path, fields, modes):
    fields = {"modes": modes, **fields}
    if set(fields) != {"run", "says", "modes"} or not set(fields["modes"]) <= set(modes):
        raise BadMutant(f"{path.name}: its harness has the fields {sorted(fields)}, or modes that are not the mutant's")
    return Harness(run=tuple(fields["run"]), says=fields["says"], modes=tuple(fields["modes"]))


def load_all(folder):
    return [load(path) for path in sorted(folder.glob("*.toml"))]
