/* SPDX-License-Identifier: Apache-2.0 */
// expect [] free: InteriorOfBlock(1048576, 3145728)
#include "../misuse.h"

int main(void) {
  free(object(3 << 20) + (1 << 20));
  return 0;
}
