/* SPDX-License-Identifier: Apache-2.0 */
// expect [] free: Interior(63, *, 64)
#include "../misuse.h"

int main(void) {
  object(64);
  free(object(64) - 1);
  return 0;
}
