/* SPDX-License-Identifier: Apache-2.0 */
// expect [] free: Interior(16, *, 64)
#include "../misuse.h"

static void misuse(int number) { free(object(64) + (number != 0 ? 16 : 0)); }

int main(void) {
  free(object(64));  // the loader, which binds calls when they are first made, has more stack here
  static char stack[32768];
  stack_t alternate = {.ss_sp = stack, .ss_size = (size_t)sysconf(_SC_MINSIGSTKSZ) + 2048};
  struct sigaction action = {.sa_handler = misuse, .sa_flags = SA_ONSTACK};
  sigaltstack(&alternate, NULL);
  sigaction(SIGUSR1, &action, NULL);
  raise(SIGUSR1);
  return 0;
}
