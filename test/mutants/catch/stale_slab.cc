// Claims from a slab that is another one by now (6c): whoever still believes in the former slab of a unit gets nothing
// from the present one, whose bits are all there afterwards.
#include "catcher.h"
#include "slab/slab.h"

using namespace catcher;
using namespace reslab;

namespace {

// Both with the bitmap inside the descriptor, so that they share its words.
constexpr ClassId kFormer = class_of_size(128);
constexpr ClassId kPresent = class_of_size(1024);

uint32_t free_bits(uint32_t unit, ClassId cls) {
  uint32_t n = 0;
  for (uint32_t word = 0; word < class_info(cls).words; ++word) {
    n += static_cast<uint32_t>(__builtin_popcountll(slab_bits(unit, class_info(cls))[word].load()));
  }
  return n;
}

// A unit that has been a slab of the one class and is one of the other; with the identity of before.
uint32_t change_slab(SlabIdentity& former) {
  const uint32_t unit = slab_create(kFormer, Contract::kPlain);
  former = slab_identity(unit);
  expect(slab_retire(unit, former), "a slab with all its bits is not retired");
  expect(slab_create(kPresent, Contract::kPlain) == unit, "the unit was not used again: this test needs another way");
  return unit;
}

}  // namespace

int main(int argc, char** argv) {
  start(argc, argv);
  expect(!class_info(kFormer).dense() && !class_info(kPresent).dense(), "the bitmaps are not in the descriptor");
  SlabIdentity former;
  const uint32_t unit = change_slab(former);
  const uint32_t all = class_info(kPresent).capacity;
  void* out[8];
  expect(slab_take(unit, former, out, 8) == 0, "slab_take has taken objects of a slab that is gone");
  expect(free_bits(unit, kPresent) == all, "slab_take has kept bits of the present slab");
  expect(slab_take_one(unit, former) == nullptr, "slab_take_one has taken an object of a slab that is gone");
  expect(free_bits(unit, kPresent) == all, "slab_take_one has kept a bit of the present slab");
}
