// SPDX-License-Identifier: Apache-2.0
// What malloc and free read besides the magazine itself: one cache line of values copied from the published root.
//
// Before the root exists every value is 0: no size is below the limit and no pointer inside the arena, so the fast path
// needs no test for "initialised" (4). The values are stored first, the two limits last; all are stored again by every
// thread that finds the root published, always with the same values. Storing 0 into the limits sends every call through
// the slow entry (30): that is the switch for the fallback mode, and for all that must see each call.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace reslab {

struct StartTest;  // slab/size_classes.h

struct alignas(64) FastPath {
  std::atomic<size_t> size_limit;   // sizes below it have a class in the table
  std::atomic<size_t> arena_bytes;  // pointers less than this above arena_base may be ours
  std::atomic<uintptr_t> arena_base;
  std::atomic<const uint16_t*> class_of;  // the unit map, indexed by address >> kUnitShift
  std::atomic<StartTest*> start_tests;    // for each class; written for those made at run time
  std::atomic<char*> regions;
  std::atomic<ptrdiff_t> rseq_offset;  // this thread's rseq area, from the thread pointer
  std::atomic<ptrdiff_t> slot_offset;  // the field of it that numbers regions: mm_cid, or cpu_id
};
static_assert(sizeof(FastPath) == 64);

// The same two limits for the fast path of the fallback mode (api/fast.h), which begins where the other one gives up.
// One of the two pairs is 0 for ever.
struct FallbackPath {
  std::atomic<size_t> size_limit;
  std::atomic<size_t> arena_bytes;
};

// Once set, the size limits stay 0: plain allocations take the slow entries, where it is seen who is charged: the group of
// the thread's scope, the heap profile (30, 33). Frees stay as they are.
extern constinit std::atomic<bool> accounts_in_use __attribute__((visibility("hidden")));

extern constinit FallbackPath fallback_path __attribute__((visibility("hidden")));
extern constinit FastPath fast_path __attribute__((visibility("hidden")));

}  // namespace reslab
