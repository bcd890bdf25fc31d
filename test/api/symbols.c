/* SPDX-License-Identifier: Apache-2.0 */
/* Every allocation symbol, looked up at run time under preload, comes from one object: reslab (lesson 30). */
#define _GNU_SOURCE
#include <dlfcn.h>

#include "expect.h"

static const char* const kMallocFamily[] = {"malloc",        "calloc",
                                            "realloc",       "reallocarray",
                                            "free",          "cfree",
                                            "aligned_alloc", "posix_memalign",
                                            "memalign",      "valloc",
                                            "pvalloc",       "malloc_usable_size",
                                            "free_sized",    "free_aligned_sized",
                                            "malloc_trim",   "mallinfo",
                                            "mallinfo2",     "malloc_stats",
                                            "malloc_info",   "mallopt"};

static const char* const kOperators[] = {"_Znwm",
                                         "_Znam",
                                         "_ZnwmRKSt9nothrow_t",
                                         "_ZnamRKSt9nothrow_t",
                                         "_ZnwmSt11align_val_t",
                                         "_ZnamSt11align_val_t",
                                         "_ZnwmSt11align_val_tRKSt9nothrow_t",
                                         "_ZnamSt11align_val_tRKSt9nothrow_t",
                                         "_ZdlPv",
                                         "_ZdaPv",
                                         "_ZdlPvm",
                                         "_ZdaPvm",
                                         "_ZdlPvRKSt9nothrow_t",
                                         "_ZdaPvRKSt9nothrow_t",
                                         "_ZdlPvSt11align_val_t",
                                         "_ZdaPvSt11align_val_t",
                                         "_ZdlPvmSt11align_val_t",
                                         "_ZdaPvmSt11align_val_t",
                                         "_ZdlPvSt11align_val_tRKSt9nothrow_t",
                                         "_ZdaPvSt11align_val_tRKSt9nothrow_t"};

static const char* const kProcessCalls[] = {"vfork"};

static void expect_from_reslab(const char* const* names, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    Dl_info info;
    void* symbol = dlsym(RTLD_DEFAULT, names[i]);
    const int found = symbol != NULL && dladdr(symbol, &info) != 0;
    const char* object = found ? strrchr(info.dli_fname, '/') : NULL;
    const int is_ours = object != NULL && strncmp(object, "/libreslab.so", 13) == 0;
    if (!is_ours) fprintf(stderr, "%s comes from %s\n", names[i], found ? info.dli_fname : "nowhere");
    EXPECT(is_ours);
  }
}

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

int main(void) {
  expect_from_reslab(kMallocFamily, COUNT(kMallocFamily));
  expect_from_reslab(kOperators, COUNT(kOperators));
  expect_from_reslab(kProcessCalls, COUNT(kProcessCalls));

  struct reslab_status status = {0};
  int (*get_status)(struct reslab_status*, size_t) = NULL;
  *(void**)&get_status = dlsym(RTLD_DEFAULT, "reslab_get_status");
  EXPECT(get_status != NULL && get_status(&status, sizeof status) == 0);
  expect_mode_of(&status);
  return verdict();
}
