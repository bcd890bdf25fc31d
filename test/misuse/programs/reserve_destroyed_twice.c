/* SPDX-License-Identifier: Apache-2.0 */
// expect [] reslab_reserve_destroy: Object(*, 80)
#include "../misuse.h"

int main(void) {
  reslab_reserve* reserve = reslab_reserve_create(64, 5);
  if (reslab_reserve_destroy(reserve) != 0) return 4;
  return reslab_reserve_destroy(reserve);
  return 0;
}
