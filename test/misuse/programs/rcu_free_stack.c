/* SPDX-License-Identifier: Apache-2.0 */
// expect [] reslab_free_rcu: NotOurs
#include "../misuse.h"

#include <reslab/rcu.h>

int main(void) {
  char local[64];
  reslab_free_rcu(hide(local));
  return reslab_rcu_init(NULL) != 0 || reslab_rcu_barrier() != 0;
  return 0;
}
