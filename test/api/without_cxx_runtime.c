/* SPDX-License-Identifier: Apache-2.0 */
/* A C program under preload: no C++ runtime comes with its malloc. When a plugin in C++ brings one later, in a scope of
 * its own, a failing new throws what the plugin catches.
 *
 * Usage: without_cxx_runtime PLUGIN */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <link.h>

#include "expect_preloaded.h"

static int note_cxx_runtime(struct dl_phdr_info* info, size_t size, void* found) {
  (void)size;
  if (strstr(info->dlpi_name, "libstdc++") != NULL || strstr(info->dlpi_name, "libc++") != NULL) *(int*)found = 1;
  return 0;
}

static int has_cxx_runtime(void) {
  int found = 0;
  dl_iterate_phdr(note_cxx_runtime, &found);
  return found;
}

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  expect_mode_by_lookup();
  char* text = opaque(malloc(100));
  EXPECT(text != NULL);
  memset(text, 'x', 100);
  free(text);
  EXPECT(!has_cxx_runtime());

  void* plugin = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
  if (plugin == NULL) fprintf(stderr, "%s\n", dlerror());
  EXPECT(plugin != NULL);
  if (plugin == NULL) return verdict();
  EXPECT(has_cxx_runtime());
  EXPECT(dlsym(RTLD_DEFAULT, "_ZSt17__throw_bad_allocv") == NULL); /* in a scope of its own */
  for (const char* const* name = (const char* const[]){"plugin_catches_bad_alloc", "plugin_calls_its_new_handler",
                                                       "plugin_nothrow_returns_null", NULL};
       *name != NULL; ++name) {
    int (*call)(void) = NULL;
    *(void**)&call = dlsym(plugin, *name);
    const int holds = call != NULL && call();
    if (!holds) fprintf(stderr, "%s: no\n", *name);
    EXPECT(holds);
  }
  return verdict();
}
