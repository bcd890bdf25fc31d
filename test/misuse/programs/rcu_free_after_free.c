/* SPDX-License-Identifier: Apache-2.0 */
// expect [] reslab_free_rcu: DoubleFree + FreeObject(*, 64)
// expect [debug=F:quarantine=1m] reslab_free_rcu: DoubleFree + Object(*, 64)
#include "../misuse.h"

#include <reslab/rcu.h>

int main(void) {
  char* one = object(64);
  object(64); /* keeps their slab: the report may come from the reclaimer, somewhat later */
  free(one);
  reslab_trim(0);
  reslab_free_rcu(one);
  return reslab_rcu_init(NULL) != 0 || reslab_rcu_barrier() != 0;
}
