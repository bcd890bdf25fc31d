/* SPDX-License-Identifier: Apache-2.0 */
#include <reslab/rcu.h>

#include "program.h"

int main(void) {
  if (reslab_rcu_init(NULL) != 0) return 1;
  reslab_free_rcu(reslab_malloc(100));
  if (reslab_rcu_barrier() != 0) return 1;
  return check(0);
}
