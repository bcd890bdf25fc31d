/* SPDX-License-Identifier: Apache-2.0 */
// expect [] reslab_pages_free_nolock: WrongSize(16384) + Object(*, 4096)
// expect [debug=FZPU] reslab_pages_free_nolock: WrongSize(16384) + Object(*, 8192)
#include "../misuse.h"

int main(void) {
  reslab_pages_free_nolock(hide(reslab_pages_alloc_nolock(0, RESLAB_GROW)), 2);
  return 0;
}
