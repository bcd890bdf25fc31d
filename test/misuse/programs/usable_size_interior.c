/* SPDX-License-Identifier: Apache-2.0 */
// expect [] malloc_usable_size: Interior(16, *, 64)
#include "../misuse.h"

int main(void) {
  return malloc_usable_size(object(64) + 16) == 0;
  return 0;
}
