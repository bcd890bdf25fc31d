// SPDX-License-Identifier: Apache-2.0
// reslab_*_nolock: the `any` family. Never waits, never enters the kernel without RESLAB_GROW, keeps errno (P3).

#include "api/entry.h"
#include "heap/debug_tables.h"
#include "heap/heap.h"
#include "platform/page_size.h"
#include "reslab/reslab.h"

using namespace reslab;

namespace {

constexpr unsigned kKnownFlags = RESLAB_ZERO | RESLAB_GROW | RESLAB_NORETRY;
constexpr unsigned kNodeShift = 16;  // the high half is RESLAB_NODE()

bool flags_are_known(unsigned flags) { return (flags & ~kKnownFlags & ((1u << kNodeShift) - 1)) == 0; }

// Flags that are not known, or a node: where it has nothing to give, as without it.
[[gnu::noinline]] void* malloc_nolock_on_node(size_t size, unsigned flags) {
  if (!flags_are_known(flags)) return fail_nolock();
  void* object = size <= RESLAB_NOLOCK_MAX ? heap_allocate_on_node(size, (flags >> kNodeShift) - 1) : nullptr;
  if (object == nullptr) return reslab_malloc_nolock(size, flags & kKnownFlags);
  return (flags & RESLAB_ZERO) == 0 ? object : __builtin_memset(object, 0, size);
}

}  // namespace

extern "C" {

void* reslab_malloc_nolock(size_t size, unsigned flags) noexcept {
  if (__builtin_expect((flags & ~kKnownFlags) != 0, 0)) return malloc_nolock_on_node(size, flags);
  void* object;
  if (__builtin_expect(!fast_allocate(size, object), 0)) return malloc_nolock_slow(size, flags);
  return (flags & RESLAB_ZERO) == 0 ? object : __builtin_memset(object, 0, size);
}

void* reslab_aligned_alloc_nolock(size_t alignment, size_t size, unsigned flags) noexcept {
  const bool valid = flags_are_known(flags) && alignment != 0 && (alignment & (alignment - 1)) == 0;
  if (!valid) return fail_nolock();
  if (alignment <= 16) return reslab_malloc_nolock(size, flags);
  if (size > RESLAB_NOLOCK_MAX) return fail_nolock();
  if (debug_is_on()) return aligned_nolock_slow(alignment, size, flags);
  // An object of a class that keeps the alignment; beyond a unit, or beyond the classes, a run of units.
  const ClassId cls = alignment > kUnitBytes ? kNoClass : class_of_aligned(alignment, size);
  return cls != kNoClass ? reslab_malloc_nolock(object_bytes_of(cls), flags)
                         : aligned_nolock_slow(alignment, size, flags);
}

void reslab_free_nolock(void* ptr) noexcept {
  if (__builtin_expect(fast_free(ptr), 1)) return;
  free_nolock_slow(ptr);
}

void reslab_free_sized_nolock(void* ptr, size_t size) noexcept {
  heap_check_size(ptr, size, kUnitBytes, "reslab_free_sized_nolock");  // at whatever alignment
  reslab_free_nolock(ptr);
}

size_t reslab_page_size(void) noexcept { return page_bytes_at_any_time(); }

// Pages are the objects of the classes of their size, which are powers of two and so aligned to it, and runs above. No
// other class stands in: who frees them says their order, and another one is reported.
void* reslab_pages_alloc_nolock(unsigned order, unsigned flags) noexcept {
  if (order > RESLAB_PAGES_MAX_ORDER || !flags_are_known(flags)) return fail_nolock();
  flags |= RESLAB_NORETRY;
  const size_t bytes = page_bytes_at_any_time() << order;
  const bool is_object = bytes <= kTableBytes || (bytes <= kUnitBytes && flags >> kNodeShift != 0);
  // With red zones a size is aligned only where that is asked for.
  if (is_object && !debug_is_on()) return reslab_malloc_nolock(bytes, flags);
  return aligned_nolock_slow(bytes, bytes, flags);
}

void reslab_pages_free_nolock(void* ptr, unsigned order) noexcept {
  if (ptr == nullptr) return;
  const size_t bytes = order <= RESLAB_PAGES_MAX_ORDER ? page_bytes_at_any_time() << order : kMaxBytes;
  heap_require_pages(ptr, bytes, "reslab_pages_free_nolock");
  reslab_free_nolock(ptr);
}

}  // extern "C"
