// reslab_*_nolock: the `any` family. Never waits, never enters the kernel without RESLAB_GROW, keeps errno (P3).

#include "api/entry.h"
#include "base/counters.h"
#include "heap/heap.h"
#include "platform/vm.h"
#include "reslab/reslab.h"

using namespace reslab;

namespace {

constexpr unsigned kKnownFlags = RESLAB_ZERO | RESLAB_GROW | RESLAB_NORETRY | 0xffff0000u;  // the high half is the node

bool flags_are_known(unsigned flags) { return (flags & ~kKnownFlags) == 0; }

}  // namespace

extern "C" {

void* reslab_malloc_nolock(size_t size, unsigned flags) noexcept {
  if (__builtin_expect(!flags_are_known(flags), 0)) return nullptr;
  void* object;
  if (__builtin_expect(!fast_allocate(size, object), 0)) return malloc_nolock_slow(size, flags);
  return (flags & RESLAB_ZERO) == 0 ? object : __builtin_memset(object, 0, size);
}

void* reslab_aligned_alloc_nolock(size_t alignment, size_t size, unsigned flags) noexcept {
  const bool valid = flags_are_known(flags) && alignment != 0 && (alignment & (alignment - 1)) == 0;
  if (!valid) return nullptr;
  if (alignment <= 16) return reslab_malloc_nolock(size, flags);
  // An object of a class that keeps the alignment; beyond a unit, or beyond the classes, there is none to be had.
  const ClassId cls = alignment > kUnitBytes || size > kMaxSmallBytes ? kNoClass : class_of_aligned(alignment, size);
  if (cls == kNoClass) {
    counters.add(Counter::kNolockFailures);
    return nullptr;
  }
  return reslab_malloc_nolock(object_bytes_of(cls), flags);
}

void reslab_free_nolock(void* ptr) noexcept {
  if (__builtin_expect(fast_free(ptr), 1)) return;
  free_nolock_slow(ptr);
}

void reslab_free_sized_nolock(void* ptr, size_t size) noexcept {
  heap_check_size(ptr, size, "reslab_free_sized_nolock");
  reslab_free_nolock(ptr);
}

size_t reslab_page_size(void) noexcept { return kPageBytes; }

}  // extern "C"
