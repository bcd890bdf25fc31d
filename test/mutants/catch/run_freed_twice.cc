// SPDX-License-Identifier: Apache-2.0
// Two frees of the same large block, the second in the middle of the first: one of them wins, the other is reported.
#include "catcher.h"
#include "hooks.h"

using namespace catcher;

namespace {

void* run;

void free_again(void*) {
  static bool done = false;
  if (done) return;
  done = true;
  reslab_free(run);
}

void free_twice_at_once() {
  const support::Hook hook("run_free", free_again);
  reslab_free(run);
}

}  // namespace

int main(int argc, char** argv) {
  start(argc, argv);
  run = reslab_malloc(1 << 20);
  expect_report(free_twice_at_once, "double free");
}
