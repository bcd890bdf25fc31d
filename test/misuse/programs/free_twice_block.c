/* SPDX-License-Identifier: Apache-2.0 */
// expect [] free: NothingThere
// expect [debug=F:quarantine=16m] free: DoubleFree + LargeBlock(3145728)
#include "../misuse.h"

int main(void) {
  char* one = object(3 << 20);
  free(one);
  free(one);
  return 0;
}
