/* SPDX-License-Identifier: Apache-2.0 */
// expect [] nothing
// expect [debug=P] malloc: WrittenAfterFree(0) + Object(*, 64)
#include "../misuse.h"

int main(void) {
  char* one = object(64);
  free(one);
  memset(one, 0, 8);
  for (int i = 0; i < 3; ++i) object(64);
  return 0;
}
