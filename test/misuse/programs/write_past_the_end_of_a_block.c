/* SPDX-License-Identifier: Apache-2.0 */
// expect [] nothing
// expect [debug=Z] free: WrittenPastEnd(3000000, 3000000) + LargeBlock(3014656)
#include "../misuse.h"

int main(void) {
  char* one = object(3000000);
  one[3000000] = 1;
  free(one);
  return 0;
}
