// SPDX-License-Identifier: Apache-2.0
// heap: any object may be given to any freeing call, errno is kept by all of them, and what is no object is reported.
// For lesson 28 of docs/lessons.md.
#include <gtest/gtest.h>
#include <reslab/reslab.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "slab/size_classes.h"
#include "support/audit.h"
#include "support/calls.h"
#include "support/ledger.h"

namespace reslab {
namespace {

TEST(HeapFree, AnyPairOfCallsGoesTogether) {
  const unit::Counts before = unit::live_objects();
  for (const unit::AllocatingCall& allocating : unit::kAllocatingCalls) {
    for (const unit::FreeingCall& freeing : unit::kFreeingCalls) {
      for (const size_t bytes : unit::kSizes) {
        if (bytes > allocating.most) continue;
        SCOPED_TRACE(testing::Message() << allocating.name << " " << bytes << " " << freeing.name);
        void* object = allocating.allocate(bytes);
        ASSERT_NE(object, nullptr);
        memset(object, 0x77, bytes);
        freeing.free(object, bytes);
      }
    }
  }
  unit::expect_balance(before, {});
  unit::expect_sound_heap();
}

TEST(HeapFree, AnotherThreadMayFreeIt) {
  const unit::Counts before = unit::live_objects();
  std::vector<void*> objects;
  for (const size_t bytes : unit::kSizes) objects.push_back(reslab_malloc(bytes));
  std::thread([&] {
    for (size_t i = 0; i < objects.size(); ++i) {
      unit::kFreeingCalls[i % std::size(unit::kFreeingCalls)].free(objects[i], unit::kSizes[i]);
    }
  }).join();
  unit::expect_balance(before, {});
}

TEST(HeapFree, NullIsFreedEverywhere) {
  for (const unit::FreeingCall& freeing : unit::kFreeingCalls) freeing.free(nullptr, 0);
}

// Through every way a free can go: the magazine, a flush, the deferred list, the purge of a large block.
TEST(HeapFree, EveryFreeKeepsErrno) {
  for (const unit::FreeingCall& freeing : unit::kFreeingCalls) {
    for (const size_t bytes : {size_t{24}, size_t{1000}, size_t{20000}, size_t{300000}, size_t{30} << 20}) {
      std::vector<void*> objects(bytes > 100000 ? 3 : bytes > 10000 ? 100 : 5000);
      for (void*& object : objects) object = reslab_malloc(bytes);
      errno = 12345;
      for (void* object : objects) {
        memset(object, 1, 8);
        freeing.free(object, bytes);
        ASSERT_EQ(errno, 12345) << freeing.name << " " << bytes;
      }
      freeing.free(nullptr, 0);
      ASSERT_EQ(errno, 12345) << freeing.name;
    }
  }
}

// --- misuse: a report that names the call, the address and what is there, then SIGABRT ---------------------------------

class HeapMisuse : public testing::TestWithParam<unit::FreeingCall> {
 protected:
  void expect_report(void* pointer, const std::string& what) {
    void* bad = unit::opaque(pointer);
    EXPECT_EXIT(GetParam().free(bad, 1), testing::KilledBySignal(SIGABRT),
                "reslab: [a-z_]*free[a-z_]*\\(0x[0-9a-f]+\\): " + what);
  }
};

TEST_P(HeapMisuse, AnAddressInsideAnObjectIsReported) {
  char* object = static_cast<char*>(reslab_malloc(100));
  expect_report(object + 16, "not the start of an object: 16 bytes into object [0-9]+ of a slab of class 112");
  expect_report(object + 1, "not the start of an object: 1 bytes into object [0-9]+ of a slab of class 112");
  reslab_free(object);
}

TEST_P(HeapMisuse, AnAddressInsideALargeBlockIsReported) {
  char* object = static_cast<char*>(reslab_malloc(1 << 20));
  expect_report(object + 4096, "not the start of an object: 4096 bytes into a large block of 1048576");
  expect_report(object + 65536, "not the start of an object: 65536 bytes into a large block of 1048576");
  reslab_free(object);
}

TEST_P(HeapMisuse, AForeignAddressIsReported) {
  int on_the_stack = 0;
  expect_report(&on_the_stack, "no part of reslab's memory");
  expect_report(reinterpret_cast<void*>(16), "no part of reslab's memory");
  expect_report(reinterpret_cast<void*>(~uintptr_t{15}), "no part of reslab's memory");
}

TEST_P(HeapMisuse, MemoryThatWasNeverHandedOutIsReported) {
  reslab_status status = {};
  ASSERT_EQ(reslab_get_status(&status, sizeof status), 0);
  char* end = reinterpret_cast<char*>(status.arena_base + status.arena_window_bytes);
  expect_report(end - 65536, "inside reslab's reserved range, never handed out");
}

// Behind the last object of a slab there may be bytes left over, which begin where the next object would.
TEST_P(HeapMisuse, TheUnusedTailOfASlabIsReported) {
  const ClassInfo& info = class_info(class_of_size(48));
  const size_t used = size_t{info.capacity} * info.object_bytes;
  ASSERT_LT(used, info.slab_units * kUnitBytes);
  char* object = static_cast<char*>(reslab_malloc(48));
  char* slab = reinterpret_cast<char*>(reinterpret_cast<uintptr_t>(object) & ~(kUnitBytes - 1));
  ASSERT_EQ(info.slab_units, 1u);
  expect_report(slab + used, "in the unused tail of a slab of class 48");
  reslab_free(object);
}

TEST_P(HeapMisuse, AnObjectFreedTwiceInARowIsReported) {
  void* object = unit::opaque(reslab_malloc(100));
  EXPECT_EXIT(
      {
        reslab_free(object);
        GetParam().free(object, 100);
      },
      testing::KilledBySignal(SIGABRT), "reslab: [a-z_]*free[a-z_]*\\(0x[0-9a-f]+\\): double free: ");
  reslab_free(object);
}

TEST_P(HeapMisuse, ALargeBlockFreedTwiceIsReported) {
  void* object = unit::opaque(reslab_malloc(1 << 20));
  EXPECT_EXIT(
      {
        reslab_free(object);
        GetParam().free(object, 1 << 20);
      },
      testing::KilledBySignal(SIGABRT), "reslab: [a-z_]*free[a-z_]*\\(0x[0-9a-f]+\\): ");
  reslab_free(object);
}

// Not at once, since the magazine is not searched, but before anybody gets one of the two by a refill.
TEST_P(HeapMisuse, AnObjectFreedTwiceWithOthersBetweenIsReportedWhenItReachesItsSlab) {
  std::vector<void*> objects(3000);
  EXPECT_EXIT(
      {
        for (void*& object : objects) object = unit::opaque(reslab_malloc(100));
        void* twice = objects[10];
        for (void* object : objects) GetParam().free(object, 100);
        GetParam().free(twice, 100);
        reslab_flush_deferred();
        reslab_trim(0);
      },
      testing::KilledBySignal(SIGABRT), "reslab: [a-z_]*free[a-z_]*\\(0x[0-9a-f]+\\): double free: ");
}

INSTANTIATE_TEST_SUITE_P(Calls, HeapMisuse, testing::ValuesIn(unit::kFreeingCalls),
                         [](const auto& one) { return std::string(one.param.name); });

TEST(HeapMisuseOfOthers, UsableSizeAndReallocReportWhatIsNoObject) {
  char* object = static_cast<char*>(unit::opaque(reslab_malloc(100)));
  EXPECT_EXIT(EXPECT_EQ(reslab_usable_size(object + 16), 0u), testing::KilledBySignal(SIGABRT),
              "reslab: reslab_usable_size\\(0x[0-9a-f]+\\): not the start of an object: 16 bytes into object");
  EXPECT_EXIT(EXPECT_EQ(unit::opaque(reslab_realloc(object + 16, 10)), nullptr), testing::KilledBySignal(SIGABRT),
              "reslab: realloc\\(0x[0-9a-f]+\\): not the start of an object: 16 bytes into object");
  reslab_free(object);
}

TEST(HeapMisuseOfOthers, AReportCannotBeIgnoredOrCaughtForGood) {
  char* object = static_cast<char*>(unit::opaque(reslab_malloc(100)));
  EXPECT_EXIT(
      {
        signal(SIGABRT, SIG_IGN);
        reslab_free(object + 16);
      },
      testing::KilledBySignal(SIGABRT), "not the start of an object");
  EXPECT_EXIT(
      {
        signal(SIGABRT, [](int) { reslab_free(reslab_malloc(100)); });  // and it may allocate
        reslab_free(object + 16);
      },
      testing::KilledBySignal(SIGABRT), "not the start of an object");
  reslab_free(object);
}

}  // namespace
}  // namespace reslab
