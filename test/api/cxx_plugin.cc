// SPDX-License-Identifier: Apache-2.0
// A plugin in C++ for without_cxx_runtime.c: each function says whether the operators did what the standard asks.

#include <cstddef>
#include <cstdint>
#include <new>

#include "support/opaque.h"

namespace {

volatile size_t impossible_bytes = PTRDIFF_MAX / 2;
int handler_calls;

void give_up_the_second_time() {
  if (++handler_calls == 2) std::set_new_handler(nullptr);
}

bool new_throws_bad_alloc() {
  try {
    operator delete(unit::opaque(operator new(impossible_bytes)));
  } catch (const std::bad_alloc&) {
    return true;
  }
  return false;
}

}  // namespace

extern "C" {

int plugin_catches_bad_alloc() { return new_throws_bad_alloc() ? 1 : 0; }

int plugin_calls_its_new_handler() {
  std::set_new_handler(give_up_the_second_time);
  return new_throws_bad_alloc() && handler_calls == 2 ? 1 : 0;
}

int plugin_nothrow_returns_null() {
  return unit::opaque(operator new(impossible_bytes, std::nothrow)) == nullptr ? 1 : 0;
}
}
