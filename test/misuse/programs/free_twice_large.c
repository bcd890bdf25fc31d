/* SPDX-License-Identifier: Apache-2.0 */
// expect [] free: DoubleFree + FreeObject(*, 212992)
// expect [] free: NothingThere
// expect [debug=F] free: DoubleFree + Object(*, 212992)
// expect [debug=F] free: DoubleFree + FreeObject(*, 212992)
// expect [debug=F] free: NothingThere
#include "../misuse.h"

int main(void) {
  char* one = object(200000);
  free(one);
  free(one);
  churn(200000);
  return 0;
}
