/* SPDX-License-Identifier: Apache-2.0 */
// expect [] nothing
// expect [check_sizes=1] free_sized: WrongSize(64) + LargeBlock(3145728)
// expect [debug=F] free_sized: WrongSizeAsked(64, 3145728) + LargeBlock(3145728)
#include "../misuse.h"

int main(void) {
  free_sized(object(3 << 20), 64);
  return 0;
}
