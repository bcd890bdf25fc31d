# SPDX-License-Identifier: Apache-2.0
"""The mutant in the form in which the library ships, for the test harnesses, which meson has built.

What is not of the mutant is not made again: of a build directory this compiles the objects that depend on the broken
file, by the commands that the directory has for them, and links the library, or the program that has the core in it,
from these and from the objects that are there.
"""

import contextlib
import hashlib
import os
import pathlib
import shlex
import shutil
import subprocess
import threading

from . import build

CORE = "src/libreslab-core.a"
PROGRAMS = "test"  # where the harnesses lie in the build directory
WRITES_DEPENDENCIES = {"-MD": 1, "-MQ": 2, "-MF": 2}  # arguments, with their own: those files are the build directory's


def words(program, *arguments, folder):
    done = subprocess.run([program, *arguments], cwd=folder, capture_output=True, text=True)
    if done.returncode != 0:
        lines = [line for line in (done.stderr or done.stdout).splitlines() if "error" in line or "undefined" in line]
        raise build.BuildFailed((lines or [f"{program} {arguments[0]} fails"])[0])
    return done.stdout


class Rules:
    """How each file of the build directory is made: compiled, linked, or put together of others."""

    def __init__(self, folder, targets):
        self.compiled, self.linked, self.archives = {}, {}, {}
        for line in words("ninja", "-t", "commands", *targets, folder=folder).splitlines():
            command = shlex.split(line)
            if command[:2] == ["rm", "-f"]:
                self.archives[command[2]] = [word for word in command if word.endswith(".o")]
            elif "-c" in command:
                self.compiled[command[command.index("-o") + 1]] = command
            elif "-o" in command:
                self.linked[command[command.index("-o") + 1]] = command

    def objects_of(self, target):
        """Those that are linked into the target itself, not those of libraries that it loads."""
        found = set()
        for word in self.linked[target]:
            found.update(self.archives.get(word, [word] if word in self.compiled else []))
        return found

    def libraries_of(self, target):
        return [word for word in self.linked[target] if word in self.linked and word != target]


class ShippedBuild:
    def __init__(self, folder, source, cache, programs):
        self.folder, self.source, self.cache = folder, source, cache
        cache.mkdir(parents=True, exist_ok=True)
        self.rules = Rules(folder, sorted({self.target(program) for program in programs}))
        self.files = self._read_dependencies()
        self.used = set()

    @staticmethod
    def target(program):
        return f"{PROGRAMS}/{program}"

    def program(self, program):
        return self.folder / self.target(program)

    def _read_dependencies(self):
        """The files that each object was compiled from."""
        found, names = {}, None
        for line in words("ninja", "-t", "deps", folder=self.folder).splitlines():
            if line.startswith(" "):
                names.add(os.path.normpath(self.folder / line.strip()))
            elif ": #deps" in line:
                names = found.setdefault(line.split(": #deps")[0], set())
        return found

    def make(self, mutant, program, folder):
        """The program to run on the mutant, and the folder of its libraries, if any: made below `folder`."""
        place = folder / f"{mutant.name}-{pathlib.Path(program).name}"
        tree = place / "tree"
        for part in ("src", "include"):
            shutil.copytree(self.source / part, tree / part)
        (tree / "test").symlink_to(self.source / "test")
        mutant.apply(tree)
        broken = str(self.source / mutant.file)
        target = self.target(program)
        libraries = place / "lib"
        libraries.mkdir()
        own = self._changed(target, broken)
        for library in self.rules.libraries_of(target):
            changed = self._changed(library, broken)
            if changed:
                self._link(library, {name: self._compile(name, tree) for name in changed}, libraries)
                own = own or set()
        if not own and not any(libraries.iterdir()):
            raise build.BuildFailed(f"nothing in {program} is compiled from {mutant.file}")
        if not own:
            return self.program(program), libraries
        return self._link(target, {name: self._compile(name, tree) for name in own}, place), libraries

    def _changed(self, target, broken):
        return {name for name in self.rules.objects_of(target) if broken in self.files.get(name, ())}

    def _moved(self, word, tree):
        """The same argument of a compilation, for the copy of the sources."""
        flag = "-I" if word.startswith("-I") else ""
        path = os.path.normpath(self.folder / word[len(flag):])
        inside = path.startswith(f"{self.source}/") and not f"{path}/".startswith(f"{self.folder}/")
        if word.startswith("-") and not flag or not inside:
            return word
        return flag + str(tree / os.path.relpath(path, self.source))

    def _compile(self, name, tree):
        command, words_left = [], iter(self.rules.compiled[name])
        for word in words_left:
            if word not in WRITES_DEPENDENCIES:
                command.append(word)
            elif WRITES_DEPENDENCIES[word] == 2:
                next(words_left)
        kept = self.cache / f"{self._digest(name, command, tree)}.o"
        self.used.add(kept)
        if not kept.exists():
            partial = kept.with_suffix(f".{os.getpid()}-{threading.get_ident()}.tmp")
            command = [self._moved(word, tree) for word in command]
            command[command.index("-o") + 1] = str(partial)
            words(*command, "-w", folder=self.folder)
            partial.replace(kept)
        return kept

    def _digest(self, name, command, tree):
        digest = hashlib.sha256("\0".join(command).encode())
        for file in sorted(self.files[name]):
            if file.startswith(f"{self.source}/"):
                inside = os.path.relpath(file, self.source)
                with contextlib.suppress(FileNotFoundError):  # what is made in a build directory below the sources
                    digest.update(b"\0" + inside.encode() + b"\0" + (tree / inside).read_bytes())
        return digest.hexdigest()[:32]

    def _link(self, target, changed, place):
        made = place / pathlib.Path(target).name
        command = []
        for word in self.rules.linked[target]:
            members = self.rules.archives.get(word, [word])
            command += [str(changed.get(name, name)) for name in members] if changed.keys() & set(members) else [word]
        command[command.index("-o") + 1] = str(made)
        words(*command, folder=self.folder)
        return made

    def forget_unused(self):
        for kept in set(self.cache.glob("*.o")) - self.used:
            kept.unlink()
