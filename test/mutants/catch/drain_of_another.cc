// SPDX-License-Identifier: Apache-2.0
// A drain belongs to the thread that has put the header aside (cache/drain.h). A second one on the same magazine, from
// here on, must leave it alone: two that both open it again would lose what was pushed in between.
#include "cache/cpu_state.h"
#include "cache/drain.h"
#include "cache/magazine.h"
#include "catcher.h"

using namespace catcher;
using namespace reslab;

namespace {

constexpr ClassId kClass = 4;

size_t visited;
void visit(ClassId, void*) { ++visited; }

}  // namespace

int main(int argc, char** argv) {
  start(argc, argv);
  reslab_free(opaque(reslab_malloc(object_bytes_of(kClass))));
  uint32_t slot = 0;
  while (slot < slots().count() &&
         (!slots().is_ready(slot) || header_top(header_word(slot, kClass).load()) <= class_info(kClass).begin)) {
    ++slot;
  }
  expect(slot < slots().count(), "no magazine holds the object");
  const uint64_t open = header_word(slot, kClass).load();
  class_slot(slot, kClass).saved_header.store(open);
  expect(!magazine_drain(slot, kClass, visit), "a magazine that another thread drains was drained");
  expect(visited == 0, "%zu objects were taken out of it", visited);
  expect(header_word(slot, kClass).load() == open, "its header was changed");
  class_slot(slot, kClass).saved_header.store(0);
  expect(magazine_drain(slot, kClass, visit) && visited > 0, "a magazine that nobody drains was not");
}
