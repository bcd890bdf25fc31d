// SPDX-License-Identifier: Apache-2.0
// All schedules of a case up to a number of preemptions, depth-first: each is played from the start in a child of its
// own, by the choices of the one before it, changed at the last place that has another choice left. A switch away from
// a thread that could go on is a preemption; one at a thread's end is not. After Musuvathi and Qadeer's CHESS.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "case.h"
#include "record.h"

namespace schedules {

using Clock = std::chrono::steady_clock;

struct Summary {
  uint64_t schedules = 0;
  uint64_t traces = 0;     // distinct ones
  uint32_t deepest = 0;    // stops in the longest
  uint64_t preempted = 0;  // schedules with at least one preemption
  bool exhausted = false;  // there is no other schedule within the bound
  std::string failure;     // empty: none
};

class Explorer {
 public:
  Explorer(const Case& explored, const Settings& settings);
  ~Explorer();
  Explorer(const Explorer&) = delete;
  Explorer& operator=(const Explorer&) = delete;

  // Until all have been played, one has failed, or time is up.
  Summary explore(unsigned bound, Clock::time_point deadline);
  // Random ones, with as many preemptions as the dice give.
  Summary roam(uint64_t seed, Clock::time_point deadline);
  // One, as a failure has printed it. Prints its stops.
  Summary replay(const std::string& choices);

 private:
  bool play_one(Summary& summary);
  bool next_prefix(unsigned bound);
  bool same_so_far() const;
  void note(Summary& summary);
  std::string describe(const std::string& what) const;

  const Case& case_;
  Settings settings_;
  Record* record_;
  std::vector<Decision> expected_;  // what the prefix must lead to again
  std::vector<uint64_t> traces_;
};

}  // namespace schedules
