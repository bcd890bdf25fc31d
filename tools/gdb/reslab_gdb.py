# SPDX-License-Identifier: Apache-2.0
"""Commands of gdb for a program on reslab, running, stopped or a core file: `source reslab_gdb.py`, or installed beside the
library, where gdb finds it by itself.

  reslab heap            mode, memory, and the classes in use
  reslab where ADDRESS   what an address is: class, slab, state of its free bit
  reslab unit NUMBER     the descriptor of a unit

Works without debug information: everything is read through the image of the heap (src/heap/image.h). Handles of caches and
groups are printed with their names; reslab_printers.py beside this file prints the library's own structures.
"""

import os
import struct
import sys

import gdb
import gdb.printing

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import reslab_printers  # noqa: E402
from reslab_printers import state_of  # noqa: E402

MAGIC, VERSION = 0x6567616d69627372, 3
HEAD = 24  # magic, version and bytes, layout

# The words of src/heap/image.def, in their order.
WORDS = """
root_bytes version_text_at mode mode_reason_at slot_source features lost_frames_at options_at options_bytes counters_at
counters_shards counters_stride counters_count metadata_at metadata_fixed_bytes
window_at window_units unit_bytes class_of_at frontier_at window_marks_at free_bits_at zero_bits_at retired_at
holes_at holes_count dirty_units_at
chunks_at chunk_units chunk_bytes chunk_marks_at chunk_descriptors descriptor_bytes chunk_dense dense_bytes inline_bits
slab_state slab_next slab_free_hint slab_run_units slab_bits
class_info_at class_info_stride class_count run_class info_object_bytes info_slab_units info_capacity info_begin
info_magazine slab_classes_at slab_classes_stride slab_class_partial slab_class_capacity slab_class_free
slab_class_slabs
regions_at region_bytes region_ready_at slots closed_top cpu_state class_slots class_slot_stride class_slot_active
class_slot_warmth class_slot_saved aside_at deferred_key
block_chunks_at block_chunk_bytes blocks_in_chunk block_marks_at blocks_made_at block_header_stride block_next
block_count block_state block_slots block_objects pooled_at depot_classes_at depot_classes_stride nodes node_lists_at
node_lists_stride node_classes node_depots_at depot_bytes_at
info_flags charged_class charge_tag_bytes slab_account cache_classes_first cache_info_at cache_classes_at
cache_classes_stride cache_classes_made_at cache_class_state cache_class_ready cache_class_name name_bytes
kept_runs_at kept_runs_count
groups_at groups_stride groups_end_at group_state group_live group_parent group_name group_used group_limits group_stocks
group_stock_stride group_peak group_failures
profile_rate profile_sites_at profile_sites profile_site_bytes profile_site_depth profile_site_frames profile_frames
profile_site_live_objects profile_site_live_bytes profile_site_all_objects profile_site_all_bytes profile_site_group
first_site_account
""".split()


def read(address, layout):
    return struct.unpack("<" + layout, gdb.selected_inferior().read_memory(address, struct.calcsize("<" + layout)))


