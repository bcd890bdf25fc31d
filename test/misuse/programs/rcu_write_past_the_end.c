/* SPDX-License-Identifier: Apache-2.0 */
// expect [] nothing
// expect [debug=Z] reslab_free_rcu: WrittenPastEnd(60, 60) + Object(*, 80)
#include "../misuse.h"

#include <reslab/rcu.h>

int main(void) {
  char* one = object(60);
  one[60] = 1;
  reslab_free_rcu(one);
  return reslab_rcu_init(NULL) != 0 || reslab_rcu_barrier() != 0;
}
