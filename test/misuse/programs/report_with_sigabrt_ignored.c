/* SPDX-License-Identifier: Apache-2.0 */
// expect [] free: Interior(16, *, 64)
#include "../misuse.h"

int main(void) {
  signal(SIGABRT, SIG_IGN);
  free(object(64) + 16);
  return 0;
}
