// SPDX-License-Identifier: Apache-2.0
// The only loop form over something that another thread can make fail: it ends after `tries` rounds whatever the
// others do. What follows on exhaustion is written at the call, directly behind the loop (39).
#pragma once

namespace reslab {

// Rounds for one compare-and-swap on a shared word. A round is lost only to somebody else's success.
inline constexpr int kCasTries = 64;

// Rounds for one restartable section: each is lost to a preemption or a signal on this very thread (40).
inline constexpr int kRestarts = 4;

class for_tries {
 public:
  explicit constexpr for_tries(int tries) : tries_(tries) {}

  struct Round {
    int left;
    constexpr bool operator!=(const Round& other) const { return left != other.left; }
    constexpr void operator++() { --left; }
    constexpr int operator*() const { return left; }
  };
  constexpr Round begin() const { return {tries_}; }
  constexpr Round end() const { return {0}; }

 private:
  int tries_;
};

}  // namespace reslab
