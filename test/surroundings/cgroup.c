/* SPDX-License-Identifier: Apache-2.0 */
/* What cgroup.py runs under a limit on the memory of a control group, which no call is refused by: the kernel kills who
 * exceeds it. So all there is to show is that what was freed goes back in time.
 *
 * Usage: cgroup in-turn MIB | at-once MIB     MIB of objects of one size after another, each freed before the next; or all
 *                                             sizes together */
#include "mode.h"

enum { kSizes = 12 };
static const size_t kMiB = 1 << 20;

static void** fill(size_t object_bytes, size_t bytes) {
  void** last = NULL;
  for (size_t used = 0; used < bytes; used += object_bytes) {
    void** object = opaque(malloc(object_bytes));
    EXPECT(object != NULL);
    if (object == NULL) return last;
    memset(object, 1, object_bytes);
    *object = last;
    last = object;
  }
  return last;
}

static void empty(void** last) {
  while (last != NULL) {
    void** next = *last;
    free(last);
    last = next;
  }
}

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const size_t bytes = strtoul(argv[2], NULL, 10) * kMiB;
  const int in_turn = strcmp(argv[1], "in-turn") == 0;
  void** filled[kSizes];
  expect_mode();
  for (int i = 0; i < kSizes; ++i) {
    filled[i] = fill((size_t)48 << i, bytes);
    if (in_turn) empty(filled[i]);
  }
  for (int i = 0; i < kSizes && !in_turn; ++i) empty(filled[i]);
  EXPECT(reslab_check(STDERR_FILENO) == 0);
  return verdict();
}