class Heap:
    def __init__(self):
        root = self._root()
        magic, version, size = read(root, "QII")
        if magic != MAGIC or version != VERSION or size != HEAD + 8 * len(WORDS):
            raise gdb.GdbError("this is another version of reslab than these commands know")
        for name, value in zip(WORDS, read(root + HEAD, f"{len(WORDS)}Q")):
            setattr(self, name, value)
        self.frontier = read(self.frontier_at, "I")[0]
        self.classes_made = read(self.cache_classes_made_at, "I")[0]

    @staticmethod
    def _root():
        try:
            root = int(gdb.parse_and_eval("*(unsigned long *)&reslab_image"))
        except gdb.error:
            raise gdb.GdbError("the program does not run on reslab") from None
        if root == 0:
            raise gdb.GdbError("nothing has been allocated yet")
        return root

    def info(self, cls):
        """(object bytes, units of a slab, objects of a slab)"""
        at = self._info_at(cls)
        return (read(at + self.info_object_bytes, "I")[0], read(at + self.info_slab_units, "H")[0],
                read(at + self.info_capacity, "I")[0])

    def _info_at(self, cls):
        first, table = ((0, self.class_info_at) if cls < self.class_count
                        else (self.cache_classes_first, self.cache_info_at))
        return table + (cls - first) * self.class_info_stride

    def is_small(self, cls):
        made = cls - self.cache_classes_first
        if not 0 <= made < self.classes_made:
            return 0 < cls < self.class_count
        return read(self.cache_classes_at + made * self.cache_classes_stride + self.cache_class_state,
                    "I")[0] == self.cache_class_ready

    def is_charged(self, cls):
        return read(self._info_at(cls) + self.info_flags, "H")[0] & 4 != 0

    def name(self, cls):
        """Of a class made at run time; others are known by their size."""
        if cls < self.cache_classes_first:
            return ""
        return self.text(self.cache_classes_at + (cls - self.cache_classes_first) * self.cache_classes_stride
                         + self.cache_class_name, self.name_bytes)

    def group(self, number):
        name = self.text(self.groups_at + number * self.groups_stride + self.group_name, self.name_bytes)
        return f"group {number}, {name}"

    def account(self, number):
        """Who is told of an object: a group, or a site of the heap profile, of which this says the stack as well."""
        if number == 0:
            return ""
        if number < self.first_site_account:
            return f", charged to {self.group(number)}"
        site = self.profile_sites_at + (number - self.first_site_account) * self.profile_site_bytes
        depth = min(read(site + self.profile_site_depth, "Q")[0], self.profile_frames)
        calls = [gdb.execute(f"info symbol {frame - 1:#x}", to_string=True).split(" in section")[0].strip()
                 for frame in read(site + self.profile_site_frames, f"{depth}Q")]
        group = read(site + self.profile_site_group, "I")[0]
        return self.account(group) + ", sampled; allocated by" + "".join(f"\n    {call}" for call in calls)

    @staticmethod
    def text(at, most):
        return bytes(gdb.selected_inferior().read_memory(at, most)).split(b"\0")[0].decode(errors="replace")

    def tag(self, unit, cls, index):
        """The account of an object of a charged class."""
        _, units, capacity = self.info(cls)
        end = self.window_at + (unit + units) * self.unit_bytes
        return read(end - (capacity - index) * self.charge_tag_bytes, "H")[0]

    def descriptor(self, unit):
        """(class, flags, generation, address)"""
        at = (self.chunks_at + unit // self.chunk_units * self.chunk_bytes + self.chunk_descriptors
              + unit % self.chunk_units * self.descriptor_bytes)
        state = read(at + self.slab_state, "Q")[0]
        return state >> 16 & 0xffff, state & 0xffff, state >> 32, at

    def bits(self, unit, capacity):
        at = self.descriptor(unit)[3] + self.slab_bits
        if capacity > self.inline_bits:
            at = (self.chunks_at + unit // self.chunk_units * self.chunk_bytes + self.chunk_dense
                  + unit % self.chunk_units * self.dense_bytes)
        return read(at, f"{(capacity + 63) // 64}Q")

    def walk(self):
        """(unit, class, flags, free objects or units) of each slab and run."""
        unit = 1
        while unit < self.frontier:
            cls, flags, _, at = self.descriptor(unit)
            length = 1
            if self.is_small(cls):
                _, length, capacity = self.info(cls)
                yield unit, cls, flags, sum(bin(word).count("1") for word in self.bits(unit, capacity))
            elif cls == self.run_class:
                length = max(read(at + self.slab_run_units, "I")[0], 1)
                yield unit, cls, flags, length
            unit += length


