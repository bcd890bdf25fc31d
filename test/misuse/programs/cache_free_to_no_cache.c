/* SPDX-License-Identifier: Apache-2.0 */
// expect [] reslab_cache_free: NoCache
#include "../misuse.h"

int main(void) {
  char handle[256] = {0};
  reslab_cache_free((reslab_cache*)hide(handle), object(64));
  return 0;
}
