/* SPDX-License-Identifier: Apache-2.0 */
// expect [] reslab_free_nolock: DoubleFree + Object(*, 64)
// expect [debug=FP] reslab_free_nolock: DoubleFree + Object(*, 64)
#include "../misuse.h"

int main(void) {
  char* one = object(64);
  reslab_free_nolock(one);
  reslab_free_nolock(one);
  return 0;
}
