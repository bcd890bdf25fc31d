// SPDX-License-Identifier: Apache-2.0
// Routing by size: small classes, runs of units, huge blocks (long runs). The complete slow half of every allocating and
// freeing call; entry points only choose the contract and deal with errno.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/contract.h"
#include "cache/cache.h"
#include "slab/size_classes.h"
#include "slab/slab.h"

namespace reslab {

inline constexpr size_t kMaxBytes = PTRDIFF_MAX;

enum class Fill : uint8_t { kAny, kZero };

struct Request {
  size_t bytes;
  size_t align;  // a power of two
  Contract contract;
  Fill fill;
  Retry retry;
  uint32_t account = 0;  // who is charged, or 0
};

// Does an object of class `have` stay where it is when `bytes` are wanted, which would be served by class `wanted`? If the
// class stays, or if shrinking would save less than half.
inline bool stays_in_class(ClassId have, ClassId wanted, size_t bytes) {
  const size_t room = class_info(have).object_bytes;
  return have == wanted || (bytes <= room && bytes > room / 2);
}

// nullptr: no memory, more than kMaxBytes, or contention where the contract allows that. Makes the root if need be.
void* heap_allocate(const Request& request, const char* call);

// One object from free memory on that node, for a call of class any. nullptr: there is no such node, it has none that can be
// seen, it is the caller's own, or the heap must see every call.
void* heap_allocate_on_node(size_t bytes, uint32_t node);

// Takes any pointer that heap_allocate gave, or nullptr. Everything else ends in a report that names `call`.
void heap_free(void* object, Contract contract, const char* call);

// The same two for a class made at run time: no other class will do. What heap_free_of is given must be of the class.
void* heap_allocate_of(ClassId cls, uint32_t account, Contract contract, const char* call);
void heap_free_of(ClassId cls, void* object, Contract contract, const char* call);

// In place, by moving pages (if the contract lets it enter the kernel), or by copying; nullptr leaves the object as it was.
void* heap_reallocate(void* object, size_t bytes, Contract contract, const char* call);

// Bytes the user may use; 0 for nullptr. Reports anything that is no object of ours.
size_t heap_usable_bytes(const void* object, const char* call);

// What a request of `bytes` really gets; 0 if no allocation can be that large.
size_t heap_good_bytes(size_t bytes);
// The same of one that is aligned; any number, if there can be none.
size_t heap_taken_bytes(size_t bytes, size_t align);

// Reports pages that are freed with another size than theirs.
void heap_require_pages(const void* object, size_t bytes, const char* call);

// Reports a sized free whose size does not fit the object, if the option asks for that. `most_align`: the alignment that
// may have been asked for as well.
void heap_check_size(const void* object, size_t bytes, size_t most_align, const char* call);

// --- for the debug modes (heap/debug.h), which stand between these and the functions above, and for rcu_core ---------

// The place of a pointer that must be the start of an object; anything else is reported. And the bytes of the object.
ObjectPlace heap_place_of(const void* object, const char* call);
size_t heap_bytes_at(const ObjectPlace& place);

// With the option zero_on_free, of an object that is being freed. Not of those that reslab never writes (13), nor of runs,
// which see to it themselves.
void heap_erase(void* object, const ObjectPlace& place);

void* heap_allocate_untracked(const Request& request, const char* call);
void* heap_allocate_of_untracked(ClassId cls, uint32_t account, Contract contract, const char* call);
void heap_free_untracked(void* object, const ObjectPlace& place, Contract contract, const char* call);

}  // namespace reslab
