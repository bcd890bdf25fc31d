/* SPDX-License-Identifier: Apache-2.0 */
// expect [] nothing
// expect [debug=FZPU:quarantine=1m] reslab_free_nolock: WrittenPastEnd(60, 60) + Object(*, 80)
#include "../misuse.h"

static void misuse(int number) {
  char* one = hide(reslab_malloc_nolock(60, RESLAB_GROW));
  one[60] = (char)number;
  reslab_free_nolock(one);
}

int main(void) {
  signal(SIGUSR1, misuse);
  for (int i = 0; i < 10; ++i) {
    free(object(60));
    raise(SIGUSR1);
  }
  return 0;
}
