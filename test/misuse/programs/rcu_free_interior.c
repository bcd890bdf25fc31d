/* SPDX-License-Identifier: Apache-2.0 */
// expect [] reslab_free_rcu: Interior(16, *, 64)
#include "../misuse.h"

#include <reslab/rcu.h>

int main(void) {
  reslab_free_rcu(object(64) + 16);
  return reslab_rcu_init(NULL) != 0 || reslab_rcu_barrier() != 0;
  return 0;
}
