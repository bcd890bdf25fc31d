# SPDX-License-Identifier: Apache-2.0
"""How gdb prints the library's own structures, where it has their debug information: `print stack` says "index 7 on top,
operation 12" in place of a packed word.
"""

import gdb
import gdb.printing

FLAGS_ACTIVE, FLAGS_LISTED = 1, 2


def number(atomic):
    """The value of a std::atomic of some integer, or of the integer itself."""
    value = atomic
    while value.type.strip_typedefs().code == gdb.TYPE_CODE_STRUCT:
        value = value[next(field for field in value.type.strip_typedefs().fields() if hasattr(field, "bitpos"))]
    return int(value)


def state_of(flags):
    """Of a slab, from the low half of its state."""
    if flags & FLAGS_ACTIVE:
        return f"active in slot {flags >> 2}"
    return "listed" if flags & FLAGS_LISTED else "full, or on its way"


class Printer:
    def __init__(self, value):
        self.value = value

    def field(self, name):
        return number(self.value[name])


class TaggedStack(Printer):
    def to_string(self):
        head = self.field("head_")
        index = head & 0xffffff
        return (f"index {index} on top" if index else "empty") + f", operation {head >> 24}"


class LocalLock(Printer):
    def to_string(self):
        word = self.field("word_")
        return f"held by thread {word >> 36}, frame {(word & (1 << 36) - 1) << 4:#x}" if word else "free"


class Slab(Printer):
    def to_string(self):
        state = self.field("state")
        cls = state >> 16 & 0xffff
        if cls == 0:
            return f"no slab, generation {state >> 32}"
        units = self.field("run_units")
        what = f"a large block of {units} units" if units else f"{state_of(state & 0xffff)}, {self.field('free_hint')} free"
        return f"class {cls}, generation {state >> 32}, {what}"


class SlabIdentity(Printer):
    def to_string(self):
        return f"class {self.field('cls')}, generation {self.field('generation')}"


class BlockHeader(Printer):
    STATES = "pooled", "in hand", "in the depot"

    def to_string(self):
        packed = self.field("state_and_class")
        state = self.STATES[packed >> 14]
        owner = f" of thread {self.field('owner')}" if state == "in hand" else ""
        return f"{state}{owner}, {self.field('count')} objects of class {packed & 0x3fff}, next {self.field('next')}"


class RunCache(Printer):
    def to_string(self):
        places = self.value["places_"]
        first, last = places.type.strip_typedefs().range()
        words = [number(places[i]) for i in range(first, last + 1)]
        runs = [f"{word >> 32} at {word & 0xffffffff}" for word in words if word]
        return "units: " + ", ".join(runs) if runs else "empty"


def printers():
    collection = gdb.printing.RegexpCollectionPrettyPrinter("reslab")
    for printer in (TaggedStack, LocalLock, Slab, SlabIdentity, BlockHeader, RunCache):
        collection.add_printer(printer.__name__, f"^reslab::{printer.__name__}$", printer)
    return collection


def register(objfile):
    gdb.printing.register_pretty_printer(objfile, printers(), replace=True)
