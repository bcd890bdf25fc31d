/* SPDX-License-Identifier: Apache-2.0 */
// expect [] free: Interior(16, *, 64)
// expect [debug=FZPU] free: Interior(16, *, 80)
// expect [debug=G:guard=1] free: InteriorOfGuarded(16, 64)
#include "../misuse.h"

int main(void) {
  free(object(64) + 16);
  return 0;
}
