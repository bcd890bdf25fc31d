/* SPDX-License-Identifier: Apache-2.0 */
// expect [] reslab_pages_free_nolock: Interior(4096, *, 16384)
#include "../misuse.h"

int main(void) {
  reslab_pages_free_nolock(hide(reslab_pages_alloc_nolock(2, RESLAB_GROW)) + 4096, 0);
  return 0;
}
