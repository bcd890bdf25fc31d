/* SPDX-License-Identifier: Apache-2.0 */
// expect [] nothing
// expect [harden=1] nothing
// expect [debug=F] nothing
// expect [debug=F:quarantine=1m] free: DoubleFree + Object(*, 64)
#include "../misuse.h"

int main(void) {
  char* one = object(64);
  free(one);
  char* again = object(64);  // the same object, somebody else's by now
  free(one);
  free(again == one ? NULL : again);
  return 0;
}
