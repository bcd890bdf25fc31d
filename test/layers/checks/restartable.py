# SPDX-License-Identifier: Apache-2.0
"""The restartable sections of the library, by their descriptors: what the kernel will take them for.

    struct rseq_cs { u32 version, flags; u64 start, bytes, abort; }, 32 bytes, aligned to 32
"""

import re

SIGNATURE = (0x53053053).to_bytes(4, "little")
FORBIDDEN = re.compile(r"\b(?:call|push|pop|syscall|int|lock|xchg|ret|leave)")


def descriptors(library):
    """(place, version, flags, start, bytes, abort); the addresses stand in the relocations."""
    relative, _ = library.relocations
    for place, (version, flags, _, length, _) in library.numbers("__rseq_cs", "<IIQQQ"):
        yield place, version, flags, relative.get(place + 8, 0), length, relative.get(place + 24, 0)


def _stores(mnemonic, operands):
    """Does the instruction write to memory?"""
    if mnemonic.startswith(("cmp", "test", "lea", "j", "nop")):
        return False
    return "movs" in mnemonic and "(%rsi)" in operands or operands.rstrip().endswith(")")


def _check_one(library, place, version, flags, start, length, abort):
    name = f"section {start:#x}"
    if place % 32 or version or flags:
        yield f"{name}: its descriptor at {place:#x} is misaligned, or says version {version}, flags {flags}"
    if library.at(abort - 4, 4) != SIGNATURE:
        yield f"{name}: no signature before its abort address {abort:#x}"
    if start <= abort < start + length:
        yield f"{name}: aborts into itself"
    if start not in library.position or start + length not in library.position:
        yield f"{name}: does not begin and end between instructions"
        return
    body = library.code[library.position[start]:library.position[start + length]]
    for _, _, mnemonic, operands in body:
        if FORBIDDEN.search(mnemonic):
            yield f"{name}: has '{mnemonic} {operands}'"
    if not _stores(*body[-1][2:]):
        yield f"{name}: its last instruction, '{body[-1][2]} {body[-1][3]}', commits nothing"
    # The abort handler's one instruction goes where the slow path takes over, and not behind the commit.
    _, _, mnemonic, operands = library.code[library.position[abort]]
    target = operands.split()[0]
    if not mnemonic.startswith("jmp") or int(target, 16) == start + length:
        yield f"{name}: is aborted to '{mnemonic} {operands}'"


def check(library):
    found = list(descriptors(library))
    problems = [problem for one in found for problem in _check_one(library, *one)]
    if not found:
        problems.append("has no restartable sections")
    exits = library.sections["__rseq_exit_point_array"][2] // 16
    if exits != len(found):
        problems.append(f"tells debuggers of {exits} sections, and has {len(found)}")
    return problems
