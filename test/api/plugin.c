/* SPDX-License-Identifier: Apache-2.0 */
/* A program with a malloc of its own opens the library for reslab_* alone, when threads are running already: its
 * thread-local line fits, its calls work on every thread, and the program's malloc stays what it was.
 *
 * For lesson 18 of docs/lessons.md.
 *
 * Usage: plugin LIBRARY [global] */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <sched.h>

#include "expect.h"

static void* (*plugin_malloc)(size_t);
static void (*plugin_free)(void*);
static void* (*plugin_malloc_nolock)(size_t, unsigned);
static void (*plugin_free_nolock)(void*);
static int (*plugin_check)(int);

static pthread_barrier_t opened;
static void* libc_malloc;

static void use_both(void) {
  for (size_t bytes = 1; bytes < 100000; bytes += bytes / 3 + 1) {
    void* theirs = opaque(malloc(bytes));
    void* ours = opaque(plugin_malloc(bytes));
    void* nolock = opaque(plugin_malloc_nolock(bytes, RESLAB_GROW));
    EXPECT(theirs != NULL && ours != NULL && nolock != NULL);
    memset(ours, 1, bytes);
    memset(nolock, 2, bytes);
    memset(theirs, 3, bytes);
    plugin_free_nolock(ours);
    plugin_free(nolock);
    free(theirs);
  }
}

/* The first call of the process may come from any CPU's thread: here from one pinned to the last CPU. */
static void* wait_and_use(void* last_cpu) {
  if (last_cpu != NULL) {
    cpu_set_t set;
    EXPECT(sched_getaffinity(0, sizeof set, &set) == 0);
    int last = 0;
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) last = CPU_ISSET(cpu, &set) ? cpu : last;
    CPU_ZERO(&set);
    CPU_SET(last, &set);
    EXPECT(sched_setaffinity(0, sizeof set, &set) == 0);
  }
  pthread_barrier_wait(&opened);
  use_both();
  return NULL;
}

static void* from(void* library, const char* name) {
  void* symbol = dlsym(library, name);
  if (symbol == NULL) fprintf(stderr, "no %s\n", name);
  EXPECT(symbol != NULL);
  return symbol;
}

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  libc_malloc = dlsym(RTLD_DEFAULT, "malloc");
  EXPECT(pthread_barrier_init(&opened, NULL, 5) == 0);
  pthread_t threads[4];
  for (int i = 0; i < 4; ++i) EXPECT(pthread_create(&threads[i], NULL, wait_and_use, i == 0 ? "last" : NULL) == 0);

  void* library = dlopen(argv[1], RTLD_NOW | (argc > 2 ? RTLD_GLOBAL : RTLD_LOCAL));
  if (library == NULL) fprintf(stderr, "%s\n", dlerror());
  EXPECT(library != NULL);
  if (library == NULL) return verdict();
  *(void**)&plugin_malloc = from(library, "reslab_malloc");
  *(void**)&plugin_free = from(library, "reslab_free");
  *(void**)&plugin_malloc_nolock = from(library, "reslab_malloc_nolock");
  *(void**)&plugin_free_nolock = from(library, "reslab_free_nolock");
  *(void**)&plugin_check = from(library, "reslab_check");
  int (*get_status)(struct reslab_status*, size_t) = NULL;
  *(void**)&get_status = from(library, "reslab_get_status");
  if (failures != 0) return verdict();

  pthread_barrier_wait(&opened);
  for (int i = 0; i < 4; ++i) EXPECT(pthread_join(threads[i], NULL) == 0);
  use_both();
  struct reslab_status status = {0};
  EXPECT(get_status(&status, sizeof status) == 0);
  expect_mode_of(&status);
  EXPECT(dlsym(RTLD_DEFAULT, "malloc") == libc_malloc);
  EXPECT(plugin_check(STDERR_FILENO) == 0);

  /* Closing leaves the code where it is: a section of it may be the one this thread is registered with. */
  EXPECT(dlclose(library) == 0);
  use_both();
  return verdict();
}
