// SPDX-License-Identifier: Apache-2.0
// api: statistics, status, options, versions: what callers of any age of the header get, and that the figures add up.
#include <gtest/gtest.h>
#include <reslab/reslab.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

#include "api/sight.h"
#include "support/audit.h"
#include "support/ledger.h"
#include "support/memory_file.h"
#include "support/mode.h"
#include "support/opaque.h"

namespace reslab {
namespace {

reslab_stats stats_now() {
  reslab_stats stats = {};
  EXPECT_EQ(reslab_get_stats(&stats, sizeof stats), 0);
  return stats;
}

// A structure of `known` bytes and what lies behind it; only the former may be written.
template <class T, class Get>
void expect_prefix_written(Get get, size_t known) {
  struct {
    T value;
    char behind[64];
  } old;
  memset(&old, 0x5a, sizeof old);
  EXPECT_EQ(get(&old.value, known), 0);
  const char* bytes = reinterpret_cast<const char*>(&old);
  for (size_t i = known; i < sizeof old; ++i) ASSERT_EQ(bytes[i], 0x5a) << "byte " << i << " of " << known;
}

TEST(Sight, CallersOfAnOlderOrNewerHeaderGetWhatBothKnow) {
  for (const size_t known : {size_t{0}, size_t{8}, size_t{40}, sizeof(reslab_stats)}) {
    expect_prefix_written<reslab_stats>(reslab_get_stats, known);
  }
  for (const size_t known : {size_t{0}, size_t{4}, size_t{20}, sizeof(reslab_status)}) {
    expect_prefix_written<reslab_status>(reslab_get_status, known);
  }
  char larger[sizeof(reslab_stats) + 64];
  memset(larger, 0x5a, sizeof larger);
  EXPECT_EQ(reslab_get_stats(reinterpret_cast<reslab_stats*>(larger), sizeof larger), 0);
  for (size_t i = sizeof(reslab_stats); i < sizeof larger; ++i) ASSERT_EQ(larger[i], 0x5a);
  EXPECT_EQ(reslab_get_stats(nullptr, 100), EINVAL);
  EXPECT_EQ(reslab_get_status(nullptr, 100), EINVAL);
}

TEST(Sight, ClassStatisticsFillAsManyElementsOfAnySizeAsThereAre) {
  const int count = reslab_get_class_stats(nullptr, 0, 0);
  ASSERT_GT(count, 90);
  EXPECT_EQ(reslab_get_class_stats(nullptr, 10, sizeof(reslab_class_stats)), count);
  struct Larger {
    reslab_class_stats known;
    char unknown[24];
  };
  std::vector<Larger> larger(static_cast<size_t>(count) + 2);
  memset(static_cast<void*>(larger.data()), 0x5a, larger.size() * sizeof larger[0]);
  EXPECT_EQ(reslab_get_class_stats(&larger[0].known, larger.size(), sizeof larger[0]), count);
  for (size_t i = 0; i < larger.size(); ++i) {
    for (const char byte : larger[i].unknown) ASSERT_EQ(byte, 0x5a);
    if (i < static_cast<size_t>(count)) EXPECT_EQ(larger[i].known.class_id, i + 1);
    else EXPECT_EQ(larger[i].known.class_id, 0x5a5a5a5au) << "behind the last class nothing is written";
  }
  reslab_class_stats two[3];
  memset(two, 0x5a, sizeof two);
  EXPECT_EQ(reslab_get_class_stats(two, 2, sizeof two[0]), count);
  EXPECT_EQ(two[1].class_id, 2u);
  EXPECT_EQ(two[2].class_id, 0x5a5a5a5au);
}

TEST(Sight, OfEveryClassAllObjectsAreSomewhere) {
  std::vector<void*> objects;
  for (size_t i = 0; i < 3000; ++i) objects.push_back(reslab_malloc(i * 37 % 70000));
  for (size_t i = 0; i < objects.size(); i += 2) i % 3 == 0 ? reslab_free_nolock(objects[i]) : reslab_free(objects[i]);
  for (const reslab_class_stats& one : unit::class_stats()) {
    EXPECT_EQ(one.capacity, one.live + one.in_magazines + one.in_depot + one.deferred + one.in_hand + one.free_in_slabs)
        << one.name;
    EXPECT_EQ(one.in_hand, 0u) << one.name;
    EXPECT_GE(one.slab_bytes, one.object_bytes);
    if (one.name[0] == 'r') continue;  // of runs, units
    EXPECT_EQ(std::string(one.name), std::to_string(one.object_bytes));
    const uint64_t slabs = one.slabs_active + one.slabs_partial + one.slabs_full + one.slabs_empty;
    EXPECT_EQ(slabs * (one.slab_bytes / one.object_bytes), one.capacity) << one.name;
  }
  for (size_t i = 1; i < objects.size(); i += 2) reslab_free(objects[i]);
  unit::expect_sound_heap();
}

TEST(Sight, LiveBytesFollowWhatIsAllocatedAndFreed) {
  const uint64_t before = stats_now().bytes_live;
  std::vector<void*> objects;
  uint64_t held = 0;
  for (const size_t bytes : {size_t{10}, size_t{100}, size_t{5000}, size_t{70000}, size_t{300000}, size_t{9} << 20}) {
    objects.push_back(reslab_malloc(bytes));
    held += reslab_usable_size(objects.back());
    EXPECT_EQ(stats_now().bytes_live, before + held) << bytes;
  }
  const reslab_stats with = stats_now();
  EXPECT_GE(with.bytes_committed, held);
  EXPECT_GE(with.bytes_reserved, with.bytes_committed);
  EXPECT_GT(with.bytes_metadata, 0u);
  for (void* object : objects) reslab_free(object);
  EXPECT_EQ(stats_now().bytes_live, before);
}

TEST(Sight, EventsAreCountedWhereTheyHappen) {
  const reslab_stats before = stats_now();
  std::vector<void*> objects(20000);
  for (void*& object : objects) object = reslab_malloc(40);
  const reslab_stats middle = stats_now();
  EXPECT_GE(middle.allocs, before.allocs + 19000);
  EXPECT_GT(middle.refills, before.refills);
  for (void* object : objects) reslab_free(object);
  const reslab_stats after = stats_now();
  EXPECT_GE(after.frees, middle.frees + 15000);
  EXPECT_GT(after.flushes, middle.flushes);
  EXPECT_GT(after.deactivations, before.deactivations);
  EXPECT_EQ(after.double_frees, 0u);
  EXPECT_EQ(after.invalid_frees, 0u);

  const uint64_t failures = after.nolock_failures;
  EXPECT_EQ(unit::opaque(reslab_malloc_nolock(RESLAB_NOLOCK_MAX + 1, RESLAB_GROW)), nullptr);
  EXPECT_EQ(stats_now().nolock_failures, failures + 1);
}

TEST(Sight, PurgedBytesAreCounted) {
  const uint64_t before = stats_now().bytes_purged;
  void* object = unit::opaque(reslab_malloc(40 << 20));
  memset(object, 1, 40 << 20);
  reslab_free(object);
  reslab_trim(0);
  EXPECT_GE(stats_now().bytes_purged, before + (40 << 20));
}

TEST(Sight, StatusSaysHowAndWhy) {
  reslab_status status = {};
  ASSERT_EQ(reslab_get_status(&status, sizeof status), 0);
  const bool rseq = unit::wanted_mode() == "rseq";
  EXPECT_EQ(status.mode, static_cast<uint32_t>(rseq ? RESLAB_MODE_RSEQ : RESLAB_MODE_FALLBACK));
  EXPECT_EQ(status.index == RESLAB_INDEX_THREAD, !rseq);
  EXPECT_NE(std::string(status.mode_reason), "");
  EXPECT_STREQ(status.version, reslab_version());
  EXPECT_GE(status.slots, 1u);
  EXPECT_NE(status.features & RESLAB_FEATURE_WIPE_ON_FORK, 0u);
  EXPECT_EQ((status.features & RESLAB_FEATURE_RSEQ_FENCE) != 0, rseq);
  void* object = reslab_malloc(100);
  EXPECT_LT(unit::address_of(object) - status.arena_base, status.arena_window_bytes);
  reslab_free(object);
}

TEST(Sight, TheTextNamesEveryFigureOnce) {
  const unit::MemoryFile file;
  write_stats(file.fd(), "x: ");
  const std::string text = file.text();
  for (const char* name : {"version",
                           "mode",
                           "mode_reason",
                           "pid",
                           "bytes_live",
                           "bytes_committed",
                           "bytes_reserved",
                           "bytes_metadata",
                           "bytes_purged",
                           "allocs",
                           "frees",
                           "nolock_allocs",
                           "nolock_failures",
                           "nolock_retries",
                           "deferred_pushed",
                           "deferred_flushed",
                           "deferred_pending",
                           "local_lock_busy_self",
                           "local_lock_busy_other",
                           "reentries",
                           "rseq_restarts_exhausted",
                           "slabs_active",
                           "slabs_partial",
                           "slabs_full",
                           "slabs_empty",
                           "deactivations",
                           "refills",
                           "flushes",
                           "double_frees",
                           "invalid_frees",
                           "fork_lost_objects"}) {
    const std::string line = std::string("x: ") + name + "=";
    const size_t first = text.find(line);
    ASSERT_NE(first, std::string::npos) << name;
    EXPECT_EQ(text.find(line, first + 1), std::string::npos) << name;
  }
}

}  // namespace
}  // namespace reslab
