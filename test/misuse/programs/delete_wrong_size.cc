// SPDX-License-Identifier: Apache-2.0
// expect [] nothing
// expect [check_sizes=1] free_sized: WrongSize(4000) + Object(*, 64)
// expect [debug=F] free_sized: WrongSizeAsked(4000, 64) + Object(*, 64)
#include "../misuse.h"

#include <new>

int main(void) {
  operator delete (static_cast<void*>(object(64)), size_t{4000});
  return 0;
}
