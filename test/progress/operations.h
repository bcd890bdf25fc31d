// SPDX-License-Identifier: Apache-2.0
// The operations in whose middle a thread is stopped, killed or forked: one entry of a table each. `prepare` brings the
// heap to where the operation takes the way that its name says, `run` is the operation.
#pragma once

#include <cstdint>
#include <span>

#include "hand.h"

namespace progress {

enum class Where : uint8_t {
  kAnywhere,
  kUnregistered,  // by a thread without rseq, in rseq mode
  kNewCpu,        // on a CPU that the process has not been on
  kNewProcess,    // in a process whose library has made nothing yet
};

struct Operation {
  const char* name;
  void (*prepare)(Hand&);
  void (*run)(Hand&);
  void (*clean_up)() = nullptr;  // what freeing the objects in the hand does not
  Where where = Where::kAnywhere;
  uint32_t units_added = 0;    // of 64 KiB, that it may allocate for large blocks
  uint32_t objects_added = 1;  // small ones, that it may allocate
  double least_pace = 0.5;     // of the others while it is stopped
};

// All but those of kNewProcess.
std::span<const Operation> operations();

extern const Operation kFirstCall;

}  // namespace progress
