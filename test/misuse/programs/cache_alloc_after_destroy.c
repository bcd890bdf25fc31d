/* SPDX-License-Identifier: Apache-2.0 */
// expect [] reslab_cache_alloc: CacheDestroyed(gone)
#include "../misuse.h"

int main(void) {
  const struct reslab_cache_args args = {.size = 64};
  reslab_cache* cache = reslab_cache_create("gone", &args);
  if (reslab_cache_destroy(cache) != 0) return 1;
  (void)hide(reslab_cache_alloc(cache));
  return 0;
}
