// SPDX-License-Identifier: Apache-2.0
// Typed caches: classes of their own for objects of one kind, after the kernel's kmem_cache (Bonwick 1994).
//
//   handle    one of kMaxCaches records that are never given back, so that the use of a destroyed cache is seen. They are
//             taken in turns: a record is used again only when all others have been.
//   class     what the handle's objects come from (slab/class_table.h). Caches of one stride without constructor, flags
//             and group share a class: it counts them, and the last one to go answers for what is live (46).
//
//                      create   destroy   allocate, free   handler on the same thread   child after fork
//   create             yes      yes       yes              yes                          a record in the making is lost
//   destroy            yes      - (1)     - (1)            refused: maintenance         whole, or not begun
//   (1) of one cache; the program sees to it that nobody uses what it destroys. Objects that are still out: EBUSY.
//
// All allocating and freeing is the heap's, by the class (heap/heap.h); the fast path is api/fast.h's.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "base/contract.h"
#include "slab/class_table.h"

// What the fast path reads, and the rest in the same line.
struct alignas(64) reslab_cache {
  std::atomic<uint32_t> fast_class;  // its class; 0 where each call must be seen: a group's, destroyed, debugged
  std::atomic<uint32_t> state;
  uint32_t cls;
  uint32_t group;  // its objects are charged to, or 0
  bool merges;
  char name[36];
};
static_assert(sizeof(reslab_cache) == 64 && offsetof(reslab_cache, cls) == 8 && offsetof(reslab_cache, name) == 17,
              "tools/gdb shows it");

namespace reslab {

inline constexpr uint32_t kMaxCaches = 4096;

struct CacheRequest {
  const char* name;
  size_t bytes;
  size_t align;  // 0: what the size has
  uint16_t flags;
  bool merges;
  void (*constructor)(void*);
  uint32_t group;
  Contract contract;
};

// `error`: EINVAL (no such size or alignment), ENOMEM (no root), ENOSPC (no record, no class, or no room for a magazine).
reslab_cache* cache_create(const CacheRequest& request, int& error);

// For a maintenance call that has begun. 0; EBUSY: objects are out, which it reports, or readers may still be in them.
int cache_destroy(reslab_cache* cache);

// Drains and sweeps; bytes of the slabs that went back to the arena.
size_t cache_shrink(const reslab_cache* cache);

// Ends in a report that names `call` unless this is a cache.
void require_cache(const reslab_cache* cache, const char* call);

}  // namespace reslab
