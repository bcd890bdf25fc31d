// SPDX-License-Identifier: Apache-2.0
/* What each program of the outside projects asks of the reslab it was built with; in C and in C++. */
#include <reslab/reslab.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int is_of_reslab(const void* object) {
  struct reslab_status status;
  if (reslab_get_status(&status, sizeof status) != 0) return 0;
  return (uintptr_t)object - status.arena_base < status.arena_window_bytes;
}

/* The mode is the one that was asked for: a program that was not asked runs in none. */
static int is_in_mode_asked_for(void) {
  const char* asked = getenv("RESLAB_TEST_MODE");
  struct reslab_status status;
  if (asked == NULL || reslab_get_status(&status, sizeof status) != 0) return 0;
  if (strcmp(asked, "rseq") == 0) return status.mode == RESLAB_MODE_RSEQ;
  return strcmp(asked, "fallback") == 0 && status.mode == RESLAB_MODE_FALLBACK;
}

/* Is the library's own memory reslab's, and the program's malloc too, if and only if it was to be? */
static int check(int malloc_is_reslab) {
  void* mine = reslab_malloc_nolock(100, RESLAB_GROW);
  void* other = malloc(100);
  const int right = mine != NULL && other != NULL && is_of_reslab(mine) && is_of_reslab(other) == malloc_is_reslab &&
                    is_in_mode_asked_for();
  printf("%s: reslab %s, malloc of %s\n", right ? "ok" : "WRONG", reslab_version(),
         is_of_reslab(other) ? "reslab" : "libc");
  reslab_free_nolock(mine);
  free(other);
  return right ? 0 : 1;
}
