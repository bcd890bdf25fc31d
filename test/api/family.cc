// SPDX-License-Identifier: Apache-2.0
#include "family.h"

#include <malloc.h>
#include <reslab/reslab.h>

#include <cstdint>
#include <cstdlib>
#include <new>

// C23, and names that libc's headers no longer declare.
extern "C" {
void free_sized(void* ptr, size_t size);
void free_aligned_sized(void* ptr, size_t alignment, size_t size);
void cfree(void* ptr);
}

namespace api {
namespace {

constexpr size_t kPage = 4096;
constexpr size_t kMax = PTRDIFF_MAX;
constexpr unsigned kGrow = RESLAB_GROW;

void* by_posix_memalign(int (*function)(void**, size_t, size_t), size_t alignment, size_t bytes) {
  void* out = nullptr;
  return function(&out, alignment, bytes) == 0 ? out : nullptr;
}

template <class Allocate>
void* or_null(Allocate allocate) {
  try {
    return allocate();
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

std::align_val_t alignment_of(size_t bytes) { return static_cast<std::align_val_t>(bytes); }

}  // namespace

// free_aligned_sized and the aligned deletes are told alignment 16: every object has that one.
const std::vector<Allocator>& allocators() {
  static const std::vector<Allocator> table = {
      {"malloc", [](size_t n) { return malloc(n); }, Failure::kEnomem, 16, kMax, false},
      {"calloc", [](size_t n) { return calloc(1, n); }, Failure::kEnomem, 16, kMax, true},
      {"calloc_by_bytes", [](size_t n) { return calloc(n, 1); }, Failure::kEnomem, 16, kMax, true},
      {"realloc", [](size_t n) { return realloc(nullptr, n); }, Failure::kEnomem, 16, kMax, false},
      {"reallocarray", [](size_t n) { return reallocarray(nullptr, 1, n); }, Failure::kEnomem, 16, kMax, false},
      {"aligned_alloc", [](size_t n) { return aligned_alloc(64, n); }, Failure::kEnomem, 64, kMax, false},
      {"memalign", [](size_t n) { return memalign(64, n); }, Failure::kEnomem, 64, kMax, false},
      {"valloc", [](size_t n) { return valloc(n); }, Failure::kEnomem, kPage, kMax, false},
      {"pvalloc", [](size_t n) { return pvalloc(n); }, Failure::kEnomem, kPage, kMax, false},
      {"posix_memalign", [](size_t n) { return by_posix_memalign(posix_memalign, 64, n); }, Failure::kKeeps, 64, kMax,
       false},
      {"operator_new", [](size_t n) { return or_null([n] { return operator new(n); }); }, Failure::kBadAlloc, 16, kMax,
       false},
      {"operator_new_array", [](size_t n) { return or_null([n] { return operator new[](n); }); }, Failure::kBadAlloc,
       16, kMax, false},
      {"operator_new_nothrow", [](size_t n) { return operator new(n, std::nothrow); }, Failure::kBadAlloc, 16, kMax,
       false},
      {"operator_new_aligned", [](size_t n) { return or_null([n] { return operator new(n, alignment_of(64)); }); },
       Failure::kBadAlloc, 64, kMax, false},
      {"reslab_malloc", [](size_t n) { return reslab_malloc(n); }, Failure::kEnomem, 16, kMax, false},
      {"reslab_calloc", [](size_t n) { return reslab_calloc(1, n); }, Failure::kEnomem, 16, kMax, true},
      {"reslab_realloc", [](size_t n) { return reslab_realloc(nullptr, n); }, Failure::kEnomem, 16, kMax, false},
      {"reslab_reallocarray", [](size_t n) { return reslab_reallocarray(nullptr, n, 1); }, Failure::kEnomem, 16, kMax,
       false},
      {"reslab_aligned_alloc", [](size_t n) { return reslab_aligned_alloc(64, n); }, Failure::kEnomem, 64, kMax, false},
      {"reslab_posix_memalign", [](size_t n) { return by_posix_memalign(reslab_posix_memalign, 64, n); },
       Failure::kKeeps, 64, kMax, false},
      {"reslab_malloc_nolock", [](size_t n) { return reslab_malloc_nolock(n, kGrow); }, Failure::kKeeps, 16,
       RESLAB_NOLOCK_MAX, false},
      {"reslab_malloc_nolock_zero", [](size_t n) { return reslab_malloc_nolock(n, kGrow | RESLAB_ZERO); },
       Failure::kKeeps, 16, RESLAB_NOLOCK_MAX, true},
      {"reslab_aligned_alloc_nolock", [](size_t n) { return reslab_aligned_alloc_nolock(64, n, kGrow); },
       Failure::kKeeps, 64, RESLAB_NOLOCK_MAX, false},
  };
  return table;
}

const std::vector<Aligner>& aligners() {
  static const std::vector<Aligner> table = {
      {"aligned_alloc", [](size_t a, size_t n) { return aligned_alloc(a, n); }, 1, Failure::kEnomem},
      {"posix_memalign", [](size_t a, size_t n) { return by_posix_memalign(posix_memalign, a, n); }, sizeof(void*),
       Failure::kKeeps},
      {"memalign", [](size_t a, size_t n) { return memalign(a, n); }, 1, Failure::kEnomem},
      {"operator_new_aligned",
       [](size_t a, size_t n) { return or_null([a, n] { return operator new(n, alignment_of(a)); }); }, 1,
       Failure::kBadAlloc},
      {"operator_new_array_aligned_nothrow",
       [](size_t a, size_t n) { return operator new[](n, alignment_of(a), std::nothrow); }, 1, Failure::kBadAlloc},
      {"reslab_aligned_alloc", [](size_t a, size_t n) { return reslab_aligned_alloc(a, n); }, 1, Failure::kEnomem},
      {"reslab_posix_memalign", [](size_t a, size_t n) { return by_posix_memalign(reslab_posix_memalign, a, n); },
       sizeof(void*), Failure::kKeeps},
  };
  return table;
}

const std::vector<Releaser>& releasers() {
  static const std::vector<Releaser> table = {
      {"free", [](void* p, size_t) { free(p); }},
      {"cfree", [](void* p, size_t) { cfree(p); }},
      {"free_sized", [](void* p, size_t n) { free_sized(p, n); }},
      {"free_aligned_sized", [](void* p, size_t n) { free_aligned_sized(p, 16, n); }},
      {"realloc_and_free", [](void* p, size_t n) { free(realloc(p, n)); }},
      {"operator_delete", [](void* p, size_t) { operator delete(p); }},
      {"operator_delete_array", [](void* p, size_t) { operator delete[](p); }},
      {"operator_delete_nothrow", [](void* p, size_t) { operator delete(p, std::nothrow); }},
      {"operator_delete_array_nothrow", [](void* p, size_t) { operator delete[](p, std::nothrow); }},
      {"operator_delete_sized", [](void* p, size_t n) { operator delete(p, n); }},
      {"operator_delete_array_sized", [](void* p, size_t n) { operator delete[](p, n); }},
      {"operator_delete_aligned", [](void* p, size_t) { operator delete(p, alignment_of(16)); }},
      {"operator_delete_array_aligned", [](void* p, size_t) { operator delete[](p, alignment_of(16)); }},
      {"operator_delete_sized_aligned", [](void* p, size_t n) { operator delete(p, n, alignment_of(16)); }},
      {"operator_delete_array_sized_aligned", [](void* p, size_t n) { operator delete[](p, n, alignment_of(16)); }},
      {"operator_delete_aligned_nothrow", [](void* p, size_t) { operator delete(p, alignment_of(16), std::nothrow); }},
      {"operator_delete_array_aligned_nothrow",
       [](void* p, size_t) { operator delete[](p, alignment_of(16), std::nothrow); }},
      {"reslab_free", [](void* p, size_t) { reslab_free(p); }},
      {"reslab_free_sized", [](void* p, size_t n) { reslab_free_sized(p, n); }},
      {"reslab_free_aligned_sized", [](void* p, size_t n) { reslab_free_aligned_sized(p, 16, n); }},
      {"reslab_free_nolock", [](void* p, size_t) { reslab_free_nolock(p); }},
      {"reslab_free_sized_nolock", [](void* p, size_t n) { reslab_free_sized_nolock(p, n); }},
  };
  return table;
}

const std::vector<size_t>& sizes_around_limits() {
  static const std::vector<size_t> sizes = [] {
    std::vector<size_t> all = {0, 1, 2, 7, 8, 9};
    for (size_t limit = 16; limit <= (size_t{16} << 20); limit *= 2) {
      for (const size_t size : {limit - 1, limit, limit + 1, limit + limit / 8, limit + limit / 8 + 1})
        all.push_back(size);
    }
    return all;
  }();
  return sizes;
}

}  // namespace api
