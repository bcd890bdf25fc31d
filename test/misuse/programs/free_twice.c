/* SPDX-License-Identifier: Apache-2.0 */
// expect [] free: DoubleFree + Object(*, 64)
// expect [debug=FU] free: DoubleFree + Object(*, 64)
// expect-history [debug=FU]
// expect [debug=G:guard=1] free: DoubleFree + Guarded(64)
#include "../misuse.h"

int main(void) {
  char* one = object(64);
  free(one);
  free(one);
  return 0;
}
