/* SPDX-License-Identifier: Apache-2.0 */
// expect [] free: Interior(32, *, 1024)
// expect [check_sizes=1] free_sized: Interior(32, *, 1024)
#include "../misuse.h"

int main(void) {
  free_sized(object(1000) + 32, 1000);
  return 0;
}