class Handle:
    """A reslab_cache* or reslab_group*, of which the program has but the declaration."""

    CACHE_CLASS, CACHE_NAME, CACHE_NAME_BYTES = 8, 17, 36  # of src/objects/typed_cache.h, which asserts them

    def __init__(self, value, kind):
        self.address, self.kind = int(value), kind

    def to_string(self):
        try:
            return f"{self.address:#x} {self._describe(Heap())}"
        except (gdb.error, gdb.GdbError):
            return f"{self.address:#x}"

    def _describe(self, heap):
        if self.kind == "reslab_group":
            return heap.group((self.address - heap.groups_at) // heap.groups_stride)
        cls = read(self.address + self.CACHE_CLASS, "I")[0]
        name = heap.text(self.address + self.CACHE_NAME, self.CACHE_NAME_BYTES)
        return f"cache {name}, objects of {heap.info(cls)[0]} bytes"


def reslab_handle(value):
    kind = value.type.strip_typedefs()
    if kind.code != gdb.TYPE_CODE_PTR or int(value) == 0:
        return None
    name = kind.target().unqualified().strip_typedefs().tag
    return Handle(value, name) if name in ("reslab_cache", "reslab_group") else None


class Reslab(gdb.Command):
    """Look at the heap of a program on reslab: heap, where ADDRESS, unit NUMBER."""

    def __init__(self):
        super().__init__("reslab", gdb.COMMAND_DATA, prefix=True)


class ReslabHeap(gdb.Command):
    """reslab heap: mode, memory, and the classes in use."""

    def __init__(self):
        super().__init__("reslab heap", gdb.COMMAND_DATA)

    def invoke(self, argument, from_tty):
        heap = Heap()
        print(f"mode {'rseq' if heap.mode == 1 else 'fallback'}, units 1 to {heap.frontier - 1} of "
              f"{heap.unit_bytes >> 10} KiB at {heap.window_at:#x}")
        classes, runs = {}, []
        for _, cls, _, count in heap.walk():
            if cls == heap.run_class:
                runs.append(count)
                continue
            sums = classes.setdefault(cls, [0, 0])
            sums[0] += 1
            sums[1] += count
        print(f"{'class':>6}{'bytes':>8}{'slabs':>8}{'objects':>10}{'free':>10}  name")
        for cls, (slabs, free) in sorted(classes.items()):
            size, _, capacity = heap.info(cls)
            print(f"{cls:>6}{size:>8}{slabs:>8}{slabs * capacity:>10}{free:>10}  {heap.name(cls)}".rstrip())
        print(f"large blocks: {len(runs)} of {sum(runs)} units")


class ReslabWhere(gdb.Command):
    """reslab where ADDRESS: what an address is."""

    def __init__(self):
        super().__init__("reslab where", gdb.COMMAND_DATA, gdb.COMPLETE_EXPRESSION)

    def invoke(self, argument, from_tty):
        heap = Heap()
        address = int(gdb.parse_and_eval(argument)) & (1 << 64) - 1
        unit = (address - heap.window_at) // heap.unit_bytes
        if not 0 < unit < heap.frontier:
            print(f"{address:#x}: no memory of reslab's")
            return
        entry = read(heap.class_of_at + unit * 2, "H")[0]
        cls, first = entry & 0xfff, unit - (entry >> 12)
        if cls == heap.charged_class:
            cls = heap.descriptor(first)[0]
        if cls == heap.run_class:
            account = read(heap.descriptor(unit)[3] + heap.slab_account, "I")[0]
            print(f"{address:#x}: unit {unit}, a large block begins here{heap.account(account)}")
            return
        if not heap.is_small(cls):
            print(f"{address:#x}: unit {unit}, no object begins here")
            return
        size, _, capacity = heap.info(cls)
        index, inside = divmod(address - heap.window_at - first * heap.unit_bytes, size)
        if index >= capacity:
            print(f"{address:#x}: behind the last object of slab {first}")
            return
        free = heap.bits(first, capacity)[index // 64] >> index % 64 & 1
        name = heap.name(cls)
        account = heap.tag(first, cls, index) if heap.is_charged(cls) else 0
        print(f"{address:#x}: byte {inside} of object {index} of {size} bytes{f' of {name}' if name else ''}, slab {first} "
              f"({state_of(heap.descriptor(first)[1])}), {'free' if free else 'handed out, or cached'}"
              + heap.account(account))


class ReslabUnit(gdb.Command):
    """reslab unit NUMBER: the descriptor of a unit."""

    def __init__(self):
        super().__init__("reslab unit", gdb.COMMAND_DATA)

    def invoke(self, argument, from_tty):
        heap = Heap()
        unit = int(gdb.parse_and_eval(argument))
        if not 0 < unit < heap.frontier:
            raise gdb.GdbError(f"units are 1 to {heap.frontier - 1}")
        cls, flags, generation, at = heap.descriptor(unit)
        print(f"unit {unit} at {heap.window_at + unit * heap.unit_bytes:#x}: descriptor {at:#x}, class {cls}, "
              f"{state_of(flags)}, generation {generation}")


for command in (Reslab, ReslabHeap, ReslabWhere, ReslabUnit):
    command()
gdb.printing.register_pretty_printer(gdb.current_objfile(), reslab_handle, replace=True)
reslab_printers.register(gdb.current_objfile())
