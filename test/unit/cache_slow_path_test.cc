// SPDX-License-Identifier: Apache-2.0
// cache: what happens behind a magazine that cannot serve: refill, flush, deferred frees, other buckets, single bits.
#include <gtest/gtest.h>
#include <reslab/reslab.h>
#include <sys/resource.h>
#include <sys/rseq.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <thread>
#include <vector>

#include "cache/cpu_state.h"
#include "cache/magazine.h"
#include "heap/root.h"
#include "support/audit.h"
#include "support/child.h"
#include "support/cpus.h"
#include "support/ledger.h"
#include "support/opaque.h"

namespace reslab {
namespace {

constexpr size_t kBytes = 64;
const ClassId kClass = class_of_size(kBytes);
const std::vector<int> kCpus = unit::allowed_cpus();  // before a test is pinned to the first

reslab_stats stats_now() {
  reslab_stats stats = {};
  reslab_get_stats(&stats, sizeof stats);
  return stats;
}

class SlowPath : public testing::Test {
 protected:
  void SetUp() override {
    reslab_trim(0);
    before_ = unit::live_objects();
  }
  void TearDown() override {
    unit::expect_balance(before_, {});
    unit::expect_sound_heap();
  }

  // Everything the class has cached for this thread goes to the user: its next allocation is a refill.
  std::vector<void*> empty_magazine(ClassId cls) {
    std::vector<void*> objects;
    for (PopResult popped; (popped = magazine_pop(cls)).section != Section::kBoundary;) {
      if (popped.object != nullptr) objects.push_back(popped.object);
    }
    return objects;
  }
  static void free_all(const std::vector<void*>& objects) {
    for (void* object : objects) reslab_free(object);
  }

  const unit::Pinned pinned_{kCpus.front()};

