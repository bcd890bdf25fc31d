/* SPDX-License-Identifier: Apache-2.0 */
// expect [] nothing
// expect [debug=Z] free: WrittenPastEnd(79, 64) + Object(*, 80)
#include "../misuse.h"

int main(void) {
  char* objects[3];
  for (int i = 0; i < 3; ++i) objects[i] = object(64);
  for (int i = 0; i < 3; ++i) objects[i][-1] = 1;
  for (int i = 0; i < 3; ++i) free(objects[i]);
  return 0;
}
