/* SPDX-License-Identifier: Apache-2.0 */
// expect [] reslab_cache_free: OtherClass + Object(*, 64)
// expect [debug=U] reslab_cache_free: OtherClass + Object(*, 64)
// expect-history [debug=U]
#include "../misuse.h"

int main(void) {
  const struct reslab_cache_args args = {.size = 64};
  reslab_cache_free(reslab_cache_create("own", &args), object(64));
  return 0;
}
