/* SPDX-License-Identifier: Apache-2.0 */
// expect [] nothing
// expect [check_sizes=1] free_sized: WrongSize(4000) + Object(*, 64)
// expect [debug=F] free_sized: WrongSizeAsked(4000, 64) + Object(*, 64)
#include "../misuse.h"

int main(void) {
  free_sized(object(64), 4000);
  return 0;
}
