# SPDX-License-Identifier: Apache-2.0
"""A mutant: one breakage of the library, from a file breakages/NAME.toml.

    file      the source file that is broken, from the root of the checkout
    search    text that occurs in it exactly once; how its lines are broken does not matter
    replace   what stands there in the mutant
    rules     numbers of the rules that are broken
    why       what goes wrong with it
    catcher   the program catch/CATCHER.cc that must fail on it
    modes     in which of the modes it must
"""

import dataclasses
import re
import tomllib

MODES = ("rseq", "fallback")


class BadMutant(Exception):
    pass


@dataclasses.dataclass(frozen=True)
class Mutant:
    name: str
    file: str
    search: str
    replace: str
    rules: tuple
    why: str
    catcher: str
    modes: tuple

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
    wanted = {field.name for field in dataclasses.fields(Mutant)} - {"name"}
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
    return Mutant(name=path.stem, **fields)


def load_all(folder):
    return [load(path) for path in sorted(folder.glob("*.toml"))]
