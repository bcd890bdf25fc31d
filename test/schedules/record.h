// SPDX-License-Identifier: Apache-2.0
// What the explorer tells the child that plays a schedule, and what it is told back: in memory that both share, so that
// a child which dies has said all it did until then.
#pragma once

#include <cstdint>

namespace schedules {

inline constexpr int kMostThreads = 3;
inline constexpr uint32_t kMostDecisions = 16384;

// Places that are no hook: before the first step, behind the last, and in the middle of a restartable section.
inline constexpr uint8_t kAtStart = 255, kAtEnd = 254, kInSection = 253;
inline constexpr uint8_t kNobody = 255;

// Thread `thread` has come to `point`; of the threads in the mask `enabled`, `chosen` goes on.
struct Decision {
  uint8_t thread;
  uint8_t point;
  uint8_t enabled;
  uint8_t chosen;
  bool operator==(const Decision&) const = default;
};

struct Record {
  // Told: the first choices, and behind them either "whoever is running goes on" or, with a seed, dice.
  uint32_t prefix_length;
  uint8_t prefix[kMostDecisions];
  uint64_t seed;              // 0: no dice
  uint32_t switches_in_1024;  // with dice: how often the running thread is stopped

  // Told back.
  uint32_t length;
  Decision decisions[kMostDecisions];
  char violation[512];
};

}  // namespace schedules
