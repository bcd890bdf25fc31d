/* SPDX-License-Identifier: Apache-2.0 */
// expect [] reslab_group_malloc: GroupDestroyed(gone)
#include "../misuse.h"

int main(void) {
  reslab_group* group = reslab_group_create("gone", 1 << 20);
  if (reslab_group_destroy(group) != 0) return 1;
  (void)hide(reslab_group_malloc(group, 64));
  return 0;
}
