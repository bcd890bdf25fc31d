// SPDX-License-Identifier: Apache-2.0
// A process that plays one operation (process.h), from its tracer's side.
#pragma once

#include <sys/types.h>

#include <optional>

#include "process.h"
#include "tracee.h"

namespace progress {

class TracedProcess {
 public:
  // Begins it; returns when the operation is about to begin.
  TracedProcess(const Operation& operation, const Deed& deed);

  Tracee& doer() { return *doer_; }
  // The operation stands where it should, or has run past: lets the process do its deed meanwhile.
  void report(Message stopped_or_missed);
  // The operation has come to its end: sees the process end well.
  void end();

 private:
  void expect_message(Message wanted);

  Channel channel_;
  pid_t process_;
  std::optional<Tracee> doer_;
};

}  // namespace progress
