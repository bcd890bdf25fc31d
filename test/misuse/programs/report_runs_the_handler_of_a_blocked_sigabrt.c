/* SPDX-License-Identifier: Apache-2.0 */
// expect [] free: Interior(16, *, 64)
#include "../misuse.h"

#include <sys/wait.h>

static int ends[2];

static void tell(int number) {
  (void)number;
  (void)!write(ends[1], "a", 1);
}

static void make_the_mistake(void) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGABRT);
  sigprocmask(SIG_BLOCK, &set, NULL);
  signal(SIGABRT, tell);
  free(object(64) + 16);
}

/* The mistake is a child's, which ends the same whether its handler has run or not: this process ends as the child did if
 * the handler has run, and as if the mistake had gone unnoticed if it has not. */
int main(void) {
  if (pipe(ends) != 0) return 3;
  const pid_t child = fork();
  if (child == 0) {
    make_the_mistake();
    return 3;
  }
  int status = 0;
  char said = 0;
  if (waitpid(child, &status, 0) != child || close(ends[1]) != 0) return 3;
  const int has_run = read(ends[0], &said, 1) == 1;
  if (has_run && WIFSIGNALED(status)) raise(WTERMSIG(status));
  return 0;
}
