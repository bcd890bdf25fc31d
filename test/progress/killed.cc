// SPDX-License-Identifier: Apache-2.0
// A thread is in the middle of an operation, at any instruction of the library, and will never go on: it does not exist
// in a child that another thread forks. The child does 1,000 operations of every kind and forks again; no object of the
// heap is in two hands, and no more are missing than the library says, at most a block's worth (18, 22).
// For lesson 22 of docs/lessons.md.
#include "heir.h"
#include "walk.h"

namespace {

using namespace progress;
using namespace support;

void leave(const Operation& operation) {
  leave_to_heirs({.ledger = &at_rest(),
                  .in_hand = in_hand_at_rest(),
                  .in_hand_now = hand().count(),
                  .units_added = operation.units_added,
                  .lost_before = 0,
                  .objects_added = operation.objects_added});
}

}  // namespace

int main(int argc, char** argv) {
  const Settings settings =
      read_settings(argc, argv, "a child works, whatever another thread was in the middle of when it was forked");
  require(settings);
  const Deed deed = {nullptr, leave, nullptr};
  Walk walk(settings, deed, kFloorOfOperations);
  walk.go(operations());
  walk.require_all_hooks();
  settings.log.line("ok, seed %llu", static_cast<unsigned long long>(settings.seed));
}
