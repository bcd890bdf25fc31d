// SPDX-License-Identifier: Apache-2.0
/* What the programs of this folder share. Each makes one mistake, in a process of its own; the comment at its top says what
 * must come of it, and run.py has the grammar. A program that gets to its end exits with 0: the mistake went unnoticed. */
#ifndef RESLAB_TEST_MISUSE_H
#define RESLAB_TEST_MISUSE_H

#include <malloc.h>
#include <reslab/reslab.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifdef MISUSE_PRELOADED /* then these come from the library, which the linker does not see */
#pragma weak reslab_get_status
#pragma weak reslab_free
#pragma weak reslab_malloc_nolock
#pragma weak reslab_free_nolock
#pragma weak reslab_free_sized_nolock
#pragma weak reslab_usable_size
#pragma weak reslab_pages_alloc_nolock
#pragma weak reslab_pages_free_nolock
#pragma weak reslab_reserve_create
#pragma weak reslab_reserve_alloc
#pragma weak reslab_reserve_refill
#pragma weak reslab_reserve_destroy
#pragma weak reslab_trim
#pragma weak reslab_group_create
#pragma weak reslab_group_malloc
#pragma weak reslab_group_destroy
#pragma weak reslab_cache_create
#pragma weak reslab_cache_alloc
#pragma weak reslab_cache_free
#pragma weak reslab_cache_destroy
#pragma weak free_sized
#endif

#ifdef __cplusplus
extern "C" {
#endif
void free_sized(void* ptr, size_t size); /* C23 */
#ifdef __cplusplus
}
#endif

/* A pointer of which the compiler knows nothing: it would fold the mistake away. */
static inline char* hide(const volatile void* pointer) {
  char* hidden = (char*)(uintptr_t)pointer;
  __asm__ volatile("" : "+r"(hidden) : : "memory");
  return hidden;
}

static inline char* object(size_t bytes) { return hide(malloc(bytes)); }

/* Traffic in a class that no magazine and no depot can hold: objects come from slabs and go back to them. */
static inline void churn(size_t bytes) {
  enum { kBytes = 32 << 20 };
  static char* objects[kBytes / 64];
  const size_t count = kBytes / bytes;
  for (int round = 0; round < 3; ++round) {
    for (size_t i = 0; i < count; ++i) objects[i] = object(bytes);
    for (size_t i = 0; i < count; ++i) free(objects[i]);
  }
}

/* Before any mistake: stay on one CPU, where the second of two frees finds the first on top of the magazine, and be in the
 * mode that the test asks for. */
__attribute__((constructor)) static void begin_misuse(void) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(sched_getcpu(), &set);
  const char* wanted = getenv("RESLAB_TEST_MODE");
  struct reslab_status status;
  memset(&status, 0, sizeof status);
  if (hide((const void*)reslab_get_status) == NULL || reslab_get_status(&status, sizeof status) != 0 ||
      wanted == NULL || status.mode != (strcmp(wanted, "rseq") == 0 ? RESLAB_MODE_RSEQ : RESLAB_MODE_FALLBACK) ||
      sched_setaffinity(0, sizeof set, &set) != 0) {
    _exit(3);
  }
}

#endif
