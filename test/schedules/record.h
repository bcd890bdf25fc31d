// SPDX-License-Identifier: Apache-2.0
// What the explorer tells the child that plays a schedule, and what it is told back: in memory that both share, so
// that a child which dies has said all it did until then.
#pragma once

#include <cstdint>

namespace schedules {

inline constexpr int kMostThreads = 3;
inline constexpr uint32_t kMostDecisions = 16384;
inline constexpr uint32_t kMostDeviations = 12;

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

// At this stop another thread goes on than the one that would without being told.
struct Deviation {
  uint16_t stop;
  uint8_t chosen;
};

enum class Lookup : uint8_t {
  kNowhere,     // states are not looked at
  kOnlyAtEnds,  // those of ends are
  kAtSwitches,  // and those behind a deviation, and where a thread ends
  kEverywhere,
};

struct Record {
  // Told: the choices, in full or where they deviate from "whoever is running goes on, or else the lowest". Behind
  // them that, or with a seed, dice.
  uint32_t prefix_length;
  uint8_t prefix[kMostDecisions];
  uint32_t deviation_count;
  Deviation deviations[kMostDeviations];
  uint64_t seed;              // 0: no dice
  uint32_t switches_in_1024;  // with dice: how often the running thread is stopped
  Lookup lookup;              // in the set of states, at stops behind the last deviation

  // Told back.
  uint32_t length;
  Decision decisions[kMostDecisions];
  bool merged;         // has come to a state that is in the set, and ended there
  bool is_at_end;      // the threads have ended
  uint64_t end_state;  // if so
  char violation[512];
};

}  // namespace schedules
