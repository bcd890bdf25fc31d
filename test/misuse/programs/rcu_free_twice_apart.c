/* SPDX-License-Identifier: Apache-2.0 */
// expect [] reslab_free_rcu: DoubleFreeRetired + Object(*, 64)
// expect [debug=F] reslab_free_rcu: DoubleFreeRetired + Object(*, 64)
#include "../misuse.h"

#include <reslab/rcu.h>

int main(void) {
  char* one = object(64);
  reslab_free_rcu(one);
  for (int i = 0; i < 100; ++i) reslab_free_rcu(object(64));
  reslab_free_rcu(one);
  return reslab_rcu_init(NULL) != 0 || reslab_rcu_barrier() != 0;
  return 0;
}
