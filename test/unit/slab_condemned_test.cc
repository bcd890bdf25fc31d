// slab/condemned: units that go back to the arena after a grace period. The grace periods are this test's own.
#include "slab/condemned.h"

#include <gtest/gtest.h>
#include <reslab/reslab.h>

#include <cstring>

#include "heap/root.h"
#include "support/audit.h"
#include "support/child.h"

namespace reslab {
namespace {

uint64_t ended = 0;  // grace periods
uint64_t started = 0;

constexpr RcuClient kClient = {
    .gp_start = [] { return ++started; },
    .gp_poll = [](uint64_t gp) { return gp <= ended; },
    .hold = [] {},
    .let_go = [] {},
    .visit_pages = [](void (*)(void*, void*), void*) {},
};

class Condemned : public testing::Test {
 protected:
  void SetUp() override {
    started = ended = 0;
    rcu_client.store(&kClient);
  }
  void TearDown() override {
    ended = started;
    release_condemned(64);
    EXPECT_FALSE(has_condemned());
    rcu_client.store(nullptr);
    unit::expect_sound_heap();
  }

  // The units of what was a slab, as its retirer has them.
  static uint32_t claim(uint32_t count) {
    const UnitRun run = arena().claim(count, 1, Contract::kPlain);
    EXPECT_NE(run.first, 0u);
    return run.first;
  }
  static bool is_free(uint32_t unit) { return arena().free_bits().is_free(unit); }
};

TEST_F(Condemned, UnitsComeBackWhenTheirPeriodIsOver) {
  const uint32_t unit = claim(3);
  condemn_units(unit, 3);
  EXPECT_EQ(condemned_at(unit), 3u);
  EXPECT_EQ(release_condemned(8), 0u);
  EXPECT_EQ(release_condemned(8), 0u);  // from the other list
  for (uint32_t i = 0; i < 3; ++i) EXPECT_FALSE(is_free(unit + i));
  ended = 1;
  EXPECT_EQ(release_condemned(8), 1u);
  for (uint32_t i = 0; i < 3; ++i) EXPECT_TRUE(is_free(unit + i));
  EXPECT_EQ(condemned_at(unit), 0u);
}

TEST_F(Condemned, EachWaitsForItsOwnPeriod) {
  const uint32_t first = claim(1), second = claim(2), third = claim(1);
  condemn_units(first, 1);
  condemn_units(second, 2);
  condemn_units(third, 1);
  ended = 2;
  uint32_t released = 0;
  for (int i = 0; i < 4; ++i) released += release_condemned(8);
  EXPECT_EQ(released, 2u);
  EXPECT_TRUE(is_free(first) && is_free(second) && is_free(second + 1));
  EXPECT_FALSE(is_free(third));
}

TEST_F(Condemned, TheBytesStayAsTheyWere) {
  const uint32_t unit = claim(1);
  memset(unit_address(unit), 0x5a, kUnitBytes);
  condemn_units(unit, 1);
  release_condemned(8);
  arena().purge(0);
  for (size_t i = 0; i < kUnitBytes; ++i) ASSERT_EQ(unit_address(unit)[i], 0x5a);
}

TEST_F(Condemned, TheAuditKnowsThem) {
  condemn_units(claim(2), 2);
  unit::expect_sound_heap();
}

TEST_F(Condemned, AWalkIsBounded) {
  for (int i = 0; i < 8; ++i) condemn_units(claim(1), 1);
  ended = started;
  EXPECT_EQ(release_condemned(3), 3u);
  EXPECT_EQ(release_condemned(3), 3u);
  EXPECT_EQ(release_condemned(3), 2u);
}

TEST_F(Condemned, ATrimLooks) {
  const uint32_t unit = claim(1);
  condemn_units(unit, 1);
  ended = 1;
  reslab_trim(0);
  EXPECT_EQ(condemned_at(unit), 0u);
  EXPECT_TRUE(is_free(unit));
}

// In a child it is found by its descriptor, waits on, and comes back.
TEST_F(Condemned, AChildKeepsThem) {
  const uint32_t unit = claim(2);
  condemn_units(unit, 2);
  unit::in_child([&] {
    reslab_free(reslab_malloc(5 << 20));  // the repair
    EXPECT_EQ(condemned_at(unit), 2u);
    EXPECT_EQ(release_condemned(8), 0u);
    EXPECT_FALSE(is_free(unit) || is_free(unit + 1));
    ended = 1;
    uint32_t released = 0;
    for (int i = 0; i < 3; ++i) released += release_condemned(8);
    EXPECT_EQ(released, 1u);
    EXPECT_TRUE(is_free(unit) && is_free(unit + 1));
    unit::expect_sound_heap();
  });
}

}  // namespace
}  // namespace reslab
