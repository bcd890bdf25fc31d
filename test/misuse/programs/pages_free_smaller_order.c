/* SPDX-License-Identifier: Apache-2.0 */
// expect [] reslab_pages_free_nolock: WrongSize(4096) + Object(*, 16384)
// expect [debug=FZPU] reslab_pages_free_nolock: WrongSize(4096) + Object(*, 32768)
#include "../misuse.h"

int main(void) {
  reslab_pages_free_nolock(hide(reslab_pages_alloc_nolock(2, RESLAB_GROW)), 0);
  return 0;
}
