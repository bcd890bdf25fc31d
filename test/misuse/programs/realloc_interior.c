/* SPDX-License-Identifier: Apache-2.0 */
// expect [] realloc: Interior(16, *, 64)
#include "../misuse.h"

int main(void) {
  free(hide(realloc(object(64) + 16, 100)));
  return 0;
}
