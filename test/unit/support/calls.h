// SPDX-License-Identifier: Apache-2.0
// Every function that allocates and every function that frees, in one form each: memory from any of the first may be
// given to any of the second (P7).
#pragma once

#include <reslab/reslab.h>

#include <cstddef>
#include <cstdint>
#include <ostream>

#include "support/opaque.h"

namespace unit {

struct AllocatingCall {
  const char* name;
  void* (*allocate)(size_t bytes);
  size_t most;     // bytes it serves
  size_t aligned;  // to so many bytes
  bool zeroed;
};

struct FreeingCall {
  const char* name;
  void (*free)(void* object, size_t bytes);  // `bytes`: what was asked for
};

inline std::ostream& operator<<(std::ostream& out, const FreeingCall& call) { return out << call.name; }

inline constexpr size_t kAnySize = PTRDIFF_MAX;

inline constexpr AllocatingCall kAllocatingCalls[] = {
    {"malloc", [](size_t n) { return opaque(reslab_malloc(n)); }, kAnySize, 16, false},
    {"calloc", [](size_t n) { return opaque(reslab_calloc(1, n)); }, kAnySize, 16, true},
    {"realloc", [](size_t n) { return opaque(reslab_realloc(nullptr, n)); }, kAnySize, 16, false},
    {"reallocarray", [](size_t n) { return opaque(reslab_reallocarray(nullptr, n, 1)); }, kAnySize, 16, false},
    {"aligned_alloc", [](size_t n) { return opaque(reslab_aligned_alloc(64, n)); }, kAnySize, 64, false},
    {"posix_memalign",
     [](size_t n) {
       void* object = nullptr;
       return reslab_posix_memalign(&object, 4096, n) == 0 ? opaque(object) : nullptr;
     },
     kAnySize, 4096, false},
    {"malloc_nolock", [](size_t n) { return opaque(reslab_malloc_nolock(n, RESLAB_GROW)); }, RESLAB_NOLOCK_MAX, 16,
     false},
    {"malloc_nolock zero", [](size_t n) { return opaque(reslab_malloc_nolock(n, RESLAB_GROW | RESLAB_ZERO)); },
     RESLAB_NOLOCK_MAX, 16, true},
    {"aligned_alloc_nolock", [](size_t n) { return opaque(reslab_aligned_alloc_nolock(256, n, RESLAB_GROW)); },
     RESLAB_NOLOCK_MAX, 256, false},
};

inline constexpr FreeingCall kFreeingCalls[] = {
    {"free", [](void* object, size_t) { reslab_free(object); }},
    {"free_sized", [](void* object, size_t n) { reslab_free_sized(object, n); }},
    {"free_aligned_sized", [](void* object, size_t n) { reslab_free_aligned_sized(object, 16, n); }},
    {"free_nolock", [](void* object, size_t) { reslab_free_nolock(object); }},
    {"free_sized_nolock", [](void* object, size_t n) { reslab_free_sized_nolock(object, n); }},
};

// A size below, at and above every boundary: classes, units, what the fast path and the nolock functions serve.
inline constexpr size_t kSizes[] = {
    0,      1,      15,     16,     17,     100,    128,    129,     1000,          4095,
    4096,   4097,   8191,   8192,   8193,   16384,  20000,  65535,   65536,         65537,
    131072, 200000, 262143, 262144, 262145, 300000, 524288, 1 << 20, (1 << 20) + 1, 5 << 20};

}  // namespace unit
