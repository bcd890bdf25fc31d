/* SPDX-License-Identifier: Apache-2.0 */
// expect [] reslab_group_malloc: NoGroup
#include "../misuse.h"

int main(void) {
  char handle[64] = {0};
  (void)hide(reslab_group_malloc((reslab_group*)hide(handle), 64));
  return 0;
}