 private:
  unit::Counts before_;
};

TEST_F(SlowPath, ARefillTakesMoreThanOneAndTheNextAllocationsAreServedFromIt) {
  void* first = reslab_malloc(kBytes);
  const uint64_t refills = stats_now().refills;
  void* second = reslab_malloc(kBytes);
  EXPECT_EQ(stats_now().refills, refills);
  EXPECT_GT(unit::class_stats_of(kClass).in_magazines, 0u);
  free_all({first, second});
}

TEST_F(SlowPath, FreesBeyondTheMagazineAreFlushedAndFoundByTheNextRefill) {
  std::vector<void*> objects(5000);
  for (void*& object : objects) object = reslab_malloc(kBytes);
  const uint64_t flushes = stats_now().flushes;
  free_all(objects);
  EXPECT_GT(stats_now().flushes, flushes);
  const uint64_t capacity = unit::class_stats_of(kClass).capacity;
  for (void*& object : objects) object = reslab_malloc(kBytes);
  EXPECT_LE(unit::class_stats_of(kClass).capacity, capacity + 5000) << "what was freed was used again";
  free_all(objects);
}

// A thread that was to shrink a magazine, and is on another slot by then, shrinks the one it meets: that one grows back.
TEST_F(SlowPath, AMagazineThatWasShrunkByMistakeGrowsBack) {
  const auto traffic = [] {
    std::vector<void*> objects(3000);
    for (void*& object : objects) object = reslab_malloc(kBytes);
    free_all(objects);
  };
  const ClassInfo& info = class_info(kClass);
  for (int i = 0; i < 100; ++i) traffic();
  const uint32_t slot = slot_index();
  ASSERT_EQ(header_end(header_word(slot, kClass).load()), info.begin + info.magazine) << "it is as warm as can be";
  header_word(slot, kClass).store(header_of(header_top(header_word(slot, kClass).load()), info.begin));
  traffic();
  EXPECT_EQ(header_end(header_word(slot, kClass).load()), info.begin + info.magazine);
}

// --- memory is short -----------------------------------------------------------------------------------------------

// In a process that gets no more memory from now on.
class Shortage : public SlowPath {
 protected:
  static void fill_depot() {
    std::vector<void*> objects(60000);
    for (void*& object : objects) object = reslab_malloc(kBytes);
    free_all(objects);
    ASSERT_GT(depot().bytes(), size_t{1} << 20);
  }
  static void begin_shortage() {
    const struct rlimit limit = {4096, RLIM_INFINITY};  // 0 would be none
    ASSERT_EQ(setrlimit(RLIMIT_DATA, &limit), 0);
  }
  // With which errno.
  static int allocate_until_it_fails() {
    errno = 0;
    for (int left = 1 << 20; reslab_malloc(3000) != nullptr && left > 0; --left) continue;
    return errno;
  }
  static void expect_empty_depot() {
    EXPECT_EQ(depot().bytes(), 0u);
    EXPECT_EQ(unit::class_stats_of(kClass).in_depot, 0u);
  }
};

// What the depot holds of one class is all there is for another.
TEST_F(Shortage, APlainCallEmptiesTheDepotBeforeItFails) {
  unit::in_child([] {
    fill_depot();
    begin_shortage();
    EXPECT_EQ(allocate_until_it_fails(), ENOMEM);
    expect_empty_depot();
  });
}

// The region of that thread's slot cannot be made writable any more.
TEST_F(Shortage, SoDoesTheFirstCallOfAnotherCpu) {
  if (kCpus.size() < 2) GTEST_SKIP() << "needs two CPUs";
  unit::in_child([] {
    std::atomic<bool> is_short{false};
    int failed_with = 0;
    std::thread other([&] {
      const unit::Pinned pinned{kCpus.back()};
      while (!is_short.load()) continue;
      failed_with = allocate_until_it_fails();
    });
    fill_depot();
    begin_shortage();
    is_short.store(true);
    other.join();
    EXPECT_EQ(failed_with, ENOMEM);
    expect_empty_depot();
  });
}

// --- deferred frees ------------------------------------------------------------------------------------------------

TEST_F(SlowPath, NolockFreesBeyondTheMagazineAreDeferredAndFlushedByHand) {
  std::vector<void*> objects(3000);
  for (void*& object : objects) object = reslab_malloc(kBytes);
  const reslab_stats before = stats_now();
  for (void* object : objects) reslab_free_nolock(object);
  const reslab_stats after = stats_now();
  EXPECT_GT(after.deferred_pushed, before.deferred_pushed);
  EXPECT_GT(after.deferred_pending, 0u);
  EXPECT_LE(after.deferred_pending, DeferredList::kMaxLength)
      << "a list is bounded: the rest went straight to its bits";
  unit::expect_sound_heap();
  EXPECT_EQ(reslab_flush_deferred(), after.deferred_pending);
  EXPECT_EQ(stats_now().deferred_pending, 0u);
  EXPECT_EQ(stats_now().deferred_flushed, before.deferred_flushed + after.deferred_pending);
  EXPECT_EQ(reslab_flush_deferred(), 0u);
}

TEST_F(SlowPath, ARefillServesTheDeferredFreesOfItsOwnCpu) {
  std::vector<void*> objects(3000);
  for (void*& object : objects) object = reslab_malloc(kBytes);
  for (void* object : objects) reslab_free_nolock(object);
  ASSERT_GT(stats_now().deferred_pending, 0u);
  for (void*& object : objects) object = reslab_malloc(kBytes);
  EXPECT_EQ(stats_now().deferred_pending, 0u);
  free_all(objects);
}

TEST_F(SlowPath, ARefillStealsTheDeferredFreesOfOtherCpusBeforeItMakesASlab) {
  if (slots().count() < 2) GTEST_SKIP() << "there is one slot only";
  const uint32_t other = slot_index() == 0 ? 1 : 0;
  ASSERT_TRUE(slots().make_ready(other));
  for (int i = 0; i < 300; ++i) ASSERT_TRUE(cpu_state(other).deferred.push(reslab_malloc(kBytes)));
  std::vector<void*> objects;
  for (const uint64_t capacity = unit::class_stats_of(kClass).capacity;
       capacity == unit::class_stats_of(kClass).capacity;) {
    objects.push_back(reslab_malloc(kBytes));
  }
  EXPECT_EQ(stats_now().deferred_pending, 0u);
  free_all(objects);
}

// One CPU only allocates, the other only frees by nolock calls: nobody but the first one's refills serves the second
// one's list (16a).
TEST_F(SlowPath, MemoryFreedByNolockCallsOfAnotherCpuIsUsedAgainForEver) {
  constexpr size_t kBatch = 500, kRounds = 400;
  const std::vector<int> cpus = unit::allowed_cpus();
  std::vector<void*> batch(kBatch);
  std::atomic<int> turn{0};
  std::thread freeing([&] {
    const unit::Pinned other(cpus.back());
    for (size_t round = 0; round < kRounds; ++round) {
      while (turn.load() == 0) std::this_thread::yield();
      for (void* object : batch) reslab_free_nolock(object);
      turn = 0;
    }
  });
  for (size_t round = 0; round < kRounds; ++round) {
    for (void*& object : batch) object = reslab_malloc(kBytes);
    turn = 1;
    while (turn.load() == 1) std::this_thread::yield();
  }
  freeing.join();
  EXPECT_LE(unit::class_stats_of(kClass).capacity, 10 * kBatch + 5000) << "out of " << kBatch * kRounds;
}

// --- other buckets and single bits ---------------------------------------------------------------------------------

// The lock is with somebody else for ever, and the magazine is empty.
class Contended : public SlowPath {
 protected:
  void SetUp() override {
    SlowPath::SetUp();
    if (options().local_lock != static_cast<uint32_t>(LocalLockOption::kTry))
      GTEST_SKIP() << "locks are not as designed";
    warm_ = {reslab_malloc(kBytes), reslab_malloc(2 * kBytes)};
    taken_ = empty_magazine(kClass);
    LocalLock& lock = class_slot(slot_index(), kClass).lock;
    std::thread([&] { EXPECT_EQ(lock.try_lock(word_, LocalLockOption::kTry), LockOutcome::kTaken); }).join();
    lock_ = &lock;
  }
  void TearDown() override {
    if (lock_ != nullptr) lock_->unlock(word_);
    free_all(taken_);
    free_all(warm_);
    SlowPath::TearDown();
  }

