/* SPDX-License-Identifier: Apache-2.0 */
/* A program for options.py to preload under: allocates, forks once, and says so. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sys/wait.h>

#include "expect.h"

int main(void) {
  int (*get_status)(struct reslab_status*, size_t) = NULL;
  *(void**)&get_status = dlsym(RTLD_DEFAULT, "reslab_get_status");
  struct reslab_status status = {0};
  free(opaque(malloc(100)));
  EXPECT(get_status != NULL && get_status(&status, sizeof status) == 0);
  expect_mode_of(&status);

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
