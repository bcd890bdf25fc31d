// SPDX-License-Identifier: Apache-2.0
// A drain closes the magazine of another CPU while a pop is in flight there, which commits `top` over the closed header
// before the fence is done (3). The popper owns its object then: the drain must see that it lost that race, and give
// out what is left and nothing else. Played by one thread: the pop's commit is made where the kernel would let it
// happen, in the fence.
#include <set>

#include "cache/drain.h"
#include "cache/magazine.h"
#include "catcher.h"
#include "played_fence.h"

using namespace catcher;
using namespace reslab;

namespace {

constexpr ClassId kClass = 1;  // its first slot follows the reserved words: the class most easily taken for closed

uint32_t slot;
volatile int fences;
volatile bool commit_in_fence;
std::set<void*>* drained;

// The pop was in flight from begin + 1, had read its object and now commits.
void on_fence() {
  fences = fences + 1;
  if (!commit_in_fence) return;
  commit_in_fence = false;
  reinterpret_cast<std::atomic<uint32_t>&>(header_word(slot, kClass)).store(class_info(kClass).begin);
}

void visit(ClassId, void* object) { expect(drained->insert(object).second, "the drain has visited %p twice", object); }

// Leaves `count` objects in the magazine, bottom first in `objects`.
void fill_magazine(void** objects, uint32_t count) {
  const ClassInfo& info = class_info(kClass);
  header_word(slot, kClass).store(header_of(info.begin + count, info.begin + 8));
  for (uint32_t i = 0; i < count; ++i) slot_words(slot)[info.begin + i].store(objects[i]);
}

void drain(void** objects, uint32_t count) {
  fill_magazine(objects, count);
  drained->clear();
  fences = 0;
  magazine_drain(slot, kClass, visit);
}

}  // namespace

int main(int argc, char** argv) {
  start(argc, argv);
  expect(with_rseq() && fence_available, "the fence is what this is about");
  // A slot of no thread, if there is one; the test itself uses no other class meanwhile in any case.
  slot = slots().count() - 1;
  expect(slots().make_ready(slot), "no memory for a region");
  std::set<void*> memory;
  drained = &memory;
  void* objects[3];
  for (void*& object : objects) object = reslab_malloc(16);
  expect(support::play_fences(on_fence), "no seccomp filter can be set here");

  commit_in_fence = false;
  drain(objects, 3);
  expect(fences > 0, "objects left a magazine before the fence");
  expect(drained->size() == 3, "an undisturbed drain has found %zu objects of 3", drained->size());

  commit_in_fence = true;
  drain(objects, 1);
  expect(drained->empty(), "the drain has given out an object that a pop in flight owns");
  expect(header_word(slot, kClass).load() == header_of(class_info(kClass).begin, class_info(kClass).begin + 8),
         "the magazine is not open and empty behind the drain");
}
