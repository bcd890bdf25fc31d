/* SPDX-License-Identifier: Apache-2.0 */
// expect [] reslab_pages_free_nolock: NotOurs
#include "../misuse.h"

int main(void) {
  char local[64];
  reslab_pages_free_nolock(hide(local), 0);
  return 0;
}
