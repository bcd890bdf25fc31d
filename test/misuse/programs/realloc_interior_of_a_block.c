/* SPDX-License-Identifier: Apache-2.0 */
// expect [] realloc: InteriorOfBlock(1048576, 3145728)
#include "../misuse.h"

int main(void) {
  free(hide(realloc(object(3 << 20) + (1 << 20), 100)));
  return 0;
}
