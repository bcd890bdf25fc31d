/* SPDX-License-Identifier: Apache-2.0 */
// expect [] free: InteriorOfBlock(16, 3145728)
#include "../misuse.h"

int main(void) {
  free(object(3 << 20) + 16);
  return 0;
}
