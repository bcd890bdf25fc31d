/* SPDX-License-Identifier: Apache-2.0 */
// expect [] free: Interior(16, *, 64)
#include "../misuse.h"

int main(void) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGABRT);
  sigprocmask(SIG_BLOCK, &set, NULL);
  free(object(64) + 16);
  return 0;
}
