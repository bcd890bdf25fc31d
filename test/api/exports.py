# SPDX-License-Identifier: Apache-2.0
"""The names that each form of the library gives and takes: no form exports more than it should, each has every function
of the header, and none needs more than libc.

Usage: exports.py HEADER LIBRESLAB.SO LIBRESLAB-API.SO LIBRESLAB.A LIBRESLAB-MALLOC.A
"""

import pathlib
import re
import subprocess
import sys

from programs import failed, finish

MALLOC_FAMILY = set("""
malloc calloc realloc reallocarray free cfree aligned_alloc posix_memalign memalign valloc pvalloc malloc_usable_size
free_sized free_aligned_sized malloc_trim mallinfo mallinfo2 malloc_stats malloc_info mallopt
""".split())
PROCESS_CALLS = {"vfork", "setrlimit", "setrlimit64", "prlimit", "prlimit64"}
OPERATORS = re.compile(r"_Z(nw|na)m|_Z(dl|da)Pv")


def names(path, *options):
    """Kind and name of each symbol that nm lists."""
    text = subprocess.run(["nm", *options, path], capture_output=True, text=True, timeout=60, check=True).stdout
    return [(kind, re.sub("@@?RESLAB.*", "", name))
            for kind, name in re.findall(r"^(?:[0-9a-f]+)?\s+([A-Za-z])\s+(\S+)$", text, re.MULTILINE)]


def defined(path, *options):
    return {name for kind, name in names(path, "--defined-only", "--extern-only", *options)
            if kind != "A" and name != "_.stapsdt.base"}  # a version's; hidden, and of every file that has probes


def declared(header):
    return set(re.findall(r"\b(reslab_\w+)\([^)]*\) RESLAB_NOEXCEPT;", pathlib.Path(header).read_text()))


def check_shared(path, expected, allowed_else):
    given = defined(path, "-D")
    if missing := expected - given:
        failed(f"{path} lacks {sorted(missing)}")
    if surplus := {name for name in given - expected if not allowed_else(name)}:
        failed(f"{path} exports {sorted(surplus)} as well")
    needed = subprocess.run(["readelf", "-d", path], capture_output=True, text=True, timeout=60, check=True).stdout
    libraries = set(re.findall(r"\(NEEDED\).*\[(.+)\]", needed))
    if not libraries <= {"libc.so.6", "ld-linux-x86-64.so.2"}:
        failed(f"{path} needs {sorted(libraries)}")
    strong = [name for kind, name in names(path, "-D", "--undefined-only") if kind == "U"]
    if foreign := [name for name in strong if "@GLIBC_" not in name]:
        failed(f"{path} needs {foreign} from other than libc")


def check_static(path, expected, allowed_else):
    given = defined(path)
    if missing := expected - given:
        failed(f"{path} lacks {sorted(missing)}")
    if surplus := {name for name in given - expected if not allowed_else(name)}:
        failed(f"{path} defines {sorted(surplus)} as well")
    undefined = {name for kind, name in names(path, "--undefined-only") if kind == "U"} - given
    if runtime := sorted(name for name in undefined if re.match(r"_ZSt|_ZNSt|__cxa_|__gxx_|_Unwind", name)):
        failed(f"{path} needs {runtime} from a C++ runtime")


def is_internal(name):
    """In an archive the library's own names are visible to its own parts, and so is what the compiler adds to them."""
    return re.match(r"_Z(TW|TH)?NK?6reslab|reslab_|DW\.ref\.|__clang_call_terminate$", name) is not None


def main():
    header, shared, api_shared, static, malloc_static = sys.argv[1:]
    functions = declared(header)
    if len(functions) < 20:
        failed(f"only {sorted(functions)} were found in the header")
    is_operator = lambda name: OPERATORS.match(name) is not None
    check_shared(shared, functions | MALLOC_FAMILY | {"vfork"},
                 lambda name: is_operator(name) or name in PROCESS_CALLS or name.startswith("reslab_"))
    check_shared(api_shared, functions, lambda name: name.startswith("reslab_"))
    check_static(static, functions, is_internal)
    check_static(malloc_static, functions | MALLOC_FAMILY,
                 lambda name: is_internal(name) or is_operator(name) or name in PROCESS_CALLS)
    operators = {name for name in defined(shared, "-D") if is_operator(name)}
    if len(operators) != 20:
        failed(f"{len(operators)} operators instead of 20: {sorted(operators)}")
    finish(5, "sets of names")


if __name__ == "__main__":
    main()
