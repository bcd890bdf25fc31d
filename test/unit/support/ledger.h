// SPDX-License-Identifier: Apache-2.0
// How many objects of each class are handed out. A lost object looks to reslab_check like one that is still in use, so
// every test that ends with an audit also compares these figures with its own count (P6).
#pragma once

#include <gtest/gtest.h>
#include <reslab/reslab.h>

#include <map>
#include <vector>

#include "slab/slab.h"

namespace unit {

// By class id; of runs, units instead of objects.
using Counts = std::map<uint32_t, int64_t>;

inline std::vector<reslab_class_stats> class_stats() {
  std::vector<reslab_class_stats> classes(static_cast<size_t>(reslab_get_class_stats(nullptr, 0, 0)));
  reslab_get_class_stats(classes.data(), classes.size(), sizeof classes[0]);
  return classes;
}

inline reslab_class_stats class_stats_of(uint32_t cls) {
  for (const reslab_class_stats& one : class_stats()) {
    if (one.class_id == cls) return one;
  }
  ADD_FAILURE() << "no class " << cls;
  return {};
}

inline Counts live_objects() {
  Counts live;
  for (const reslab_class_stats& one : class_stats()) {
    if (one.live != 0) live[one.class_id] = static_cast<int64_t>(one.live);
  }
  return live;
}

// What a test holds itself, by what the heap says of each object.
class Holdings {
 public:
  void add(const void* object) {
    const uint32_t cls = reslab::place_of(object).cls;
    counts_[cls] +=
        cls == reslab::kRunClass ? static_cast<int64_t>(reslab_usable_size(object) >> reslab::kUnitShift) : 1;
  }
  const Counts& counts() const { return counts_; }

 private:
  Counts counts_;
};

// live now == live before + held, class by class.
inline void expect_balance(const Counts& before, const Holdings& held) {
  Counts expected = before;
  for (const auto& [key, n] : held.counts()) expected[key] += n;
  const Counts now = live_objects();
  for (const auto& [key, n] : expected) {
    const auto found = now.find(key);
    EXPECT_EQ(found == now.end() ? 0 : found->second, n) << "live objects of class " << key;
  }
  for (const auto& [key, n] : now) EXPECT_TRUE(expected.count(key) != 0 || n == 0) << n << " of class " << key;
}

}  // namespace unit
