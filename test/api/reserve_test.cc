// SPDX-License-Identifier: Apache-2.0
// reslab_reserve_*: as many objects as were set aside cannot be missing, whoever takes them.

#include <gtest/gtest.h>
#include <reslab/reslab.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <thread>
#include <vector>

#include "support/opaque.h"

namespace api {
namespace {

using unit::opaque;

TEST(Reserve, GivesAsManyAsItHoldsEachOnce) {
  for (const size_t size : {size_t{0}, size_t{1}, size_t{100}, size_t{5000}, size_t{300000}}) {
    constexpr size_t kCount = 40;
    reslab_reserve* reserve = reslab_reserve_create(size, kCount);
    ASSERT_NE(reserve, nullptr);
    std::vector<void*> taken;
    for (size_t i = 0; i < kCount; ++i) {
      taken.push_back(opaque(reslab_reserve_alloc(reserve, size, RESLAB_NORETRY)));
      ASSERT_NE(taken.back(), nullptr) << i << " of size " << size;
      memset(taken.back(), static_cast<int>(i), size);
    }
    EXPECT_EQ(opaque(reslab_reserve_alloc(reserve, size, RESLAB_NORETRY)), nullptr) << "it is empty";
    std::sort(taken.begin(), taken.end());
    EXPECT_EQ(std::adjacent_find(taken.begin(), taken.end()), taken.end());
    for (void* object : taken) reslab_free(object);
    EXPECT_EQ(reslab_reserve_destroy(reserve), 0);
  }
  EXPECT_EQ(reslab_check(2), 0);
}

TEST(Reserve, WhenEmptyGoesOnAsMallocNolock) {
  reslab_reserve* reserve = reslab_reserve_create(64, 1);
  ASSERT_NE(reserve, nullptr);
  reslab_free(opaque(reslab_reserve_alloc(reserve, 64, 0)));
  void* beyond = opaque(reslab_reserve_alloc(reserve, 64, RESLAB_GROW));
  EXPECT_NE(beyond, nullptr);
  void* larger = opaque(reslab_reserve_alloc(reserve, 4000, RESLAB_GROW));
  EXPECT_GE(reslab_usable_size(larger), 4000u);
  reslab_free(beyond);
  reslab_free(larger);
  EXPECT_EQ(reslab_reserve_destroy(reserve), 0);
}

TEST(Reserve, RefillFillsItUp) {
  reslab_reserve* reserve = reslab_reserve_create(128, 10);
  ASSERT_NE(reserve, nullptr);
  for (int round = 0; round < 5; ++round) {
    for (int i = 0; i < 10; ++i) {
      auto* object =
          static_cast<unsigned char*>(opaque(reslab_reserve_alloc(reserve, 128, RESLAB_NORETRY | RESLAB_ZERO)));
      ASSERT_NE(object, nullptr);
      EXPECT_EQ(std::count(object, object + 128, 0), 128);
      memset(object, 0xee, 128);
      reslab_free_nolock(object);
    }
    EXPECT_EQ(reslab_reserve_refill(reserve), 0);
  }
  EXPECT_EQ(reslab_reserve_destroy(reserve), 0);
}

TEST(Reserve, ImpossibleSizesAreRefused) {
  errno = 0;
  EXPECT_EQ(reslab_reserve_create(SIZE_MAX, 1), nullptr);
  EXPECT_EQ(errno, ENOMEM);
  EXPECT_EQ(reslab_reserve_create(16, SIZE_MAX / 4), nullptr);
  EXPECT_EQ(reslab_reserve_create(size_t{1} << 46, 2), nullptr) << "more than there is";
  EXPECT_EQ(reslab_reserve_destroy(nullptr), 0);
  EXPECT_EQ(reslab_check(2), 0);
}

size_t bytes_live() {
  reslab_stats stats;
  EXPECT_EQ(reslab_get_stats(&stats, sizeof stats), 0);
  return stats.bytes_live;
}

// The scope allows no maintenance call, so what could be had has to go back in another way than by destroying it.
TEST(Reserve, ACreateThatFailsInANolockScopeLosesNothingAndKeepsErrno) {
  constexpr size_t kMoreThanReadyMemory = 2000;
  const size_t before = bytes_live();
  const unsigned saved = reslab_nolock_save();
  errno = 4242;
  EXPECT_EQ(reslab_reserve_create(100000, kMoreThanReadyMemory), nullptr);
  EXPECT_EQ(reslab_reserve_create(SIZE_MAX, 1), nullptr);
  EXPECT_EQ(errno, 4242);
  reslab_nolock_restore(saved);
  EXPECT_EQ(bytes_live(), before);
  EXPECT_EQ(reslab_check(2), 0);
}

TEST(Reserve, ItsMemoryIsResidentFromTheStart) {
  reslab_reserve* reserve = reslab_reserve_create(100000, 3);
  ASSERT_NE(reserve, nullptr);
  void* object = opaque(reslab_reserve_alloc(reserve, 100000, RESLAB_NORETRY));
  const uintptr_t page = reslab_page_size();
  const uintptr_t first = reinterpret_cast<uintptr_t>(object) / page * page;
  unsigned char resident[26] = {};
  ASSERT_EQ(mincore(reinterpret_cast<void*>(first), 100000, resident), 0);
  EXPECT_EQ(std::count_if(resident, resident + 100000 / page, [](unsigned char one) { return (one & 1) != 0; }),
            static_cast<long>(100000 / page));
  reslab_free(object);
  EXPECT_EQ(reslab_reserve_destroy(reserve), 0);
}

TEST(Reserve, NeverFailsWithinItsCountFromManyThreads) {
  constexpr size_t kThreads = 4, kEach = 5000;
  reslab_reserve* reserve = reslab_reserve_create(48, kThreads * kEach);
  ASSERT_NE(reserve, nullptr);
  std::atomic<size_t> missing{0};
  std::vector<std::vector<void*>> taken(kThreads);
  std::vector<std::thread> threads;
  for (size_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (size_t i = 0; i < kEach; ++i) {
        void* object = reslab_reserve_alloc(reserve, 48, RESLAB_NORETRY);
        if (object == nullptr) ++missing;
        else taken[t].push_back(object);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(missing, 0u);
  std::vector<void*> all;
  for (const auto& some : taken) all.insert(all.end(), some.begin(), some.end());
  std::sort(all.begin(), all.end());
  EXPECT_EQ(std::adjacent_find(all.begin(), all.end()), all.end());
  for (void* object : all) reslab_free(object);
  EXPECT_EQ(reslab_reserve_destroy(reserve), 0);
}

// Of the parent's threads some were inside: that is nothing to the child.
TEST(Reserve, AChildDestroysWhatItsParentUses) {
  reslab_reserve* reserve = reslab_reserve_create(64, 16);
  ASSERT_NE(reserve, nullptr);
  std::atomic<bool> done{false};
  std::thread user([&] {
    while (!done) reslab_free(opaque(reslab_reserve_alloc(reserve, 64, 0)));
  });
  for (int i = 0; i < 100; ++i) {
    const pid_t child = fork();
    if (child == 0) _exit(reslab_reserve_destroy(reserve));
    int status = -1;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_EQ(status, 0);
  }
  done = true;
  user.join();
  EXPECT_EQ(reslab_reserve_destroy(reserve), 0);
}

std::atomic<reslab_reserve*> shared{nullptr};
std::atomic<int> destroyed_with{-1};

void destroy_in_handler(int) { destroyed_with = reslab_reserve_destroy(shared); }

TEST(Reserve, DestroyIsRefusedOnAnAlternateStack) {
  shared = reslab_reserve_create(48, 4);
  std::vector<char> memory(SIGSTKSZ);
  stack_t stack = {}, former = {};
  stack.ss_sp = memory.data();
  stack.ss_size = memory.size();
  ASSERT_EQ(sigaltstack(&stack, &former), 0);
  struct sigaction action = {}, before = {};
  action.sa_handler = destroy_in_handler;
  action.sa_flags = SA_ONSTACK;
  sigaction(SIGUSR1, &action, &before);
  raise(SIGUSR1);
  sigaction(SIGUSR1, &before, nullptr);
  sigaltstack(&former, nullptr);
  EXPECT_EQ(destroyed_with, EDEADLK);
  EXPECT_EQ(reslab_reserve_destroy(shared), 0) << "nothing was lost";
}

TEST(ReserveDeathTest, WhatIsNoReserveIsReported) {
  static char foreign[64];
  EXPECT_DEATH((void)opaque(reslab_reserve_alloc(reinterpret_cast<reslab_reserve*>(foreign), 8, 0)),
               "reslab_reserve_alloc.*no part of reslab's memory");
}

}  // namespace
}  // namespace api
