// SPDX-License-Identifier: Apache-2.0
// Free dirty memory is bounded by amount (29): the plain free that crosses the bound gives the surplus back, so that behind
// no free there is more of it. With dirty_recent=0 the bound is max(dirty_min, dirty_percent of live); otherwise free and
// live together may be as much as was in use, and an eighth.
#include <gtest/gtest.h>
#include <reslab/reslab.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <vector>

#include "heap/root.h"
#include "support/audit.h"
#include "support/child.h"

namespace reslab {
namespace {

class DirtyMemory : public testing::Test {
 protected:
  void SetUp() override {
    char value[8] = "";
    ASSERT_EQ(reslab_option_get("dirty_recent", value, sizeof value), 0);
    is_literal_ = strcmp(value, "0") == 0;
  }

  void* allocate(size_t bytes) {
    void* object = reslab_malloc(bytes);
    memset(object, 1, bytes);
    high_ = std::max(high_, arena().units_in_use());
    return object;
  }
  void free(void* object) {
    reslab_free(object);
    check();
  }
  int64_t most_over() const { return most_over_; }  // units
  int64_t most_dirty() const { return most_dirty_; }

 private:
  void check() {
    const int64_t live = arena().units_in_use();
    const int64_t dirty = arena().dirty_units();
    high_ = std::max(high_, live);
    const int64_t base = std::max<int64_t>((1 << 20) >> kUnitShift, live * 5 / 100);
    const int64_t bound = is_literal_ ? base : std::max(base, high_ + high_ / 8 - live);
    most_over_ = std::max(most_over_, dirty - bound);
    most_dirty_ = std::max(most_dirty_, dirty);
  }

  bool is_literal_ = false;
  int64_t high_ = 0;
  int64_t most_over_ = INT64_MIN;
  int64_t most_dirty_ = 0;
};

// Sizes from 16 bytes to 1 MiB, a heap of some 64 MiB that falls and rises.
TEST_F(DirtyMemory, IsBoundedBehindEachFree) {
  unit::in_child([this] {
    std::minstd_rand random(1);
    std::vector<void*> objects;
    for (int round = 0; round < 20; ++round) {
      for (int i = 0; i < 4000; ++i) {
        const size_t least = size_t{16} << random() % 16;
        objects.push_back(allocate(least + random() % least));
      }
      std::shuffle(objects.begin(), objects.end(), random);
      for (const size_t left = round % 4 == 3 ? 0 : objects.size() / 2; objects.size() > left; objects.pop_back()) {
        free(objects.back());
      }
    }
    EXPECT_GT(most_dirty(), 0);
    EXPECT_LE(most_over(), 0) << "units above the bound";
    unit::expect_sound_heap();
  });
}

}  // namespace
}  // namespace reslab
