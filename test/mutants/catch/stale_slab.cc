// SPDX-License-Identifier: Apache-2.0
// Claims from a slab that becomes another one right before its bits are taken (6c): whoever believed in the former slab of
// a unit gets nothing from the present one, whose bits are all there afterwards.
#include "catcher.h"
#include "hooks.h"
#include "slab/slab.h"

using namespace catcher;
using namespace reslab;

namespace {

// Both with the bitmap inside the descriptor, so that they share its words.
constexpr ClassId kFormer = class_of_size(128);
constexpr ClassId kPresent = class_of_size(1024);

struct Former {
  uint32_t unit;
  SlabIdentity identity;
  bool is_gone;
};

Former make_former() {
  const uint32_t unit = slab_create(kFormer, 0, Contract::kPlain);
  return {unit, slab_identity(unit), false};
}

void change_slab(void* context) {
  auto& former = *static_cast<Former*>(context);
  if (former.is_gone) return;
  former.is_gone = true;
  expect(slab_retire(former.unit, former.identity), "a slab with all its bits is not retired");
  expect(slab_create(kPresent, 0, Contract::kPlain) == former.unit,
         "the unit was not used again: this test needs another way");
}

void expect_all_bits(const Former& former, const char* function) {
  expect(former.is_gone, "%s has not come to its hook", function);
  uint32_t bits = 0;
  for (uint32_t word = 0; word < class_info(kPresent).words; ++word) {
    bits += static_cast<uint32_t>(__builtin_popcountll(slab_bits(former.unit, class_info(kPresent))[word].load()));
  }
  expect(bits == class_info(kPresent).capacity, "%s has kept bits of the present slab", function);
}

void expect_no_take() {
  Former former = make_former();
  const support::Hook hook("slab_take", change_slab, &former);
  void* out[8];
  expect(slab_take(former.unit, former.identity, out, 8) == 0, "slab_take has taken objects of a slab that is gone");
  expect_all_bits(former, "slab_take");
}

void expect_no_take_of_one() {
  Former former = make_former();
  const support::Hook hook("slab_take_one", change_slab, &former);
  expect(slab_take_one(former.unit, former.identity) == nullptr,
         "slab_take_one has taken an object of a slab that is gone");
  expect_all_bits(former, "slab_take_one");
}

}  // namespace

int main(int argc, char** argv) {
  start(argc, argv);
  expect(!class_info(kFormer).dense() && !class_info(kPresent).dense(), "the bitmaps are not in the descriptor");
  expect_no_take();
  expect_no_take_of_one();
}
