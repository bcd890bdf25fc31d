/* SPDX-License-Identifier: Apache-2.0 */
// expect [] nothing
// expect [debug=F] malloc_usable_size: UsedAfterFree + Object(*, 64)
#include "../misuse.h"

int main(void) {
  char* one = object(64);
  free(one);
  return malloc_usable_size(one) == 0;
  return 0;
}
