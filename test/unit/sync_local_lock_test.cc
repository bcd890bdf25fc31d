// SPDX-License-Identifier: Apache-2.0
// sync/local_lock: only ever tried; tells who has it; never stays in the way of anybody for ever.
// For lesson 23 of docs/lessons.md.
#include "sync/local_lock.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace reslab {
namespace {

// A frame of its own for each try, so that the word's stack pointer is the one the test means. `padding` makes it deep.
[[gnu::noinline]] LockOutcome try_here(LocalLock& lock, uint64_t& word,
                                       LocalLockOption option = LocalLockOption::kTry) {
  return lock.try_lock(word, option);
}

[[gnu::noinline]] LockOutcome try_deeper(LocalLock& lock, uint64_t& word) {
  volatile char padding[4096];
  padding[0] = 0;
  const LockOutcome outcome = try_here(lock, word);
  padding[sizeof padding - 1] = 0;  // behind the call: it is no tail call
  return outcome;
}

LockOutcome try_on_another_thread(LocalLock& lock) {
  LockOutcome outcome = LockOutcome::kBusySelf;
  std::thread([&] {
    uint64_t word;
    outcome = try_here(lock, word);
    if (outcome == LockOutcome::kTaken) lock.unlock(word);
  }).join();
  return outcome;
}

TEST(LocalLock, IsTakenAndGivenBack) {
  LocalLock lock;
  uint64_t word = 0;
  EXPECT_FALSE(lock.is_locked());
  EXPECT_EQ(try_here(lock, word), LockOutcome::kTaken);
  EXPECT_TRUE(lock.is_locked());
  lock.unlock(word);
  EXPECT_FALSE(lock.is_locked());
  EXPECT_EQ(try_on_another_thread(lock), LockOutcome::kTaken);
}

TEST(LocalLock, TellsItsOwnHolderFromAnother) {
  LocalLock lock;
  uint64_t word = 0, other = 0;
  ASSERT_EQ(try_here(lock, word), LockOutcome::kTaken);
  EXPECT_EQ(try_deeper(lock, other), LockOutcome::kBusySelf) << "a handler's frame lies deeper than the holder's";
  EXPECT_EQ(try_on_another_thread(lock), LockOutcome::kBusyOther);
  EXPECT_TRUE(lock.is_locked());
}

TEST(LocalLock, IsTakenFromAFrameOfThisThreadThatIsGone) {
  LocalLock lock;
  uint64_t left_behind = 0, word = 0;
  ASSERT_EQ(try_deeper(lock, left_behind), LockOutcome::kTaken);  // as after a longjmp: nobody unlocks
  EXPECT_EQ(try_here(lock, word), LockOutcome::kTaken);
  lock.unlock(left_behind);
  EXPECT_TRUE(lock.is_locked()) << "who lost it does not unlock the next holder's";
  lock.unlock(word);
  EXPECT_FALSE(lock.is_locked());
}

TEST(LocalLock, OfAThreadThatIsGoneIsTakenOverAfterABoundedNumberOfTries) {
  LocalLock lock;
  std::thread([&] {
    uint64_t word;
    ASSERT_EQ(try_here(lock, word), LockOutcome::kTaken);
  }).join();
  uint64_t word = 0;
  int tries = 1;
  while (tries < 1000 && try_here(lock, word) != LockOutcome::kTaken) ++tries;
  EXPECT_GT(tries, 16) << "a holder that was preempted is given some time";
  EXPECT_LE(tries, 100);
  lock.unlock(word);
  EXPECT_FALSE(lock.is_locked());
}

TEST(LocalLock, OptionsMakeEveryTrySucceedOrFail) {
  LocalLock lock;
  uint64_t word = 0, second = 0;
  EXPECT_EQ(try_here(lock, word, LocalLockOption::kNever), LockOutcome::kBusyOther);
  EXPECT_FALSE(lock.is_locked());
  EXPECT_EQ(try_here(lock, word, LocalLockOption::kAlways), LockOutcome::kTaken);
  EXPECT_EQ(try_here(lock, second, LocalLockOption::kAlways), LockOutcome::kTaken);
  lock.unlock(second);
  lock.unlock(word);
  EXPECT_FALSE(lock.is_locked());
}

TEST(LocalLock, ResetFreesIt) {
  LocalLock lock;
  uint64_t word = 0;
  ASSERT_EQ(try_here(lock, word), LockOutcome::kTaken);
  lock.reset();
  EXPECT_FALSE(lock.is_locked());
}

}  // namespace
}  // namespace reslab
