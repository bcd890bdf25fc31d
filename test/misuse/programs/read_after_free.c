/* SPDX-License-Identifier: Apache-2.0 */
// expect [] nothing
// expect [debug=FZPU] nothing
// expect [debug=G:guard=1] fault: GuardAfterFree(40, 64)
// expect [debug=GU:guard=1] fault: GuardAfterFree(40, 64)
// expect-history [debug=GU:guard=1]
#include "../misuse.h"

int main(void) {
  char* one = object(64);
  memset(one, 1, 64);
  free(one);
  return one[40] == 77;
  return 0;
}
