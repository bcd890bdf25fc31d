// SPDX-License-Identifier: Apache-2.0
// arena/holes, as the layers above see them: a heap that has passed over a foreign mapping is whole, here and in a child,
// and takes nothing of it for its own.
#include <gtest/gtest.h>

#include <cstring>

#include "arena/arena.h"
#include "platform/vm.h"
#include "reslab/reslab.h"
#include "support/child.h"

namespace reslab {
namespace {

constexpr size_t kBytes = size_t{64} << 20;

class HeapHoles : public testing::Test {
 protected:
  // As under a limit of the address space, and with somebody else's memory where the window would go on.
  static void meet_foreign_memory() {
    free(malloc(1));
    arena().give_back_reservation();
    first_ = arena().reserved();
    foreign_ = unit_address(first_);
    ASSERT_EQ(vm_reserve_at(foreign_, kUnitBytes), Place::kOurs);
    ASSERT_TRUE(vm_make_writable(foreign_, kUnitBytes));
    memset(foreign_, 0x5a, kUnitBytes);
    use_memory();
    ASSERT_TRUE(arena().is_in_hole(first_));
  }

  static void use_memory() {
    void* large = reslab_malloc(kBytes);
    ASSERT_NE(large, nullptr);
    memset(large, 1, kBytes);
    reslab_free(large);
    EXPECT_EQ(reslab_check(-1), 0);
  }

  static void expect_untouched() {
    for (size_t i = 0; i < kUnitBytes; ++i) ASSERT_EQ(foreign_[i], 0x5a) << "at " << i;
  }

  static inline uint32_t first_;
  static inline char* foreign_;
};

TEST_F(HeapHoles, AHeapThatPassedOverForeignMemoryIsWhole) {
  unit::in_child([] {
    meet_foreign_memory();
    expect_untouched();
    reslab_stats stats = {};
    reslab_get_stats(&stats, sizeof stats);
    EXPECT_LT(stats.bytes_committed, kBytes + (size_t{16} << 20)) << "of the hole nothing is committed";
  });
}

TEST_F(HeapHoles, AChildTakesNoUnitOfAHoleForLost) {
  unit::in_child([] {
    meet_foreign_memory();
    unit::in_child([] {
      use_memory();
      EXPECT_TRUE(arena().is_in_hole(first_));
      EXPECT_FALSE(arena().free_bits().is_free(first_));
      expect_untouched();
    });
  });
}

TEST_F(HeapHoles, AnAddressInAHoleIsReportedAsForeign) {
  unit::in_child([] {
    meet_foreign_memory();
    EXPECT_EXIT(reslab_free(foreign_), testing::KilledBySignal(SIGABRT), "no part of reslab's memory");
  });
}

}  // namespace
}  // namespace reslab
