/* SPDX-License-Identifier: Apache-2.0 */
// expect [] free: DoubleFreeAtFlush + FreeObject(*, 64)
// expect [] free: DoubleFree + FreeObject(*, 64)
// expect [] free: NothingThere
// expect [debug=F] free: DoubleFree + Object(*, 64)
// expect [debug=F] free: DoubleFree + FreeObject(*, 64)
// expect [debug=F] free: NothingThere
// expect [check_frees=1] free: DoubleFree + FreeObject(*, 64)
// expect [check_frees=1] free: NothingThere
#include "../misuse.h"

int main(void) {
  char* one = object(64);
  free(one);
  churn(64);
  reslab_trim(0);
  free(one);
  churn(64);
  reslab_trim(0);
  return 0;
}
