/* SPDX-License-Identifier: Apache-2.0 */
/* A program for options.py, preloaded or static: allocates, forks once, and says so. */
#define _GNU_SOURCE
#include <sys/wait.h>

#include "expect_preloaded.h"

int main(void) {
  free(opaque(malloc(100)));
  expect_mode_by_lookup();

  const pid_t child = fork();
  if (child == 0) {
    free(opaque(malloc(1000)));
    _exit(0);
  }
  int ended = -1;
  EXPECT(waitpid(child, &ended, 0) == child && ended == 0);
  puts("hello");
  return verdict();
}
