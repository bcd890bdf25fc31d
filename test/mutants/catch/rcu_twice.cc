// SPDX-License-Identifier: Apache-2.0
// An object retired twice is reported when the second one is taken in, wherever the first one is by then.
#include <reslab/rcu.h>
#include <unistd.h>

#include "catcher.h"

using namespace catcher;

namespace {

void reclaim() { _exit(reslab_rcu_init(nullptr) == 0 && reslab_rcu_barrier() == 0 ? 0 : 1); }

void retire_twice() {
  void* object = reslab_malloc(64);
  reslab_free_rcu(object);
  for (int i = 0; i < 100; ++i) reslab_free_rcu(reslab_malloc(64));
  reslab_free_rcu(object);
  reclaim();
}

}  // namespace

int main(int argc, char** argv) {
  start(argc, argv);
  expect_report(retire_twice, "double free: it waits for a grace period already");
  return 0;
}
