// The objects handed out, by class: reslab_check cannot see a lost object, two ledgers can (17). For moments when nobody
// is in the library.
#pragma once

#include <reslab/reslab.h>

#include <cstddef>
#include <cstdint>

namespace progress {

class Ledger {
 public:
  void take();

  void expect_same(const Ledger& before, const char* when) const;

  uint64_t small_objects() const;  // of all size classes
  uint64_t run_units() const;      // of 64 KiB, in blocks larger than the largest class

 private:
  static constexpr size_t kMostClasses = 512;

  reslab_class_stats classes_[kMostClasses];  // not on the heap that it describes
  size_t count_ = 0;
};

// Fails unless reslab_check finds nothing.
void expect_sound_heap(const char* when);

}  // namespace progress
