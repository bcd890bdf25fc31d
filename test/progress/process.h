// SPDX-License-Identifier: Apache-2.0
// The process in which an operation is stopped: made by fork, so that each one begins alike. Its threads:
//
//   the first      says who does what when, and talks with the tracer
//   the doer       does the operation, traced
//   the others     two, on the doer's slot (others.h)
//
// All are on one CPU, and so on one slot of the library's: while the doer is stopped the others have the slot.
#pragma once

#include "channel.h"
#include "ledger.h"
#include "operations.h"
#include "others.h"

namespace progress {

// What the process does around the operation; called on its first thread, nullptr for nothing.
struct Deed {
  void (*before)(Others&);              // before the heap is prepared
  void (*meanwhile)(const Operation&);  // with the operation stopped where it should be; the others are at `crew()`
  void (*after)(Others&);               // with the operation done, its objects still in hand
};

// The others of this process, and the objects of its doer.
Others& crew();
const Hand& hand();

// How things were when the operation was about to begin.
const support::Ledger& at_rest();
size_t in_hand_at_rest();

// One line of the figures that a process leaves for its tracer.
struct Findings {
  double slowest_pace;  // of all kinds and others: 1 is the pace without the doer
};
extern Findings* findings;  // shared between the processes

void share_findings();

// Does `operation` and ends the process: with status 0 if everything held.
[[noreturn]] void play(const Operation& operation, const Deed& deed, Channel& channel);

// Puts the process on one CPU, for ever. The one it is on.
void stay_on_one_cpu();
bool has_another_cpu();  // that it could have been on

}  // namespace progress
