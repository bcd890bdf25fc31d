/* SPDX-License-Identifier: Apache-2.0 */
// expect [] nothing
// expect [debug=P] malloc: WrittenAfterFree(40) + Object(*, 64)
// expect [debug=PU] malloc: WrittenAfterFree(40) + Object(*, 64)
// expect-history [debug=PU]
// expect [debug=G:guard=1] fault: GuardAfterFree(40, 64)
#include "../misuse.h"

int main(void) {
  char* one = object(64);
  free(one);
  one[40] = 1;
  for (int i = 0; i < 3; ++i) object(64);
  return 0;
}
