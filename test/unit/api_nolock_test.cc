// SPDX-License-Identifier: Apache-2.0
// api: the nolock functions' flags and limits, and where maintenance calls are refused.
#include <gtest/gtest.h>
#include <reslab/reslab.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "base/options.h"
#include "platform/page_size.h"
#include "support/audit.h"
#include "support/child.h"
#include "support/opaque.h"

namespace reslab {
namespace {

void* nolock(size_t bytes, unsigned flags) {
  volatile size_t unknown = bytes;  // the compiler warns of sizes that cannot be
  return unit::opaque(reslab_malloc_nolock(unknown, flags));
}

TEST(Nolock, UnknownFlagsAreRefused) {
  for (const unsigned flags : {8u, 0x10u, 0x8000u, RESLAB_GROW | 0x100u}) {
    EXPECT_EQ(nolock(10, flags), nullptr) << flags;
    EXPECT_EQ(unit::opaque(reslab_aligned_alloc_nolock(64, 10, flags)), nullptr) << flags;
  }
}

TEST(Nolock, ANodeIsAHintOfAnyNumber) {
  for (const unsigned node : {0u, 1u, 63u, 65533u}) {
    void* object = nolock(100, RESLAB_GROW | RESLAB_NODE(node));
    EXPECT_NE(object, nullptr) << node;
    reslab_free(object);
  }
}

TEST(Nolock, ServesEverythingUpToItsLimitAndNothingBeyond) {
  for (const size_t bytes : {size_t{0}, size_t{1}, RESLAB_NOLOCK_MAX - 1, RESLAB_NOLOCK_MAX}) {
    void* object = nolock(bytes, RESLAB_GROW);
    ASSERT_NE(object, nullptr) << bytes;
    memset(object, 1, bytes);
    reslab_free_nolock(object);
  }
  EXPECT_EQ(nolock(RESLAB_NOLOCK_MAX + 1, RESLAB_GROW), nullptr);
  EXPECT_EQ(nolock(SIZE_MAX, RESLAB_GROW), nullptr);
}

TEST(Nolock, ErrnoIsKeptByFailureAndSuccess) {
  errno = 12345;
  reslab_free_nolock(nolock(100, RESLAB_GROW));
  EXPECT_EQ(nolock(RESLAB_NOLOCK_MAX + 1, 0), nullptr);
  EXPECT_EQ(nolock(10, 0x8000), nullptr);
  volatile size_t crooked = 3;
  EXPECT_EQ(unit::opaque(reslab_aligned_alloc_nolock(crooked, 10, 0)), nullptr);
  void* beyond_a_unit = unit::opaque(reslab_aligned_alloc_nolock(1 << 20, 10, RESLAB_GROW));
  EXPECT_EQ(reinterpret_cast<uintptr_t>(beyond_a_unit) % (1 << 20), 0u);
  reslab_free_nolock(beyond_a_unit);
  volatile size_t vast = size_t{1} << 45;
  EXPECT_EQ(unit::opaque(reslab_aligned_alloc_nolock(vast, 10, RESLAB_GROW)), nullptr);
  EXPECT_EQ(errno, 12345);
}

// Without RESLAB_GROW there is what is at hand, and then NULL; the kernel is not asked, so nothing is committed.
TEST(Nolock, WithoutGrowItEndsWhereTheMemoryAtHandEnds) {
  unit::in_child([] {
    reslab_stats before = {}, after = {};
    reslab_get_stats(&before, sizeof before);
    std::vector<void*> objects;
    for (void* object; (object = nolock(200000, 0)) != nullptr;) objects.push_back(object);
    reslab_get_stats(&after, sizeof after);
    EXPECT_EQ(after.bytes_committed, before.bytes_committed);
    EXPECT_NE(nolock(200000, RESLAB_GROW), nullptr);
    EXPECT_NE(unit::opaque(reslab_malloc(200000)), nullptr);
    for (void* object : objects) reslab_free_nolock(object);
    unit::expect_sound_heap();
  });
}

TEST(Nolock, PageSizeIsTheSystems) {
  const auto own = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  EXPECT_EQ(reslab_page_size(), std::max(own, kLeastPageBytes << 2 * options().pages)) << "or that of a test";
}

// --- maintenance ---------------------------------------------------------------------------------------------------------

TEST(Maintenance, IsRefusedOnAnAlternateStackAndLosesNothing) {
  static char stack_memory[64 << 10];
  static int checked, check_errno, trim_errno;
  static size_t trimmed;
  checked = check_errno = trim_errno = 0;
  trimmed = 1;
  const stack_t stack = {stack_memory, 0, sizeof stack_memory};
  ASSERT_EQ(sigaltstack(&stack, nullptr), 0);
  struct sigaction action = {}, kept;
  action.sa_flags = SA_ONSTACK;
  action.sa_handler = [](int) {
    errno = 0;
    checked = reslab_check(-1);
    check_errno = std::exchange(errno, 0);
    trimmed = reslab_trim(0);
    trim_errno = errno;
  };
  sigaction(SIGUSR1, &action, &kept);
  raise(SIGUSR1);
  sigaction(SIGUSR1, &kept, nullptr);
  const stack_t none = {nullptr, SS_DISABLE, 0};
  sigaltstack(&none, nullptr);

  EXPECT_EQ(checked, -1);
  EXPECT_EQ(check_errno, EDEADLK);
  EXPECT_EQ(trimmed, 0u);
  EXPECT_EQ(trim_errno, EDEADLK);
  unit::expect_sound_heap();
}

TEST(Maintenance, TrimKeepsWhatItIsToldToKeep) {
  unit::in_child([] {
    void* object = unit::opaque(reslab_malloc(30 << 20));
    memset(object, 1, 30 << 20);
    void* small = reslab_malloc(700 << 10);  // freed below the bound: nothing is purged by itself
    memset(small, 1, 700 << 10);
    reslab_free(small);
    const size_t purged = reslab_trim(500 << 10);
    EXPECT_GE(purged, size_t{200} << 10);
    EXPECT_GE(reslab_trim(0), size_t{400} << 10) << "what was to be kept";
    reslab_free(object);
  });
}

}  // namespace
}  // namespace reslab
