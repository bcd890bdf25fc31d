/* SPDX-License-Identifier: Apache-2.0 */
/* For programs that do not link reslab, and get it by preloading; or are built once more with RESLAB_LINKED, as static
 * programs that have it for their malloc. _GNU_SOURCE is theirs to define. */
#ifndef RESLAB_TEST_API_EXPECT_PRELOADED_H
#define RESLAB_TEST_API_EXPECT_PRELOADED_H

#include <dlfcn.h>

#include "expect.h"

static inline void expect_mode_by_lookup(void) {
#ifdef RESLAB_LINKED
  int (*get_status)(struct reslab_status*, size_t) = reslab_get_status;
#else
  int (*get_status)(struct reslab_status*, size_t) = NULL;
  *(void**)&get_status = dlsym(RTLD_DEFAULT, "reslab_get_status");
#endif
  struct reslab_status status = {0};
  EXPECT(get_status != NULL && get_status(&status, sizeof status) == 0);
  expect_mode_of(&status);
}

static inline void expect_sound_heap_by_lookup(void) {
#ifdef RESLAB_LINKED
  int (*check)(int) = reslab_check;
#else
  int (*check)(int) = NULL;
  *(void**)&check = dlsym(RTLD_DEFAULT, "reslab_check");
#endif
  EXPECT(check != NULL && check(STDERR_FILENO) == 0);
}

#endif
