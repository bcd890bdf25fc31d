/* SPDX-License-Identifier: Apache-2.0 */
/* A program that takes its environment away and loads the library behind that: what was in it is not heard any more, as by
 * getenv. `cleared LIBRARY MODE`, with RESLAB_OPTIONS=dirty_min=3m. The mode is what the process got by its registration. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <reslab/reslab.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char** argv) {
  const char* given = getenv("RESLAB_OPTIONS");
  if (argc != 3 || given == NULL || strcmp(given, "dirty_min=3m") != 0)
    return fprintf(stderr, "not as it is meant\n"), 2;
  clearenv();
  void* library = dlopen(argv[1], RTLD_NOW);
  if (library == NULL) return fprintf(stderr, "%s\n", dlerror()), 2;
  void* (*allocate)(size_t);
  int (*option_get)(const char*, char*, size_t);
  int (*get_status)(struct reslab_status*, size_t);
  *(void**)&allocate = dlsym(library, "reslab_malloc");
  *(void**)&option_get = dlsym(library, "reslab_option_get");
  *(void**)&get_status = dlsym(library, "reslab_get_status");
  char dirty_min[32] = "";
  struct reslab_status status;
  if (allocate == NULL || option_get == NULL || get_status == NULL || allocate(100) == NULL) return 1;
  if (get_status(&status, sizeof status) != 0) return 1;
  const uint32_t wanted = strcmp(argv[2], "rseq") == 0 ? RESLAB_MODE_RSEQ : RESLAB_MODE_FALLBACK;
  if (status.mode != wanted) return fprintf(stderr, "not in mode %s: %s\n", argv[2], status.mode_reason), 1;
  if (option_get("dirty_min", dirty_min, sizeof dirty_min) != 0) return 1;
  if (strcmp(dirty_min, "1048576") != 0) return fprintf(stderr, "dirty_min is %s\n", dirty_min), 1;
  return 0;
}
