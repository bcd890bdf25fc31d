// SPDX-License-Identifier: Apache-2.0
// The objects handed out, class by class. reslab_check cannot see a lost object, since it looks like one that is still
// in use (17); two ledgers, before and after, can. For moments when nobody is in the library. Allocates nothing: it
// would change what it counts.
#pragma once

#include <reslab/reslab.h>

#include <cstddef>
#include <cstdint>

namespace support {

// Some 100 KiB: too large for a thread's stack, and not for the heap that it describes.
class Ledger {
 public:
  void take();

  // The first class of which now another number is live than in `before`. nullptr: all agree.
  struct Difference {
    const char* class_name;  // nullptr: there is none
    uint64_t before, now;
  };
  Difference against(const Ledger& before) const;

  // Fails unless all agree, and with them the bytes of all objects.
  void expect_same(const Ledger& before, const char* when) const;

  uint64_t small_objects() const;  // of all size classes
  uint64_t run_units() const;      // of 64 KiB, in blocks larger than the largest class
  const reslab_stats& stats() const { return stats_; }

 private:
  static constexpr size_t kMostClasses = 512;

  reslab_stats stats_ = {};
  reslab_class_stats classes_[kMostClasses] = {};
  size_t count_ = 0;
};

// Fails unless reslab_check finds nothing.
void expect_sound_heap(const char* when);

}  // namespace support
