/* SPDX-License-Identifier: Apache-2.0 */
// expect [] free: SlabTail(*)
#include "../misuse.h"

/* Where the tags of the objects begin, behind the last of 992. */
int main(void) {
  const uintptr_t slab =
      (uintptr_t)hide(reslab_group_malloc(reslab_group_create("tenant", 1 << 20), 64)) & ~(uintptr_t)0xffff;
  free(hide((void*)(slab + 992 * 64)));
  return 0;
}
