// SPDX-License-Identifier: Apache-2.0
// The C names that reslab takes over where it is the malloc. None is left to libc: a block from another heap would reach free (30).

#include <cerrno>
#include <cstddef>

#include "api/entry.h"
#include "platform/page_size.h"

#define RESLAB_EXPORT extern "C" __attribute__((visibility("default")))

using namespace reslab;

// So that whoever takes malloc out of the static library has the rest of it too, whatever else is linked behind.
extern "C" {
__attribute__((visibility("hidden"))) extern const char reslab_lifetime, reslab_limits, reslab_vfork;
}
__attribute__((used)) static const char* const kParts[] = {&reslab_lifetime, &reslab_limits, &reslab_vfork};

RESLAB_EXPORT void* malloc(size_t size) noexcept { return malloc_entry(size); }
RESLAB_EXPORT void free(void* ptr) noexcept { free_entry(ptr); }
RESLAB_EXPORT void cfree(void* ptr) noexcept { free_entry(ptr); }
RESLAB_EXPORT void* calloc(size_t count, size_t size) noexcept { return calloc_entry(count, size); }
RESLAB_EXPORT void* realloc(void* ptr, size_t size) noexcept { return realloc_entry(ptr, size); }
RESLAB_EXPORT void* reallocarray(void* ptr, size_t count, size_t size) noexcept {
  return reallocarray_entry(ptr, count, size);
}
RESLAB_EXPORT void* aligned_alloc(size_t alignment, size_t size) noexcept { return aligned_entry(alignment, size); }
RESLAB_EXPORT int posix_memalign(void** out, size_t alignment, size_t size) noexcept {
  return posix_memalign_entry(out, alignment, size);
}

// glibc's memalign takes any alignment and rounds it up to a power of two.
RESLAB_EXPORT void* memalign(size_t alignment, size_t size) noexcept {
  if (alignment > size_t{1} << 62) {
    return fail_with(EINVAL);
  }
  size_t power = 16;
  while (power < alignment) power *= 2;
  return aligned_entry(power, size);
}

RESLAB_EXPORT void* valloc(size_t size) noexcept { return aligned_entry(page_bytes_at_any_time(), size); }

RESLAB_EXPORT void* pvalloc(size_t size) noexcept {
  const size_t page = page_bytes_at_any_time();
  size_t rounded;
  if (__builtin_add_overflow(size, page - 1, &rounded)) {
    return fail_with(ENOMEM);
  }
  return aligned_entry(page, rounded & ~(page - 1));
}

RESLAB_EXPORT size_t malloc_usable_size(void* ptr) noexcept { return usable_size_entry(ptr); }
RESLAB_EXPORT void free_sized(void* ptr, size_t size) noexcept { free_sized_entry(ptr, size); }
RESLAB_EXPORT void free_aligned_sized(void* ptr, size_t alignment, size_t size) noexcept {
  free_aligned_sized_entry(ptr, alignment, size);
}
