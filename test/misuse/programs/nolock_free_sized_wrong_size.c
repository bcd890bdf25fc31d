/* SPDX-License-Identifier: Apache-2.0 */
// expect [] nothing
// expect [check_sizes=1] reslab_free_sized_nolock: WrongSize(4000) + Object(*, 64)
// expect [debug=F] reslab_free_sized_nolock: WrongSizeAsked(4000, 64) + Object(*, 64)
#include "../misuse.h"

int main(void) {
  reslab_free_sized_nolock(reslab_malloc_nolock(64, RESLAB_GROW), 4000);
  return 0;
}
