// SPDX-License-Identifier: Apache-2.0
// expect [] nothing
// expect [check_sizes=1] free_sized: WrongSize(16) + Object(*, 4096)
// expect [debug=F] free_sized: WrongSizeAsked(16, 4096) + Object(*, 4096)
#include "../misuse.h"

#include <new>

struct Base {
  int kind;
  ~Base() {}  // not virtual
  char rest[12];
};
struct Derived : Base {
  char more[4080];
};

int main(void) {
  delete static_cast<Base*>(reinterpret_cast<Derived*>(hide(new Derived)));
  return 0;
}
