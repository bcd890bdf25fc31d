/* SPDX-License-Identifier: Apache-2.0 */
// expect [] nothing
// expect [debug=Z] free: WrittenPastEnd(60, 60) + Object(*, 80)
// expect [debug=G:guard=1] nothing
#include "../misuse.h"

int main(void) {
  char* one = object(60);
  one[60] = 1;
  free(one);
  return 0;
}
