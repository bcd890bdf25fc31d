/* SPDX-License-Identifier: Apache-2.0 */
/* A process that comes to have as many mappings as it may (mappings.h) while it works. Calls give memory, or NULL and ENOMEM,
 * in threads that meet the library for the first time then and in a forked child too; nothing is harmed, and when the
 * mappings are given back all is as it was. */
#define _GNU_SOURCE
#include <pthread.h>
#include <sys/wait.h>

#include "mappings.h"
#include "mode.h"
#include "workload.h"

enum { kThreads = 4, kCalls = 4000, kLargest = 9 << 20 };

static void work(unsigned seed) {
  const struct outcome outcome = do_random_work(seed, kCalls, kLargest);
  EXPECT(outcome.wrong == 0);
  EXPECT(outcome.served + outcome.refused > 0);
}

static pthread_barrier_t shortage;

static void* work_in_shortage(void* seed) {
  pthread_barrier_wait(&shortage);
  work((unsigned)(uintptr_t)seed);
  return NULL;
}

/* The audit's notes take a mapping: where there is none it says so. */
static void expect_no_violation(void) {
  errno = 0;
  const int violations = reslab_check(STDERR_FILENO);
  EXPECT(violations == 0 || (violations == -1 && errno == ENOMEM));
}

static void work_in_a_child(void) {
  const pid_t child = fork();
  if (child == 0) {
    failures = 0;
    work(100);
    expect_no_violation();
    EXPECT(give_mappings_back() == 0);
    work(200);
    EXPECT(reslab_check(STDERR_FILENO) == 0);
    _exit(verdict());
  }
  int status = -1;
  EXPECT(child > 0 && waitpid(child, &status, 0) == child && status == 0);
}

/* New threads have slots of which nothing is writable yet. */
static void work_without_a_mapping(void) {
  pthread_t threads[kThreads];
  EXPECT(pthread_barrier_init(&shortage, NULL, kThreads + 1) == 0);
  for (uintptr_t i = 0; i < kThreads; ++i) EXPECT(pthread_create(&threads[i], NULL, work_in_shortage, (void*)i) == 0);
  void* large = opaque(malloc(kLargest));
  EXPECT(large != NULL);
  EXPECT(take_all_mappings() == 0);
  pthread_barrier_wait(&shortage);
  work(10);
  for (int i = 0; i < kThreads; ++i) EXPECT(pthread_join(threads[i], NULL) == 0);
  work_in_a_child();
  free(large);
  reslab_trim(0);
  work(20);
  expect_no_violation();
  EXPECT(give_mappings_back() == 0);
}

static uint64_t bytes_live(void) {
  struct reslab_stats stats;
  EXPECT(reslab_get_stats(&stats, sizeof stats) == 0);
  return stats.bytes_live;
}

int main(void) {
  if (!mappings_can_be_used_up()) return kSkipped;
  work(1);
  expect_mode();
  const uint64_t live = bytes_live();
  const size_t mappings = count_mappings();
  work_without_a_mapping();
  work(30);
  EXPECT(bytes_live() <= live + (64 << 10)); /* libc keeps what threads had */
  EXPECT(count_mappings() <= mappings + 32); /* theirs, and regions of slots */
  void* large = opaque(malloc((size_t)256 << 20));
  EXPECT(large != NULL);
  free(large);
  EXPECT(reslab_check(STDERR_FILENO) == 0);
  return verdict();
}
