// SPDX-License-Identifier: Apache-2.0
// An object retired twice is reported when the second one is taken in or the first one freed, wherever it is by then: in
// one batch, or retired again while the grace period of the first is running.
#include <reslab/rcu.h>
#include <unistd.h>
#include <urcu/flavor.h>

#include "catcher.h"
#include "rcu/rcu.h"

using namespace catcher;

namespace {

constexpr char kReport[] = "double free: it waits for a grace period already";

void reclaim(const rcu_flavor_struct* flavor) {
  _exit(reslab_rcu_init(flavor) == 0 && reslab_rcu_barrier() == 0 ? 0 : 1);
}

void retire_twice() {
  void* object = reslab_malloc(64);
  reslab_free_rcu(object);
  for (int i = 0; i < 100; ++i) reslab_free_rcu(reslab_malloc(64));
  reslab_free_rcu(object);
  reclaim(nullptr);
}

void* object_to_retire_again;

// Called as a batch begins to wait.
void synchronize() {
  if (object_to_retire_again != nullptr) reslab_free_rcu(object_to_retire_again);
  object_to_retire_again = nullptr;
  urcu_memb_flavor.update_synchronize_rcu();
}

void retire_again_meanwhile() {
  static rcu_flavor_struct flavor = urcu_memb_flavor;
  flavor.update_synchronize_rcu = synchronize;
  object_to_retire_again = reslab_malloc(64);
  reslab_free_rcu(object_to_retire_again);
  reclaim(&flavor);
}

}  // namespace

int main(int argc, char** argv) {
  start(argc, argv);
  expect_report(retire_twice, kReport);
  expect_report(retire_again_meanwhile, kReport);
  return 0;
}
