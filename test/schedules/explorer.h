// SPDX-License-Identifier: Apache-2.0
// All schedules of a case up to a number of preemptions: each is played from the start in a child of its own. A
// switch away from a thread that could go on is a preemption; one at a thread's end is not. After Musuvathi and
// Qadeer's CHESS.
//
// In the order of their preemptions: first all schedules with none, then those that have one more than one of these,
// and so on. A schedule is played until it comes to a state (state.h) that another has come to before it, and then
// with no more preemptions than this one: whatever follows there within the bound is that one's. Without `merging` it
// plays each to its end, and comes to the same ends.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "case.h"
#include "record.h"
#include "state.h"

namespace schedules {

using Clock = std::chrono::steady_clock;

struct Summary {
  uint64_t schedules = 0;
  uint64_t merged = 0;     // of them, those that came to a known state
  uint64_t states = 0;     // that were looked at
  uint64_t ends = 0;       // distinct states in which all threads had ended, each with its audit
  uint64_t end_sum = 0;    // of their numbers
  uint32_t deepest = 0;    // stops in the longest
  unsigned reached = 0;    // all schedules with up to so many preemptions have been played
  bool exhausted = false;  // there is no other schedule within the bound
  std::string failure;     // empty: none
};

// For a case that has been set up in this process.
class Explorer {
 public:
  Explorer(const Case& explored, const Settings& settings);
  ~Explorer();
  Explorer(const Explorer&) = delete;
  Explorer& operator=(const Explorer&) = delete;

  // Until all have been played, one has failed, or time is up.
  Summary explore(unsigned bound, Clock::time_point deadline, bool merging = true);
  // Random ones, with as many preemptions as the dice give.
  Summary roam(uint64_t seed, Clock::time_point deadline);
  // One, as a failure has printed it. Prints its stops.
  Summary replay(const std::string& choices);

 private:
  static constexpr unsigned kMostPreemptions = 8;
  static constexpr size_t kMostWaiting = size_t{1} << 22;

  // A schedule to be played: what it has in common with the one that it comes from, and one choice more.
  struct Start {
    uint32_t common;  // a number for the stops up to the last choice
    uint8_t count;
    Deviation deviations[kMostDeviations];
  };

  // What waits to be played: last in, first out. In memory that is shared, which a fork need not copy, and of one
  // piece from the beginning: mappings that came and went would move those of the library.
  struct Waiting {
    uint32_t count[kMostPreemptions + 1];
    Start starts[kMostPreemptions + 1][kMostWaiting];
  };

  void clear_record();
  bool play_one(Summary& summary);
  bool play_from(const Start& start, unsigned preemptions, unsigned bound, Summary& summary);
  bool add_alternatives(const Start& start, unsigned preemptions, unsigned bound);
  bool note(Summary& summary);
  void require_passes(Summary& summary) const;
  std::string describe(const std::string& what) const;

  const Case& case_;
  Settings settings_;
  bool merging_ = true;
  Record* record_;
  StateSet* states_;
  bool passed_[256] = {};  // points, by any schedule
  Waiting* waiting_;       // by their number of preemptions
};

}  // namespace schedules
