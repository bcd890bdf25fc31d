// SPDX-License-Identifier: Apache-2.0
// Units that are claimed although they are nobody's: somebody gives them back to the system, passes over them, or looks
// whether he may have them. A thread may stand still there for as long as it likes, so hard_limit does not count them as
// taken, and nobody is refused for them.
//
// Two counts that only grow. Each holder raises `begun` before he claims, and `ended` behind his release. A reader takes the
// second first and the first last, so that who begins meanwhile makes the result smaller, never larger; if somebody has
// ended he looks again, since between two of his steps a handler may have done no end of them: up to kCasTries times, and then
// what ended during the last of them may count.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/for_tries.h"

namespace reslab {

class Transit {
 public:
  void begin(int64_t units) { begun_.fetch_add(units, std::memory_order_seq_cst); }
  // release: who sees this sees the units free.
  void end(int64_t units) { ended_.fetch_add(units, std::memory_order_release); }

  // What in_use() counts, but for these. Disturbed each time, it leaves out what is in hand by the end.
  template <class InUse>
  int64_t left_out_of(InUse in_use) const {
    int64_t units = 0, begun = 0, ended = ended_.load(std::memory_order_acquire);
    for ([[maybe_unused]] int round : for_tries(kCasTries)) {
      units = in_use();
      // Pairs with what each claim releases (of bits, of a kept run, of a hole, of the frontier): who sees it sees `begun`.
      std::atomic_thread_fence(std::memory_order_acquire);
      begun = begun_.load(std::memory_order_acquire);
      const int64_t ended_by_now = ended_.load(std::memory_order_acquire);
      const bool is_undisturbed = ended_by_now == ended;
      ended = ended_by_now;
      if (is_undisturbed) break;
    }
    return begun > ended ? units - (begun - ended) : units;
  }

  // For a child after fork: what the dead had in hand is somebody's or free by now.
  void reset(int64_t units) {
    begun_.store(units, std::memory_order_relaxed);
    ended_.store(0, std::memory_order_relaxed);
  }

 private:
  std::atomic<int64_t> begun_;
  std::atomic<int64_t> ended_;
};

// For as long as it lives.
class InTransit {
 public:
  InTransit(Transit& transit, int64_t units) : transit_(transit), units_(units) { transit_.begin(units_); }
  ~InTransit() { transit_.end(units_); }
  InTransit(const InTransit&) = delete;
  InTransit& operator=(const InTransit&) = delete;

 private:
  Transit& transit_;
  const int64_t units_;
};

}  // namespace reslab
