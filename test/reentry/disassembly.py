# SPDX-License-Identifier: Apache-2.0
"""The shipped library's code as objdump shows it: instructions, where each may go next, and the restartable sections."""
import re
import struct
import subprocess

INSTRUCTION = re.compile(r"^\s+([0-9a-f]+):\s+(?:(?:addr32|lock|rep|repz|repnz|notrack|bnd|cs|data16|ds|es|ss) )*(\S+)\s*(.*)$")
FUNCTION = re.compile(r"^([0-9a-f]+) <(.+)>:$")
TARGET = re.compile(r"^([0-9a-f]+) <")


class Instruction:
    """One instruction; `target` is where a direct call or jump goes, None if it is none or indirect."""

    def __init__(self, address, mnemonic, operands, text, function):
        self.address = address
        self.mnemonic = mnemonic
        self.operands = operands
        self.text = text
        self.function = function
        found = TARGET.match(operands)
        self.target = int(found.group(1), 16) if found and (self.is_call or self.is_jump) else None
        self.following = None

    @property
    def is_call(self):
        return self.mnemonic.startswith("call")

    @property
    def is_jump(self):
        return self.mnemonic.startswith("j")

    @property
    def is_padding(self):
        return self.mnemonic.startswith("nop") or (self.mnemonic, self.operands) == ("xchg", "%ax,%ax")

    @property
    def goes_on(self):
        """May the instruction behind it be next?"""
        return not self.mnemonic.startswith(("jmp", "ret", "ud", "hlt"))


class Section:
    def __init__(self, start, end, abort):
        self.start, self.end, self.abort = start, end, abort


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


class Disassembly:
    def __init__(self, library):
        self.instructions = {}
        self.functions = {}  # name -> address; the first of several names for one address
        self.names = {}      # address -> all names
        self.is_by_gcc = "GCC" in run("readelf", "-p", ".comment", library)
        self._read_code(run("objdump", "-d", "--no-show-raw-insn", "-j", ".text", library))
        self._read_symbols(run("nm", "--defined-only", library))
        self.sections = self._read_sections(library)

    def _read_code(self, text):
        function, last = None, None
        for line in text.splitlines():
            header = FUNCTION.match(line)
            if header:
                function = header.group(2)
                continue
            found = INSTRUCTION.match(line)
            if not found:
                continue
            one = Instruction(int(found.group(1), 16), found.group(2), found.group(3), line.strip(), function)
            self.instructions[one.address] = one
            if last is not None:
                last.following = one.address
            last = one

    def _read_symbols(self, text):
        for line in text.splitlines():
            fields = line.split()
            if len(fields) == 3 and fields[1] in "tTwWiV":
                address = int(fields[0], 16)
                self.functions[fields[2]] = address
                self.names.setdefault(address, []).append(fields[2])

    def _read_sections(self, library):
        """The descriptors {version, flags, start, length, abort}: start and abort are relocations, length is not."""
        place = None
        for line in run("readelf", "-SW", library).splitlines():
            found = re.search(r"__rseq_cs\s+PROGBITS\s+([0-9a-f]+) ([0-9a-f]+) ([0-9a-f]+)", line)
            if found:
                place = [int(field, 16) for field in found.groups()]
        if place is None:
            raise SystemExit(f"{library} has no section __rseq_cs")
        address, offset, size = place
        relocated = {}
        for line in run("readelf", "-rW", library).splitlines():
            found = re.match(r"([0-9a-f]+)\s+[0-9a-f]+ R_X86_64_RELATIVE\s+([0-9a-f]+)", line)
            if found:
                relocated[int(found.group(1), 16)] = int(found.group(2), 16)
        with open(library, "rb") as file:
            file.seek(offset)
            content = file.read(size)
        sections = []
        for at in range(0, size, 32):
            length = struct.unpack_from("<Q", content, at + 16)[0]
            start, abort = relocated[address + at + 8], relocated[address + at + 24]
            sections.append(Section(start, start + length, abort))
        return sections
