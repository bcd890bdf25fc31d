# SPDX-License-Identifier: Apache-2.0
"""What binutils say of a library."""

import functools
import re
import struct
import subprocess

PREFIXES = r"rep\w*|lock|notrack|bnd|cs|ds|data16|addr32"


def _output(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


class Library:
    def __init__(self, path):
        self.path = str(path)
        self.bytes = path.read_bytes()

    @functools.cached_property
    def sections(self):
        """{name: (address, offset in the file, bytes)}"""
        rows = re.findall(r"^\s*\[\s*\d+\]\s+(\S+)\s+\S+\s+([0-9a-f]+)\s+([0-9a-f]+)\s+([0-9a-f]+)",
                          _output("readelf", "-SW", self.path), re.M)
        return {name: tuple(int(number, 16) for number in numbers) for name, *numbers in rows}

    @functools.cached_property
    def segments(self):
        """(type, bytes in memory, flags, alignment) of each."""
        rows = re.findall(r"^\s+([A-Z_]+)\s+0x\S+ 0x\S+ 0x\S+ 0x\S+ 0x([0-9a-f]+) ([RWE ]{3}) 0x([0-9a-f]+)",
                          _output("readelf", "-lW", self.path), re.M)
        return [(kind, int(size, 16), flags.replace(" ", ""), int(align, 16)) for kind, size, flags, align in rows]

    @functools.cached_property
    def dynamic(self):
        return _output("readelf", "-dW", self.path)

    @functools.cached_property
    def relocations(self):
        """{place: addend} of the relative ones; the types of all."""
        rows = re.findall(r"^([0-9a-f]+)\s+\S+\s+(R_\S+)\s+(.*)$", _output("readelf", "-rW", self.path), re.M)
        relative = {int(place, 16): int(addend, 16) for place, kind, addend in rows if kind == "R_X86_64_RELATIVE"}
        return relative, {kind for _, kind, _ in rows}

    @functools.cached_property
    def symbols(self):
        """(name, value, binding, is it defined, is it dynamic) of each."""
        found = []
        for table in re.split(r"^Symbol table ", _output("readelf", "-sW", self.path), flags=re.M)[1:]:
            dynamic = table.startswith("'.dynsym'")
            for row in table.splitlines()[2:]:
                words = row.split()
                if len(words) >= 8:
                    found.append((words[7].split("@")[0], int(words[1], 16), words[4], words[6] != "UND", dynamic))
        return found

    @functools.cached_property
    def code(self):
        """[(address, bytes, mnemonic with its prefixes, operands)] of the whole text."""
        rows = re.findall(rf"^ *([0-9a-f]+):\t((?:[0-9a-f]{{2}} )+) *\t((?:(?:{PREFIXES}) )*\S+) *(.*)$",
                          _output("objdump", "-d", "-w", "--section=.text", self.path), re.M)
        return [(int(address, 16), bytes.fromhex(code), *words) for address, code, *words in rows]

    @functools.cached_property
    def position(self):
        return {address: index for index, (address, *_) in enumerate(self.code)}

    def at(self, address, count):
        """`count` bytes at an address, from whichever section holds it."""
        for start, offset, size in self.sections.values():
            if size and start and start <= address < start + size:
                return self.bytes[offset + address - start:offset + address - start + count]
        return b""

    def text_at(self, address):
        return self.at(address, 200).split(b"\0")[0].decode("ascii", "replace")

    def numbers(self, section, form):
        """(address, numbers) of each record of a section."""
        address, offset, size = self.sections[section]
        step = struct.calcsize(form)
        for at in range(0, size - step + 1, step):
            yield address + at, struct.unpack_from(form, self.bytes, offset + at)
