/* SPDX-License-Identifier: Apache-2.0 */
// expect [] reslab_free_nolock: NotOurs
#include "../misuse.h"

int main(void) {
  void* page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  munmap(page, 4096);
  reslab_free_nolock(hide(page));
  return 0;
}
