/* SPDX-License-Identifier: Apache-2.0 */
// expect [] free: Interior(1, *, 64)
#include "../misuse.h"

int main(void) {
  free(object(64) + 1);
  return 0;
}
