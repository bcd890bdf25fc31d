// SPDX-License-Identifier: Apache-2.0
// With check_rcu=1 an object retired twice is reported at the second time, with nobody there to take it in.
#include <reslab/rcu.h>
#include <unistd.h>

#include "catcher.h"

using namespace catcher;

namespace {

void retire_twice() {
  void* object = reslab_malloc(64);
  reslab_free_rcu(object);
  for (int i = 0; i < 100; ++i) reslab_free_rcu(reslab_malloc(64));
  reslab_free_rcu(object);
  _exit(0);
}

}  // namespace

int main(int argc, char** argv) {
  start(argc, argv, "check_rcu=1");
  expect_report(retire_twice, "double free: it waits for a grace period already");
  return 0;
}
