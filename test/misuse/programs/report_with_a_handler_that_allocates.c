/* SPDX-License-Identifier: Apache-2.0 */
// expect [] free: Interior(16, *, 64)
#include "../misuse.h"

static void allocate(int number) {
  for (int i = 0; i < 1000; ++i) free(object((size_t)(number * i)));
}

int main(void) {
  signal(SIGABRT, allocate);
  free(object(64) + 16);
  return 0;
}
