// SPDX-License-Identifier: Apache-2.0
// Ids of CPUs with holes: slots that nobody is ever on, below and between those that are used. In mode rseq the process stays
// on its highest CPU and slots are numbered by CPU; in mode fallback threads are put on chosen ones of 512. Run with the
// options slots=cpu_id:cpus=512.
#include <gtest/gtest.h>
#include <reslab/reslab.h>
#include <sched.h>

#include <algorithm>
#include <optional>
#include <thread>
#include <vector>

#include "base/thread_line.h"
#include "cache/cpu_state.h"
#include "support/audit.h"
#include "support/child.h"
#include "support/cpus.h"
#include "support/mode.h"

namespace reslab {
namespace {

bool is_pinned() { return unit::wanted_mode() == "rseq"; }

// The slots that this process uses, all of them.
std::vector<uint32_t> used_slots() {
  if (is_pinned()) return {static_cast<uint32_t>(sched_getcpu())};
  return {3, 64, 300, 511};
}

// In mode fallback that is where threads are; in mode rseq nobody reads it.
void be_on(uint32_t slot) { thread_line.slot.store(static_cast<uint16_t>(slot + 1)); }

// Before the library's first call.
[[gnu::constructor(101)]] void leave_the_first_slots_unused() {
  static std::optional<unit::Pinned> pinned;
  if (is_pinned()) pinned.emplace(unit::allowed_cpus().back());
  be_on(used_slots().front());
}

void allocate_and_free(uint32_t seed) {
  std::vector<void*> objects;
  for (int i = 0; i < 20'000; ++i) {
    seed = seed * 1664525 + 1013904223;
    const size_t bytes = size_t{16} << (seed >> 20) % 14;
    objects.push_back(seed >> 31 == 0 ? reslab_malloc(bytes) : reslab_malloc_nolock(bytes, RESLAB_GROW));
    if (objects.size() < 500) continue;
    std::swap(objects[(seed >> 8) % objects.size()], objects.back());
    reslab_free(objects.back());
    objects.pop_back();
  }
  for (void* object : objects) reslab_free(object);
}

void work_on_used_slots() {
  std::vector<std::thread> threads;
  for (const uint32_t slot : used_slots()) {
    threads.emplace_back([=] {
      be_on(slot);
      allocate_and_free(slot);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

void expect_only_used_slots_ready() {
  const std::vector<uint32_t> used = used_slots();
  for (uint32_t slot = 0; slot < slots().count(); ++slot) {
    EXPECT_EQ(slots().is_ready(slot), std::count(used.begin(), used.end(), slot) != 0) << slot;
  }
}

class CpuHoles : public testing::Test {
 protected:
  void SetUp() override {
    if (used_slots().front() == 0) GTEST_SKIP() << "the one CPU here has id 0, and none is left below it";
    work_on_used_slots();
  }
};

TEST_F(CpuHoles, NothingIsMadeReadyInThem) {
  expect_only_used_slots_ready();
  unit::expect_sound_heap();
}

// Draining, sums and audits look at every slot there can be.
TEST_F(CpuHoles, RoundsOverAllSlotsPassOverThem) {
  reslab_flush_deferred();
  EXPECT_GT(reslab_trim(0), 0u);
  reslab_stats stats;
  ASSERT_EQ(reslab_get_stats(&stats, sizeof stats), 0);
  EXPECT_EQ(stats.bytes_live, 0u);
  expect_only_used_slots_ready();
  unit::expect_sound_heap();
}

TEST_F(CpuHoles, AChildRepairsWithoutThem) {
  unit::in_child([] {
    work_on_used_slots();
    expect_only_used_slots_ready();
    unit::expect_sound_heap();
  });
}

}  // namespace
}  // namespace reslab
