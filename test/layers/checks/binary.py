# SPDX-License-Identifier: Apache-2.0
"""The library as it ships: what it asks of others, what it gives, its one TLS line, its fast path, its hooks.

For lesson 24 of docs/lessons.md.
"""

import re

from checks import tree

# All that libreslab.so asks of libc: nothing of these allocates, but for fprintf, which serves malloc_info alone, and the
# loader, which the start uses when an option wants stack traces.
WANTED = {"__errno_location", "__register_atfork", "__rseq_offset", "__rseq_size", "getauxval", "environ",
          "__environ", "program_invocation_name", "__progname_full", "sigaction", "fork", "fprintf", "memcpy",
          "memset", "memmove", "strlen", "dlsym"}
NEEDED = {"libc.so.6", "ld-linux-x86-64.so.2"}

MALLOC_FAMILY = {"malloc", "calloc", "realloc", "reallocarray", "free", "cfree", "aligned_alloc", "posix_memalign",
                 "memalign", "valloc", "pvalloc", "malloc_usable_size", "free_sized", "free_aligned_sized",
                 "malloc_trim", "mallinfo", "mallinfo2", "malloc_stats", "malloc_info", "mallopt"}
ALSO_TAKEN_OVER = {"vfork", "setrlimit", "setrlimit64", "prlimit", "prlimit64"}
OPERATORS = re.compile(r"_Z(?:nw|na|dl|da)")
OPERATOR_COUNT = 20  # 8 new, 12 delete: all that a program may replace

TLS_BYTES = 64
FAST_PATHS = {"malloc", "free", "reslab_malloc", "reslab_free", "reslab_free_nolock", "_Znwm", "_ZdlPv"}
SLOW_INSTRUCTIONS = re.compile(r"\b(?:push|pop|call|leave|enter|lock|xchg|jmp)")
HOOK_NOP = bytes.fromhex("0f1f440000")


def symbols(library):
    problems = []
    for name, _, binding, defined, dynamic in library.symbols:
        if dynamic and not defined and binding == "GLOBAL" and name not in WANTED:
            problems.append(f"asks for {name}")
        if not defined and binding == "GLOBAL" and re.match(r"_ZN?K?S[tsab]|__cxa_|__gxx_|_Unwind_", name):
            problems.append(f"asks the C++ runtime for {name}")
        if name.startswith("_ZGV"):
            problems.append(f"has a guard variable, {name}")
    for needed in re.findall(r"\(NEEDED\).*\[(.*)\]", library.dynamic):
        if needed not in NEEDED:
            problems.append(f"needs {needed}")
    return problems


def exports(library, only_own_names):
    """Nothing but the names that are promised; and all of the malloc family, which from two heaps would not do."""
    given = {name for name, _, binding, defined, dynamic in library.symbols
             if dynamic and defined and binding != "LOCAL"}
    strange = {name for name in given if not re.match(r"reslab_|RESLAB_\d+$", name)}  # functions, and their version
    if not only_own_names:
        strange = {name for name in strange - MALLOC_FAMILY - ALSO_TAKEN_OVER if not OPERATORS.match(name)}
    problems = [f"gives away {name}" for name in sorted(strange)]
    if not only_own_names:
        problems += [f"lacks {name}" for name in sorted(MALLOC_FAMILY - given)]
        operators = sum(1 for name in given if OPERATORS.match(name))
        if operators != OPERATOR_COUNT:
            problems.append(f"has {operators} operators new and delete, not {OPERATOR_COUNT}")
    return problems


def tls(library):
    lines = [(size, align) for kind, size, _, align in library.segments if kind == "TLS"]
    problems = [] if lines == [(TLS_BYTES, TLS_BYTES)] else [f"its TLS is {lines}, not one line of {TLS_BYTES} bytes"]
    dynamic_tls = {kind for kind in library.relocations[1] if "DTPMOD" in kind or "DTPOFF" in kind or "TLSDESC" in kind}
    if dynamic_tls:
        problems.append(f"has dynamic TLS, {dynamic_tls}")
    return problems


def loading(library):
    """Bound at once, read-only behind that, never unloaded, no executable stack, no relocated code."""
    problems = [f"is linked without {flag}" for flag in ("NOW", "NODELETE")
                if not re.search(rf"\b{flag}\b", library.dynamic)]
    kinds = {kind: flags for kind, _, flags, _ in library.segments}
    if "GNU_RELRO" not in kinds:
        problems.append("is linked without relro")
    if "E" in kinds.get("GNU_STACK", "E"):
        problems.append("asks for an executable stack")
    if "TEXTREL" in library.dynamic:
        problems.append("has relocations in its code")
    return problems


def fast_path(library, names):
    """Straight down to the first `ret`: nothing pushed, no frame, no call, no locked operation."""
    problems = []
    places = {name: value for name, value, _, defined, dynamic in library.symbols if dynamic and defined}
    for name in sorted(names):
        index = library.position.get(places.get(name))
        if index is None:
            problems.append(f"{name} is not in the code")
            continue
        for _, _, mnemonic, operands in library.code[index:index + 80]:
            if mnemonic.split()[-1] == "ret":
                break
            changes_stack = re.search(r"%[re]?sp$", operands) and not mnemonic.startswith(("cmp", "test"))
            if SLOW_INSTRUCTIONS.search(mnemonic) or changes_stack:
                problems.append(f"{name} has '{mnemonic} {operands}' on its fast path")
        else:
            problems.append(f"{name} does not come to an end within 80 instructions")
    return problems


def hooks(library, root):
    """Each record names a NOP of its own and a hook of the sources, and each hook of the sources is there."""
    problems = []
    text_start, _, text_bytes = library.sections[".text"]
    seen_places, seen_names = set(), set()
    for record, (nop_offset, name_offset) in library.numbers("reslab_hooks", "<ii"):
        nop, name = record + nop_offset, library.text_at(record + name_offset)
        if not text_start <= nop < text_start + text_bytes or library.at(nop, 5) != HOOK_NOP:
            problems.append(f"hook '{name}' has no NOP at {nop:#x}")
        if nop in seen_places:
            problems.append(f"two hooks share the NOP at {nop:#x}")
        if nop not in library.position:
            problems.append(f"the NOP of hook '{name}' at {nop:#x} is no instruction")
        seen_places.add(nop)
        seen_names.add(name)
    if library.sections["reslab_hooks"][2] % 8 != 0:
        problems.append("the section of hooks has a broken record at its end")
    in_sources = {name for file in tree.files(root) if file.layer not in (tree.FACE, tree.APART)
                  for name in re.findall(r'RESLAB_HOOK\("(\w+)"\)', file.text)}
    problems += [f"hook '{name}' of the sources is not in the library" for name in sorted(in_sources - seen_names)]
    problems += [f"hook '{name}' is in no source" for name in sorted(seen_names - in_sources)]
    return problems
