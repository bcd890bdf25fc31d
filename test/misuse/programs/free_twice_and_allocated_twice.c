/* SPDX-License-Identifier: Apache-2.0 */
// expect [] nothing
// expect [check_frees=1] free: DoubleFree + Object(*, 64)
// expect [harden=1] free: DoubleFree + Object(*, 64)
// expect [debug=F] free: DoubleFree + Object(*, 64)
#include "../misuse.h"

int main(void) {
  char *one = object(64), *other = object(64);
  free(one);
  free(other);
  free(one);
  void* first = malloc(64);
  malloc(64);
  return malloc(64) == first ? 0 : 1;
}
