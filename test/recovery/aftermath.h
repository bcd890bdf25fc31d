// SPDX-License-Identifier: Apache-2.0
// How the heap must be after calls that never returned, by a jump or with their thread. In the order in which it is
// looked at: no more is lost than may be (32), every class serves plain and nolock calls, at their pace, what is left
// lying about is no more than a few things for each such call, and a child is whole.
#pragma once

#include <cstdint>

#include "jumper.h"
#include "ledger.h"
#include "others.h"
#include "settings.h"

namespace recovery {

class Aftermath {
 public:
  // Before: takes the ledger and the paces. To be made once there is no more to come that libc keeps for ever.
  explicit Aftermath(const progress::Settings& settings);

  // After, with all objects freed and the threads gone.
  void expect_recovered(const Jumps& lost_calls);

 private:
  void expect_bounded_loss(const Jumps& lost_calls);
  void expect_former_pace();
  void expect_no_lock_kept();
  void expect_few_leftovers(const Jumps& lost_calls);
  void expect_whole_child();

  const progress::Settings& settings_;
  support::Ledger before_, after_;
  double nanoseconds_before_[progress::kKinds];
};

}  // namespace recovery
