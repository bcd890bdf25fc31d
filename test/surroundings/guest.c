/* SPDX-License-Identifier: Apache-2.0 */
/* An ordinary program: threads, a fork, and all calls of the malloc family, none of reslab's by name. Preloaded, or static
 * with RESLAB_LINKED. With an argument it makes so many calls in each thread. */
#define _GNU_SOURCE
#include <pthread.h>
#include <sys/wait.h>

#include "expect_preloaded.h"
#include "workload.h"

enum { kThreads = 4, kLargest = 3 << 20 };
static int calls = 20000;

static void* work(void* seed) {
  const struct outcome outcome = do_random_work((unsigned)(uintptr_t)seed, calls, kLargest);
  EXPECT(outcome.wrong == 0 && outcome.refused == 0 && outcome.served > 0);
  return NULL;
}

static void work_in_threads(void) {
  pthread_t threads[kThreads];
  for (uintptr_t i = 0; i < kThreads; ++i) EXPECT(pthread_create(&threads[i], NULL, work, (void*)i) == 0);
  for (int i = 0; i < kThreads; ++i) EXPECT(pthread_join(threads[i], NULL) == 0);
}

static void work_in_a_child(void) {
  const pid_t child = fork();
  if (child == 0) {
    work((void*)100);
    _exit(verdict());
  }
  int status = -1;
  EXPECT(child > 0 && waitpid(child, &status, 0) == child && status == 0);
}

int main(int argc, char** argv) {
  if (argc > 1) calls = atoi(argv[1]);
  work((void*)10);
  work_in_threads();
  work_in_a_child();
  expect_mode_by_lookup();
  expect_sound_heap_by_lookup();
  puts("all is well");
  return verdict();
}
