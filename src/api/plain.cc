// SPDX-License-Identifier: Apache-2.0
// reslab_*: the plain family under names of its own.

#include "api/entry.h"
#include "heap/heap.h"
#include "reslab/reslab.h"

using namespace reslab;

extern "C" {

void* reslab_malloc(size_t size) noexcept { return malloc_entry(size); }
void* reslab_calloc(size_t count, size_t size) noexcept { return calloc_entry(count, size); }
void* reslab_realloc(void* ptr, size_t size) noexcept { return realloc_entry(ptr, size); }
void* reslab_reallocarray(void* ptr, size_t count, size_t size) noexcept {
  return reallocarray_entry(ptr, count, size);
}
void* reslab_aligned_alloc(size_t alignment, size_t size) noexcept { return aligned_entry(alignment, size); }
int reslab_posix_memalign(void** out, size_t alignment, size_t size) noexcept {
  return posix_memalign_entry(out, alignment, size);
}
void reslab_free(void* ptr) noexcept { free_entry(ptr); }
void reslab_free_sized(void* ptr, size_t size) noexcept { free_sized_entry(ptr, size); }
void reslab_free_aligned_sized(void* ptr, size_t alignment, size_t size) noexcept {
  free_aligned_sized_entry(ptr, alignment, size);
}
size_t reslab_usable_size(const void* ptr) noexcept { return heap_usable_bytes(ptr, "reslab_usable_size"); }
size_t reslab_good_size(size_t size) noexcept { return heap_good_bytes(size); }

}  // extern "C"
