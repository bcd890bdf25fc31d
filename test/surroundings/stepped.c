/* SPDX-License-Identifier: Apache-2.0 */
/* For stepped.py: a debugger goes from `stepping_begins` to `stepping_ends` one instruction at a time. In mode rseq each
 * step aborts the section it is in, and no section ever commits; calls must end all the same. */
#include "mode.h"

enum { kCalls = 25 };

__attribute__((noinline)) void stepping_begins(void) { __asm__ volatile(""); }
__attribute__((noinline)) void stepping_ends(void) { __asm__ volatile(""); }

static uint64_t exhausted(void) {
  struct reslab_stats stats;
  EXPECT(reslab_get_stats(&stats, sizeof stats) == 0);
  return stats.rseq_restarts_exhausted;
}

static size_t size_of(int i) { return (size_t)16 << (i % 9); }

/* Calls that hit a magazine, miss one, and overflow one. */
static void call(void) {
  void* objects[kCalls];
  for (int i = 0; i < kCalls; ++i) {
    objects[i] = opaque(malloc(size_of(i)));
    EXPECT(objects[i] != NULL);
  }
  for (int i = 0; i < kCalls; ++i) free(objects[i]);
}

int main(void) {
  call();
  expect_mode();
  const uint64_t before = exhausted();
  stepping_begins();
  call();
  stepping_ends();
  printf("calls=%d gave_up=%lu\n", 2 * kCalls, (unsigned long)(exhausted() - before));
  fflush(stdout);
  EXPECT(reslab_check(STDERR_FILENO) == 0);
  return verdict();
}
