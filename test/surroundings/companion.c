/* SPDX-License-Identifier: Apache-2.0 */
/* Another preloaded library that takes the malloc family over, as tracers do: counts, and hands on to the next in order. Says
 * at the end how many calls came by. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

static atomic_ulong calls;

/* POSIX has dlsym give functions as pointers to objects. */
#define NEXT(type, name)                         \
  static _Atomic(type) next_##name;              \
  static type name##_of_next(void) {             \
    type found = atomic_load(&next_##name);      \
    if (found == NULL) {                         \
      *(void**)&found = dlsym(RTLD_NEXT, #name); \
      atomic_store(&next_##name, found);         \
    }                                            \
    atomic_fetch_add(&calls, 1);                 \
    return found;                                \
  }

typedef void* (*malloc_type)(size_t);
typedef void* (*calloc_type)(size_t, size_t);
typedef void* (*realloc_type)(void*, size_t);
typedef void* (*aligned_type)(size_t, size_t);
typedef void (*free_type)(void*);
NEXT(malloc_type, malloc)
NEXT(calloc_type, calloc)
NEXT(realloc_type, realloc)
NEXT(aligned_type, aligned_alloc)
NEXT(free_type, free)

void* malloc(size_t size) { return malloc_of_next()(size); }
void* calloc(size_t count, size_t size) { return calloc_of_next()(count, size); }
void* realloc(void* old, size_t size) { return realloc_of_next()(old, size); }
void* aligned_alloc(size_t alignment, size_t size) { return aligned_alloc_of_next()(alignment, size); }
void free(void* object) { free_of_next()(object); }

__attribute__((destructor)) static void say(void) {
  char text[64];
  const int length = snprintf(text, sizeof text, "companion: %lu calls\n", atomic_load(&calls));
  if (write(STDOUT_FILENO, text, (size_t)length) < 0) _exit(2);
}
