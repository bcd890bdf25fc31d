/* SPDX-License-Identifier: Apache-2.0 */
// expect [] reslab_free_nolock: DoubleFree + Object(*, 4096)
// expect [debug=FZPU] reslab_free_nolock: DoubleFree + Object(*, 8192)
#include "../misuse.h"

int main(void) {
  char* pages = hide(reslab_pages_alloc_nolock(0, RESLAB_GROW));
  reslab_pages_free_nolock(pages, 0);
  reslab_pages_free_nolock(pages, 0);
  return 0;
}
