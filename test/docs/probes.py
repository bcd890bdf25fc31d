# SPDX-License-Identifier: Apache-2.0
"""The probes of docs/probes.md are in the library: in its notes, as readelf shows them, each at a NOP, and as gdb finds them.
Its examples name some of them.

Usage: probes.py PAGE LIBRARY...
"""

import re
import shutil
import struct
import subprocess
import sys
from pathlib import Path

NOTE = re.compile(r"^ +Provider: reslab\n +Name: (\w+)\n +Location: (0x[0-9a-f]+), Base: (0x[0-9a-f]+), "
                  r"Semaphore: 0x0+\n +Arguments: *$", re.M)
NOP = b"\x0f\x1f\x44\x00\x00"  # of five bytes


def output_of(*command):
    return subprocess.run(command, check=True, timeout=60, capture_output=True, text=True, stdin=subprocess.DEVNULL).stdout


def in_notes(library):
    """[(name, address)], of no semaphore and no arguments: listeners need neither."""
    text = output_of("readelf", "-n", library)
    probes = [(name, int(location, 16)) for name, location, _ in NOTE.findall(text)]
    if not probes or len(probes) != text.count("NT_STAPSDT"):
        sys.exit(f"{library}: {text.count('NT_STAPSDT')} notes of probes, {len(probes)} of them as they should be")
    # Where the section of this name came to lie tells listeners that the addresses have moved: here they have not.
    base = re.search(r"\.stapsdt\.base +PROGBITS +([0-9a-f]+) ", output_of("readelf", "-SW", library))
    if base is None or {int(noted, 16) for _, _, noted in NOTE.findall(text)} != {int(base[1], 16)}:
        sys.exit(f"{library}: the notes are of another place than their base")
    return probes


def in_gdb(library):
    shown = output_of("gdb", "--batch", "--nx", "-ex", "info probes stap ^reslab$", library)
    return set(re.findall(r"^stap +reslab +(\w+) +0x[0-9a-f]+", shown, re.M))


def code_at(library, address):
    """The bytes there, of a segment that is executed."""
    data = Path(library).read_bytes()
    headers, = struct.unpack_from("<Q", data, 32)
    size, count = struct.unpack_from("<HH", data, 54)
    for number in range(count):
        kind, flags, offset, start, _, length = struct.unpack_from("<IIQQQQ", data, headers + number * size)
        if kind == 1 and flags & 1 and start <= address < start + length:
            return data[offset + address - start:][:len(NOP)]
    return None


def main():
    page, *libraries = sys.argv[1:]
    text = open(page, encoding="utf-8").read()
    rows = re.findall(r"^\| (`.*?) \|", text, re.M)
    wanted = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    if len(wanted) < 20 or not libraries:
        sys.exit(f"{page}: no table of probes, or no library")
    if unknown := set(re.findall(r"reslab:(\w+)", text)) - wanted:  # in its examples
        sys.exit(f"{page}: no probes of its table: {', '.join(sorted(unknown))}")
    for library in libraries:
        probes = in_notes(library)
        found = {name for name, _ in probes}
        if missing := wanted - found:
            sys.exit(f"{library} has no probe {', '.join(sorted(missing))}; it has {', '.join(sorted(found))}")
        for name, address in probes:
            if code_at(library, address) != NOP:
                sys.exit(f"{library}: at {address:#x} of the probe {name} is {code_at(library, address)}, no NOP")
        if shutil.which("gdb") and in_gdb(library) != found:
            sys.exit(f"{library}: gdb and readelf differ in {', '.join(sorted(in_gdb(library) ^ found))}")
        print(f"{library}: {len(wanted)} of {len(found)} probes, at {len(probes)} places")


if __name__ == "__main__":
    main()
