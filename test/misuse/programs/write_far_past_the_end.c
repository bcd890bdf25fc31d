/* SPDX-License-Identifier: Apache-2.0 */
// expect [] nothing
// expect [debug=Z] free: WrittenPastEnd(1000, 1000) + Object(*, 1024)
// expect [debug=G:guard=1] fault: GuardPastEnd(1008, 1000)
#include "../misuse.h"

int main(void) {
  char *one = object(1000), *other = object(1000);
  memset(one, 1, 1032);
  free(one);
  free(other);
  return 0;
}
