/* SPDX-License-Identifier: Apache-2.0 */
// expect [] free: DoubleFree + Object(*, 64)
// expect [debug=F] free: DoubleFree + Object(*, 64)
#include "../misuse.h"

int main(void) {
  char* one = object(64);
  hide(realloc(one, 100));
  free(one);
  return 0;
}
