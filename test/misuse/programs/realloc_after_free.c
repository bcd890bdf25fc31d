/* SPDX-License-Identifier: Apache-2.0 */
// expect [] nothing
// expect [debug=F] realloc: UsedAfterFree + Object(*, 64)
// expect [debug=G:guard=1] realloc: UsedAfterFree + Guarded(64)
#include "../misuse.h"

int main(void) {
  char* one = object(64);
  free(one);
  hide(realloc(one, 60));
  return 0;
}
