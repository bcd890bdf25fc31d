// SPDX-License-Identifier: Apache-2.0
// A handler forks on top of the repair of a forked child: in the grandchild the repair goes on when the handler returns, so
// what the handler frees there is kept aside, and the heap is whole afterwards.
#include <unistd.h>

#include "catcher.h"
#include "hooks.h"

using namespace catcher;

namespace {

constexpr int kObjects = 6000;
constexpr size_t kRun = 300000;  // no fast path serves it

void* objects[kObjects];
std::map<uint32_t, uint64_t> live_before;
bool came;

// More than the caches hold, of slabs that the repair has not come to.
void fork_and_free(void*) {
  if (came) return;
  came = true;
  const pid_t grandchild = fork();
  if (grandchild != 0) return wait_for_child(grandchild);
  for (void*& object : objects) {
    reslab_free_nolock(object);
    object = nullptr;
  }
  reslab_free(opaque(reslab_malloc(kRun)));
}

void use_all() {
  void* more[kObjects];
  for (void*& one : more) {
    one = opaque(reslab_malloc(64));
    *static_cast<void**>(one) = &one;
  }
  for (void*& one : more) {
    expect(*static_cast<void**>(one) == &one, "an object was handed out twice");
    reslab_free(one);
  }
}

[[noreturn]] void be_the_child() {
  {
    const support::Hook hook("fork_settle_unit", fork_and_free);
    reslab_free(opaque(reslab_malloc(kRun)));
  }
  expect(came, "nothing is repaired");
  use_all();
  for (void* object : objects) reslab_free(object);
  expect_same_live(live_before);
  _exit(0);
}

}  // namespace

int main(int argc, char** argv) {
  start(argc, argv);
  reslab_free(opaque(reslab_malloc(64)));
  live_before = live_objects();
  for (void*& object : objects) object = opaque(reslab_malloc(64));
  const pid_t child = fork();
  if (child == 0) be_the_child();
  wait_for_child(child);
}
