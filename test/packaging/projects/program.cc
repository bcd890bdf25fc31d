// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <string>

#include "program.h"

int main() {
  const auto text = std::make_unique<std::string>(1000, 'x');
  return is_of_reslab(text->data()) == MALLOC_IS_RESLAB ? check(MALLOC_IS_RESLAB) : 1;
}
