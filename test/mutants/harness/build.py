# SPDX-License-Identifier: Apache-2.0
"""Builds catching programs from a copy of the sources, compiling only what is new.

An object is kept under a name made of everything it depends on: compiler, flags, and the text of the source and of all
that it includes. A mutant of a .cc file costs one compilation; of a header, one for each file that includes it.
"""

import concurrent.futures
import hashlib
import os
import pathlib
import re
import shutil
import subprocess

OUTSIDE_CORE = {"malloc"}  # the names that a preload library takes over: the programs keep libc's malloc
COPIED = {"src": "src", "include": "include", "test/mutants/catch": "catch", "test/support": "support"}
LIBRARY_TESTS = {"hooks_test.cc"}


class BuildFailed(Exception):
    pass


def is_of_rcu(catcher):
    return catcher.startswith("rcu_")


def core_flags(source):
    """The flags of the core, as src/meson.build has them."""
    text = (source / "src/meson.build").read_text()
    flags = [flag for group in re.findall(r"^\s*core_args \+?= \[(.*?)\]", text, re.M | re.S)
             for flag in re.findall(r"'([^']*)'", group)]
    if "-mno-red-zone" not in flags:
        raise BuildFailed("src/meson.build no longer says core_args = [...] in a form that is understood here")
    return [flag for flag in flags if not flag.startswith("-W")]


def copy_tree(source, tree):
    for origin, place in COPIED.items():
        shutil.copytree(source / origin, tree / place)
    (tree / "src/reslab_version.h").write_text('#define RESLAB_VERSION "mutant"\n')


class Builder:
    def __init__(self, source, cache, compiler):
        self.compiler = compiler
        self.cache = cache
        self.flags = ["-std=c++20", "-O2", "-fPIC", "-w", *core_flags(source),
                      "-Isrc", "-Iinclude", "-Icatch", "-Isupport"]
        version = subprocess.run([compiler, "--version"], capture_output=True, text=True, check=True).stdout
        self.identity = "\0".join([version, *self.flags])
        self.dependencies = {}
        self.used = set()
        cache.mkdir(parents=True, exist_ok=True)

    def learn(self, tree):
        """Finds out, once and from sound sources, what each source file includes."""
        sources = sorted(str(path.relative_to(tree)) for path in tree.rglob("*.cc")
                         if not self.is_outside_core(path.relative_to(tree).parts) and path.name not in LIBRARY_TESTS)
        made = self._run([*self.flags, "-MM", *sources], tree)
        for rule in made.replace("\\\n", " ").splitlines():
            files = rule.split(":", 1)[1].split()
            self.dependencies[files[0]] = files
        if set(self.dependencies) != set(sources):
            raise BuildFailed("the compiler's list of dependencies is not understood")

    def core_sources(self):
        return [name for name in self.dependencies if name.startswith("src/") and not name.startswith("src/rcu/")]

    def library_sources(self, catcher):
        """Programs named rcu_ have libreslab-rcu as well, and liburcu."""
        extra = [name for name in self.dependencies if name.startswith("src/rcu/")] if is_of_rcu(catcher) else []
        return self.core_sources() + extra

    @staticmethod
    def is_outside_core(parts):
        return parts[0] == "src" and parts[1] in OUTSIDE_CORE

    def support_sources(self):
        return [name for name in self.dependencies if name.startswith("support/")]

    def compile_all(self, tree, catchers, pool):
        """Every object of these programs, each once: two programs built at the same time would compile the same.

        What does not compile is left to be found again by the program that needs it.
        """
        programs = [f"catch/{name}.cc" for name in [*catchers, "catcher"]]
        concurrent.futures.wait([pool.submit(self.object, tree, source)
                                 for source in [*programs, *self.support_sources(), *self.dependencies_of(catchers)]])

    def dependencies_of(self, catchers):
        return sorted({source for name in catchers for source in self.library_sources(name)})

    def object(self, tree, source):
        digest = hashlib.sha256(self.identity.encode())
        for name in self.dependencies[source]:
            digest.update(b"\0" + name.encode() + b"\0" + (tree / name).read_bytes())
        place = self.cache / f"{pathlib.Path(source).stem}-{digest.hexdigest()[:24]}.o"
        self.used.add(place)
        if not place.exists():
            partial = place.with_suffix(f".{os.getpid()}-{id(digest):x}.tmp")
            self._run([*self.flags, "-c", source, "-o", str(partial)], tree)
            partial.replace(place)
        return place

    def program(self, tree, catcher, place):
        """Links catch/CATCHER.cc with the core of `tree` into the file `place`."""
        sources = [f"catch/{catcher}.cc", "catch/catcher.cc", *self.support_sources(), *self.library_sources(catcher)]
        objects = [str(self.object(tree, source)) for source in sources]
        libraries = ["-lurcu-memb"] if is_of_rcu(catcher) else []
        self._run([*objects, "-pthread", *libraries, "-o", str(place)], tree)

    def forget_unused(self):
        """Deletes the objects that no program has needed."""
        for place in set(self.cache.glob("*.o")) - self.used:
            place.unlink()

    def _run(self, arguments, folder):
        done = subprocess.run([self.compiler, *arguments], cwd=folder, capture_output=True, text=True)
        if done.returncode != 0:
            errors = [line for line in done.stderr.splitlines() if "error" in line or "undefined" in line]
            raise BuildFailed("does not compile: " + (errors or [done.stderr.strip()[:500]])[0])
        return done.stdout
