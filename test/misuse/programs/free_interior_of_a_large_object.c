/* SPDX-License-Identifier: Apache-2.0 */
// expect [] free: Interior(4096, *, 212992)
#include "../misuse.h"

int main(void) {
  free(object(200000) + 4096);
  return 0;
}
