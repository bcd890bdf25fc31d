/* SPDX-License-Identifier: Apache-2.0 */
// expect [] nothing
// expect [debug=P:quarantine=4k] free: WrittenAfterFree(40) + Object(*, 64)
#include "../misuse.h"

int main(void) {
  char* one = object(64);
  free(one);
  one[40] = 1;
  for (int i = 0; i < 100; ++i) free(object(64));
  return 0;
}
