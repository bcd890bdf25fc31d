// SPDX-License-Identifier: Apache-2.0
// A cookie that is taken while a grace period runs is not that period's: it may have begun before the unlinking
// (rcu/grace.h C3). One taken before it is (C2).
#include <urcu/flavor.h>

#include "catcher.h"
#include "rcu/grace.h"

using namespace catcher;
using namespace reslab;

namespace {

constinit Grace grace;
uint64_t before, during;

void synchronize() {
  if (during == 0) during = grace.get();
}
void one_has_ended() { grace.stop(); }

}  // namespace

int main(int argc, char** argv) {
  start(argc, argv);
  rcu_flavor_struct flavor = {};
  flavor.update_synchronize_rcu = synchronize;
  before = grace.get();
  expect(!grace.poll(before), "a period has ended that has not begun");
  grace.want(before);
  grace.run(flavor, one_has_ended);
  expect(grace.poll(before), "a cookie from before a period has not elapsed behind it");
  expect(during > before && !grace.poll(during), "the period that was running when a cookie was taken has ended it");
  return 0;
}
