// SPDX-License-Identifier: Apache-2.0
// Virtual memory: one wrapper for each thing the core asks of the kernel, all of one shape: plain verbs, true on
// success, errno untouched. Ranges begin at multiples of the system's page, and the kernel rounds their lengths up to one.
#pragma once

#include <cstddef>
#include <cstdint>

namespace reslab {

// Address space that cannot be touched and is charged to nobody. `hint` 0 leaves the place to the kernel.
void* vm_reserve(size_t bytes, uintptr_t hint);

// As above, at exactly this place, only if it is empty. Whether it is taken is told apart from all other reasons.
enum class Place : uint8_t { kOurs, kTaken, kNoSpace };
Place vm_reserve_at(void* place, size_t bytes);

// A fresh private mapping that can be read and written.
void* vm_map(size_t bytes);

// Makes reserved memory readable and writable (charged), or readable only (the zero page, not charged).
bool vm_make_writable(void* start, size_t bytes);
bool vm_make_readable(void* start, size_t bytes);

// Makes it impossible to touch.
bool vm_make_unreadable(void* start, size_t bytes);

// A fresh mapping for tables that are mostly never touched: charged to nobody, but under vm.overcommit_memory=2.
void* vm_map_sparse(size_t bytes);

// Gives the pages back; they read as zero afterwards only if this returned true (locked memory refuses).
bool vm_discard(void* start, size_t bytes);

// Transparent huge pages for what will be touched there, or none. A hint: a kernel without them refuses, and nothing is lost.
enum class HugePages : uint8_t { kAsked, kRefused };
void vm_advise(void* start, size_t bytes, HugePages pages);

// Puts a fresh read-only mapping in place: pages and commit charge go back to the system, reading stays harmless.
bool vm_retire(void* start, size_t bytes);

// Moves the pages of one range, which have to lie in one mapping, under another range of the same length; the old range
// stays mapped and reads as zero.
enum class Moved : uint8_t {
  kDone,
  kNot,  // `from` is as it was, `to` is ours, and what it held may be gone
  kLost  // `from` is as it was, and `to` is nobody's, or somebody else's by now: not to be touched
};
Moved vm_move_pages(void* from, void* to, size_t bytes);

void vm_release(void* start, size_t bytes);

// The range reads as zero in a forked child.
bool vm_wipe_on_fork(void* start, size_t bytes);

// Limit of the address space and what is used of it now, in bytes; a limit of SIZE_MAX is none.
struct AddressSpace {
  size_t limit;
  size_t used;
};
AddressSpace vm_address_space();

size_t vm_physical_bytes();

}  // namespace reslab
