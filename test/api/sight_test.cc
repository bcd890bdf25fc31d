// SPDX-License-Identifier: Apache-2.0
// What a program sees of the heap, and the shape of the structures that it sees it in.

#include <gtest/gtest.h>
#include <malloc.h>
#include <reslab/reslab.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "classes.h"
#include "support/audit.h"
#include "support/opaque.h"

namespace api {
namespace {

using unit::opaque;

reslab_stats stats_now() {
  reslab_stats stats = {};
  EXPECT_EQ(reslab_get_stats(&stats, sizeof stats), 0);
  return stats;
}

TEST(Status, SaysModeReasonVersionAndArena) {
  reslab_status status = {};
  ASSERT_EQ(reslab_get_status(&status, sizeof status), 0);
  EXPECT_TRUE(status.mode == RESLAB_MODE_RSEQ || status.mode == RESLAB_MODE_FALLBACK);
  EXPECT_NE(status.index, uint32_t{RESLAB_INDEX_NONE});
  EXPECT_GT(status.slots, 0u);
  EXPECT_NE(status.mode_reason[0], '\0');
  EXPECT_STREQ(status.version, reslab_version());
  void* pointer = opaque(malloc(100));
  EXPECT_GE(unit::address_of(pointer), status.arena_base);
  EXPECT_LT(unit::address_of(pointer), status.arena_base + status.arena_window_bytes);
  free(pointer);
}

// An older program passes a smaller size, a newer one a larger: only the bytes that both know are written.
template <class T>
void expect_prefix_copies(int (*get)(T*, size_t)) {
  T whole = {};
  ASSERT_EQ(get(&whole, sizeof whole), 0);
  for (const size_t size : {size_t{0}, size_t{1}, size_t{8}, sizeof whole - 1}) {
    T part;
    memset(static_cast<void*>(&part), 0xee, sizeof part);
    EXPECT_EQ(get(&part, size), 0) << size;
    const auto* bytes = reinterpret_cast<const unsigned char*>(&part);
    for (size_t i = size; i < sizeof part; ++i) ASSERT_EQ(bytes[i], 0xee) << "byte " << i << ", out_size " << size;
  }
  struct {
    T known;
    unsigned char unknown[64];
  } newer;
  memset(static_cast<void*>(&newer), 0xee, sizeof newer);
  EXPECT_EQ(get(&newer.known, sizeof newer), 0);
  for (const unsigned char byte : newer.unknown) EXPECT_EQ(byte, 0xee);
  errno = 4711;
  EXPECT_EQ(get(nullptr, sizeof whole), EINVAL);
  EXPECT_EQ(errno, 4711);
}

TEST(Status, CopiesWhatBothSidesKnow) { expect_prefix_copies(reslab_get_status); }
TEST(Stats, CopiesWhatBothSidesKnow) { expect_prefix_copies(reslab_get_stats); }

TEST(Stats, FollowWhatIsAllocated) {
  std::vector<void*> pointers(10000);
  const reslab_stats before = stats_now();
  for (void*& pointer : pointers) {
    pointer = opaque(malloc(1000));
    memset(pointer, 1, 1000);
  }
  const reslab_stats during = stats_now();
  const uint64_t bytes = pointers.size() * reslab_good_size(1000);
  EXPECT_GE(during.bytes_live, before.bytes_live + bytes);
  EXPECT_LE(during.bytes_live, before.bytes_live + bytes + (1 << 20));
  EXPECT_GE(during.bytes_committed, during.bytes_live);
  EXPECT_GE(during.bytes_reserved, during.bytes_committed);
  EXPECT_GT(during.allocs, before.allocs);
  EXPECT_GT(during.refills, before.refills);
  for (void* pointer : pointers) free(pointer);
  const reslab_stats after = stats_now();
  EXPECT_LE(after.bytes_live, before.bytes_live + 4096);
  EXPECT_GT(after.frees, during.frees);
  EXPECT_GT(after.flushes, during.flushes);
}

TEST(Stats, LongBlocksCountAsLive) {
  const uint64_t before = stats_now().bytes_live;
  void* pointer = opaque(malloc(size_t{10} << 20));
  EXPECT_GE(stats_now().bytes_live, before + (10 << 20));
  free(pointer);
  EXPECT_LT(stats_now().bytes_live, before + (1 << 20));
}

TEST(ClassStats, AddUpForEachClass) {
  for (const reslab_class_stats& one : class_stats()) {
    EXPECT_NE(one.name[0], '\0');
    EXPECT_EQ(one.capacity, one.live + one.in_magazines + one.in_depot + one.deferred + one.in_hand + one.free_in_slabs)
        << one.name;
  }
}

TEST(ClassStats, KeepTheCallersStrideAndLength) {
  const int count = reslab_get_class_stats(nullptr, 0, 0);
  ASSERT_GE(count, 90);
  struct Wide {
    reslab_class_stats stats;
    unsigned char own[32];
  };
  std::vector<Wide> wide(static_cast<size_t>(count) + 2);
  memset(static_cast<void*>(wide.data()), 0xee, wide.size() * sizeof(Wide));
  EXPECT_EQ(reslab_get_class_stats(&wide[0].stats, 3, sizeof(Wide)), count);
  for (size_t i = 0; i < wide.size(); ++i) {
    EXPECT_EQ(wide[i].own[0], 0xee) << i;
    EXPECT_EQ(wide[i].stats.name[0] == '\xee', i >= 3) << i;
  }
}

TEST(ClassStats, OneMoreObjectIsOneMoreLive) {
  constexpr size_t kRare = 200000;
  const int64_t before = live_objects(kRare);
  void* pointer = opaque(malloc(kRare));
  EXPECT_EQ(live_objects(kRare), before + 1);
  free(pointer);
  EXPECT_EQ(live_objects(kRare), before);
}

TEST(OptionGet, GivesTheValueAsText) {
  char value[64];
  ASSERT_EQ(reslab_option_get("mode", value, sizeof value), 0);
  EXPECT_STREQ(value, std::getenv("RESLAB_TEST_MODE"));
  ASSERT_EQ(reslab_option_get("stats", value, sizeof value), 0);
  EXPECT_STREQ(value, "0");
  ASSERT_EQ(reslab_option_get("dirty_min", value, sizeof value), 0);
  EXPECT_STREQ(value, "1048576");
}

TEST(OptionGet, SaysWhatIsWrong) {
  char value[64] = "untouched";
  errno = 4711;
  EXPECT_EQ(reslab_option_get("no_such_option", value, sizeof value), EINVAL);
  EXPECT_STREQ(value, "untouched");
  EXPECT_EQ(reslab_option_get(nullptr, value, sizeof value), EINVAL);
  EXPECT_EQ(reslab_option_get("mode", nullptr, 10), EINVAL);
  EXPECT_EQ(reslab_option_get("", value, sizeof value), EINVAL);
  char small[3] = {'x', 'x', 'x'};
  EXPECT_EQ(reslab_option_get("mode", small, sizeof small), ERANGE);
  EXPECT_EQ(std::string(small), std::string(std::getenv("RESLAB_TEST_MODE")).substr(0, 2));
  EXPECT_EQ(reslab_option_get("mode", small, 0), EINVAL);
  EXPECT_EQ(errno, 4711);
}

std::string option_now(const char* name) {
  char value[64] = "";
  EXPECT_EQ(reslab_option_get(name, value, sizeof value), 0);
  return value;
}

TEST(OptionSet, ChangesWhatIsLive) {
  const char* const live[] = {"dirty_min",    "dirty_percent", "dirty_cycles", "depot_min",
                              "nolock_ready", "rcu_age",       "rcu_stall"};
  for (const char* name : live) {
    const std::string before = option_now(name);
    EXPECT_EQ(reslab_option_set(name, "2k"), 0) << name;
    EXPECT_EQ(option_now(name), "2048") << name;
    EXPECT_EQ(reslab_option_set(name, before.c_str()), 0) << name;
    EXPECT_EQ(option_now(name), before) << name;
  }
  EXPECT_EQ(reslab_option_set("dirty_recent", "0"), 0);
  EXPECT_EQ(option_now("dirty_recent"), "0");
  EXPECT_EQ(reslab_option_set("dirty_recent", "1"), 0);
}

TEST(OptionSet, SaysWhatIsWrongAndChangesNothing) {
  errno = 4711;
  EXPECT_EQ(reslab_option_set("no_such_option", "1"), EINVAL);
  EXPECT_EQ(reslab_option_set("", "1"), EINVAL);
  EXPECT_EQ(reslab_option_set(nullptr, "1"), EINVAL);
  EXPECT_EQ(reslab_option_set("dirty_min", nullptr), EINVAL);
  for (const char* value : {"", "much", "-1", "1x", "99999999999999999999"}) {
    EXPECT_EQ(reslab_option_set("dirty_min", value), EINVAL) << value;
  }
  EXPECT_EQ(reslab_option_set("dirty_recent", "2"), EINVAL);
  for (const char* name : {"mode", "slots", "stats", "stats_file", "debug", "profile", "check_sizes", "rcu_limit"}) {
    EXPECT_EQ(reslab_option_set(name, "1"), EPERM) << name;
  }
  EXPECT_EQ(errno, 4711);
  EXPECT_EQ(option_now("dirty_min"), "1048576");
  EXPECT_EQ(option_now("mode"), std::getenv("RESLAB_TEST_MODE"));
}

// Bytes that go back to the system while 32 MiB are freed.
uint64_t purged_by_frees() {
  std::vector<void*> pointers(64);
  for (void*& pointer : pointers) pointer = memset(opaque(malloc(512 << 10)), 1, 512 << 10);
  const uint64_t before = stats_now().bytes_purged;
  for (void* pointer : pointers) free(pointer);
  return stats_now().bytes_purged - before;
}

TEST(OptionSet, FreeMemoryIsBoundedByWhatItSaysNow) {
  ASSERT_EQ(reslab_option_set("dirty_min", "1g"), 0);
  EXPECT_EQ(purged_by_frees(), 0u);
  ASSERT_EQ(reslab_option_set("dirty_min", "0"), 0);
  ASSERT_EQ(reslab_option_set("dirty_percent", "0"), 0);
  ASSERT_EQ(reslab_option_set("dirty_recent", "0"), 0);
  EXPECT_GE(purged_by_frees(), uint64_t{31} << 20);
  ASSERT_EQ(reslab_option_set("dirty_min", "1m"), 0);
  ASSERT_EQ(reslab_option_set("dirty_percent", "5"), 0);
  ASSERT_EQ(reslab_option_set("dirty_recent", "1"), 0);
}

TEST(HeapDump, IsRefusedWithoutAProfile) { EXPECT_EQ(reslab_heap_dump(-1), ENOTSUP); }

TEST(Upkeep, TrimGivesMemoryBackAndKeepsWhatItShould) {
  std::vector<void*> pointers(200);
  for (void*& pointer : pointers) {
    pointer = opaque(malloc(100000));
    memset(pointer, 1, 100000);
  }
  for (void* pointer : pointers) free(pointer);
  reslab_trim(0);
  EXPECT_EQ(reslab_trim(0), 0u) << "all has been given back";
  unit::expect_sound_heap();
}

TEST(Upkeep, TheHeapIsSound) { unit::expect_sound_heap(); }

TEST(Version, IsThreeNumbers) {
  int major, minor, patch;
  char rest;
  EXPECT_EQ(sscanf(reslab_version(), "%d.%d.%d%c", &major, &minor, &patch, &rest), 3) << reslab_version();
}

// --- glibc's faces ---------------------------------------------------------------------------------------------------

TEST(Mallinfo, CountsWhatIsLive) {
  const struct mallinfo2 before = mallinfo2();
  void* pointer = opaque(malloc(size_t{10} << 20));
  const struct mallinfo2 after = mallinfo2();
  EXPECT_GE(after.uordblks + after.hblkhd, before.uordblks + before.hblkhd + (10 << 20));
  free(pointer);
}

TEST(Mallinfo, MallocInfoIsXml) {
  char* text = nullptr;
  size_t length = 0;
  FILE* stream = open_memstream(&text, &length);
  ASSERT_EQ(malloc_info(0, stream), 0);
  fclose(stream);
  const std::string xml(text, length);
  free(text);
  EXPECT_EQ(xml.rfind("<malloc version=\"", 0), 0u) << xml;
  EXPECT_NE(xml.find("</malloc>"), std::string::npos);
}

TEST(Mallinfo, MalloptAndTrimAnswerAsGlibcs) {
  EXPECT_EQ(mallopt(M_MMAP_THRESHOLD, 1 << 20), 1);
  errno = 4711;
  const int trimmed = malloc_trim(0);
  EXPECT_TRUE(trimmed == 0 || trimmed == 1);
  EXPECT_EQ(errno, 4711);
}

}  // namespace
}  // namespace api
