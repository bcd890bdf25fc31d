// SPDX-License-Identifier: Apache-2.0
// A pop that is parked before its compare-and-swap, while the node it has seen is popped, its successor too, and the
// node pushed again: head and node look as before, yet the link that the parked pop has read is another's by now. The
// tag makes it fail and look again (39).
#include "catcher.h"
#include "hooks.h"
#include "sync/tagged_stack.h"

using namespace catcher;
using namespace reslab;

namespace {

TaggedStack stack;
std::atomic<uint32_t> links[4];

std::atomic<uint32_t>& next_of(uint32_t node) { return links[node]; }

void meanwhile(void*) {
  static bool done = false;
  if (done) return;
  done = true;
  expect(stack.pop(next_of) == 1 && stack.pop(next_of) == 2, "the stack gives out its nodes in another order");
  expect(stack.push(1, next_of), "a push has failed");
}

}  // namespace

int main(int argc, char** argv) {
  start(argc, argv);
  for (const uint32_t node : {3, 2, 1}) expect(stack.push(node, next_of), "a push has failed");
  {
    const support::Hook hook("stack_pop", meanwhile);
    expect(stack.pop(next_of) == 1, "the parked pop has not got the node that is on top");
  }
  const uint32_t next = stack.pop(next_of);
  expect(next == 3, "node %u is on the stack, not node 3", next);
  expect(stack.pop(next_of) == 0, "the stack is not empty");
}
