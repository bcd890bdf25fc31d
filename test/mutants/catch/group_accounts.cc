// SPDX-License-Identifier: Apache-2.0
// What a group is charged with: nothing for what was refused or has been freed, and what lies ahead in a stock is spent
// before a charge is refused.
#include "catcher.h"

using namespace catcher;

namespace {

// A charge of an object takes a small part of the limit along, for the stock of its CPU.
void expect_stocks_to_be_spent() {
  constexpr size_t kLimit = 58000, kLarge = 57344;
  reslab_group* group = reslab_group_create("stocks", kLimit);
  void* small = reslab_group_malloc(group, 16);
  void* large = reslab_group_malloc(group, kLarge);
  expect(large != nullptr, "a charge within the limit was refused, since another one had set bytes aside");
  expect(reslab_group_usage(group) == 16 + kLarge, "the usage is not what is charged");
  reslab_free(small);
  reslab_free(large);
  expect(reslab_group_destroy(group) == 0, "what was freed is charged still");
}

void expect_refused_charges_to_leave_nothing() {
  reslab_group* outer = reslab_group_create("outer", 50'000);
  reslab_group* inner = reslab_group_create_in(outer, "inner", 1 << 20);
  for (int i = 0; i < 100; ++i) {
    expect(reslab_group_malloc(inner, 57344) == nullptr, "a charge over the limit of the outer group was granted");
  }
  expect(reslab_group_usage(inner) == 0, "a refused charge is part of the usage");
  expect(reslab_group_set_limit(inner, 0) == 0, "a refused charge is counted");
  expect(reslab_group_destroy(inner) == 0 && reslab_group_destroy(outer) == 0, "the groups cannot go");
}

}  // namespace

int main(int argc, char** argv) {
  start(argc, argv);
  expect_stocks_to_be_spent();
  expect_refused_charges_to_leave_nothing();
  expect_sound_heap();
  return 0;
}