 private:
  LocalLock* lock_ = nullptr;
  uint64_t word_ = 0;
  std::vector<void*> warm_, taken_;
};

TEST_F(Contended, ANolockAllocationIsServedByALargerClassThatKeepsTheAlignment) {
  const reslab_stats before = stats_now();
  void* object = unit::opaque(reslab_malloc_nolock(kBytes, 0));
  ASSERT_NE(object, nullptr);
  EXPECT_GT(reslab_usable_size(object), kBytes);
  EXPECT_TRUE(unit::is_aligned(object, kBytes)) << "64 goes to 128, not to 80 or 96";
  EXPECT_EQ(stats_now().nolock_retries, before.nolock_retries + 1);
  EXPECT_GT(stats_now().local_lock_busy_other, before.local_lock_busy_other);
  reslab_free_sized(object, kBytes);  // the class of a free comes from the heap's map, not from the size (14)
}

TEST_F(Contended, WithoutRetryItIsOneBitOfTheSizesOwnClass) {
  void* object = unit::opaque(reslab_malloc_nolock(kBytes, RESLAB_NORETRY));
  ASSERT_NE(object, nullptr);
  EXPECT_EQ(reslab_usable_size(object), kBytes);
  reslab_free(object);
}

TEST_F(Contended, APlainAllocationNeverFailsAndNeverTakesAnotherClass) {
  for (int i = 0; i < 300; ++i) {
    void* object = unit::opaque(reslab_malloc(kBytes));
    ASSERT_NE(object, nullptr);
    EXPECT_EQ(reslab_usable_size(object), kBytes);
    reslab_free(object);
  }
}

// --- no sections at all --------------------------------------------------------------------------------------------

// A thread that is not registered for rseq: nothing would abort its sections, so it goes by bits (10).
TEST_F(SlowPath, AThreadWithoutRseqAllocatesAndFreesByBits) {
  std::thread([&] {
    char* area = static_cast<char*>(__builtin_thread_pointer()) + __rseq_offset;
    const auto length = __rseq_size < 32 ? 32u : __rseq_size;
    ASSERT_EQ(syscall(SYS_rseq, area, length, 1 /* unregister */, RSEQ_SIG), 0) << "libc had not registered it";
    std::vector<void*> objects(2000);
    for (size_t i = 0; i < objects.size(); ++i) objects[i] = unit::opaque(reslab_malloc(i % 400));
    for (void* object : objects) ASSERT_NE(object, nullptr);
    for (size_t i = 0; i < objects.size(); ++i) i % 2 == 0 ? reslab_free(objects[i]) : reslab_free_nolock(objects[i]);
    EXPECT_GT(stats_now().allocs, 0u);
  }).join();
}

}  // namespace
}  // namespace reslab
