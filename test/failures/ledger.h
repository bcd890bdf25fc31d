// The objects handed out, class by class. reslab_check cannot see a lost object, since what is handed out is only the
// remainder (17); two ledgers, before and after, can. Allocates nothing: it would change what it counts.
#pragma once

#include <reslab/reslab.h>

#include <cstddef>
#include <cstdint>

namespace trials {

class Ledger {
 public:
  void take();

  // The first class of which now another number is live than in `before`. nullptr: all agree.
  struct Difference {
    const char* class_name;  // nullptr: there is none
    uint64_t before, now;
  };
  Difference against(const Ledger& before) const;

  uint64_t capacity_bytes() const;  // of all slabs and runs

 private:
  static constexpr size_t kMostClasses = 256;

  reslab_class_stats classes_[kMostClasses];
  size_t count_ = 0;
};

}  // namespace trials
