#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints the fast paths of malloc and free as they are in libreslab.so, instruction by instruction.

The fast path of a function is the shortest way from its entry through the commit of a restartable
section to a `ret`. Instructions inside the section are marked with a bar; the last of them is the one
store that commits. No run of the program is needed, which matters because tools that count
instructions (valgrind, single-stepping) switch restartable sequences off.

--check fails when a fast path has a stack frame, saves a register or calls anything: on such a path
the slow half of the function has leaked into the fast one.
"""

import argparse
import re
import struct
import subprocess
import sys
import tempfile
from collections import deque
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DESCRIPTOR = struct.Struct("<IIQQQ")  # version, flags, start, length up to the commit, abort
WAYS_OUT = {"ret", "retq", "repz ret", "ud2", "hlt"}
FRAME_MAKERS = re.compile(r"(push|pop|enter|leave|call)q?\b|(sub|add|and)q? +\$.*,%rsp|.*,%(rbx|rbp|r1[2-5])$")


@dataclass(frozen=True)
class Instruction:
    address: int
    next_address: int
    text: str

    @property
    def mnemonic(self) -> str:
        return self.text.split()[0]

    @property
    def target(self) -> int | None:
        """Where a direct jump goes; None for all else."""
        match = re.match(r"(?:bnd )?j\w+(?:,p[nt])? +([0-9a-f]+)\b", self.text)
        return int(match.group(1), 16) if match else None

    def successors(self) -> list[int]:
        if self.mnemonic.startswith("call") or self.text in WAYS_OUT:
            return []
        if self.mnemonic.startswith("jmp"):
            return [] if self.target is None else [self.target]
        ways = [self.next_address]
        if self.target is not None:
            ways.append(self.target)
        return ways


@dataclass(frozen=True)
class Section:
    """One restartable section: [start, after_commit)."""

    start: int
    after_commit: int

    def __contains__(self, address: int) -> bool:
        return self.start <= address < self.after_commit


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("functions", nargs="*", default=["malloc", "free"], help="default: malloc free")
    parser.add_argument("--library", type=Path, default=ROOT / "build/gcc/src/libreslab.so",
                        help="default: %(default)s")
    parser.add_argument("--check", action="store_true", help="fail when a path has a frame or a call")
    args = parser.parse_args()
    if not args.library.is_file():
        parser.error(f"no library at {args.library}: build the project, or name one with --library")

    entries = dynamic_symbols(args.library)
    code = disassemble(args.library)
    sections = restartable_sections(args.library)
    failures = 0
    for function in args.functions:
        if function not in entries:
            parser.error(f"{args.library} exports no function {function}")
        path = committing_path(code, sections, entries[function])
        if path is None:
            print(f"{function}: no way from its entry through a commit to a return", file=sys.stderr)
            failures += 1
            continue
        print_path(function, path, sections)
        failures += args.check and report_frame(function, path)
    return 1 if failures else 0


def run(*command: object) -> str:
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, check=True).stdout


def dynamic_symbols(library: Path) -> dict[str, int]:
    rows = (line.split() for line in run("nm", "-D", "--defined-only", library).splitlines())
    return {name.split("@")[0]: int(address, 16) for address, _, name in rows}


def disassemble(library: Path) -> dict[int, Instruction]:
    line = re.compile(r"^ +([0-9a-f]+):\t(.*)$")
    found = [m.groups() for m in map(line.match, run("objdump", "-d", "--no-show-raw-insn", library).splitlines()) if m]
    addresses = [int(address, 16) for address, _ in found] + [0]
    texts = (re.sub(r"\s+", " ", text).strip() for _, text in found)
    return {a: Instruction(a, following, text) for a, following, text in zip(addresses, addresses[1:], texts)}


def restartable_sections(library: Path) -> list[Section]:
    """From the descriptors in __rseq_cs; their addresses are in the relocations, the lengths in place."""
    header = re.search(r"__rseq_cs +PROGBITS +([0-9a-f]+)", run("readelf", "-SW", library))
    if not header:
        sys.exit(f"fast_path.py: {library} has no restartable sections (no __rseq_cs)")
    base = int(header.group(1), 16)
    relocations = {int(offset, 16): int(addend, 16) for offset, addend in
                   re.findall(r"^([0-9a-f]+) .*_RELATIVE +([0-9a-f]+)$", run("readelf", "-rW", library), re.M)}
    with tempfile.NamedTemporaryFile() as raw:
        run("objcopy", "-O", "binary", "--only-section=__rseq_cs", library, raw.name)
        content = Path(raw.name).read_bytes()
    found = []
    for i, (_, _, in_place, length, _) in enumerate(DESCRIPTOR.iter_unpack(content)):
        start = relocations.get(base + i * DESCRIPTOR.size + 8, in_place)
        found.append(Section(start, start + length))
    return found


def committing_path(code: dict[int, Instruction], sections: list[Section], entry: int) -> list[Instruction] | None:
    """Breadth first over (instruction, committed yet): the first `ret` after a commit ends the search."""
    after_commit = {section.after_commit for section in sections}
    first = (entry, False)
    came_from: dict[tuple[int, bool], tuple[int, bool] | None] = {first: None}
    queue = deque([first])
    while queue:
        state = queue.popleft()
        address, committed = state
        instruction = code.get(address)
        if instruction is None:
            continue
        if committed and instruction.mnemonic.startswith("ret"):
            return [code[a] for a, _ in unwind(came_from, state)]
        for successor in instruction.successors():
            falls_past_commit = successor in after_commit and successor == instruction.next_address
            following = (successor, committed or falls_past_commit)
            if following not in came_from:
                came_from[following] = state
                queue.append(following)
    return None


def unwind(came_from: dict, state: tuple[int, bool]) -> list[tuple[int, bool]]:
    steps = []
    while state is not None:
        steps.append(state)
        state = came_from[state]
    return steps[::-1]


def print_path(function: str, path: list[Instruction], sections: list[Section]) -> None:
    inside = [any(i.address in s for s in sections) for i in path]
    size = sum(i.next_address - i.address for i in path[:-1]) + 1  # the ret is one byte
    taken = sum(step.next_address != following.address for step, following in zip(path, path[1:]))
    print(f"{function}: {len(path)} instructions, {size} bytes, {sum(inside)} inside the section, "
          f"{taken} jumps taken")
    for instruction, is_inside, following_inside in zip(path, inside, inside[1:] + [False]):
        bar = "|" if is_inside else " "
        note = "    # commit" if is_inside and not following_inside else ""
        print(f"  {instruction.address:8x} {bar} {instruction.text}{note}")
    print()


def report_frame(function: str, path: list[Instruction]) -> bool:
    offenders = [i.text for i in path if FRAME_MAKERS.match(i.text)]
    for text in offenders:
        print(f"fast_path.py: {function}: `{text}` does not belong on the fast path", file=sys.stderr)
    return bool(offenders)


if __name__ == "__main__":
    sys.exit(main())
