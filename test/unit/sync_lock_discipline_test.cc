// SPDX-License-Identifier: Apache-2.0
// The discipline of local locks, in builds with -Dchecks=true: what breaks it ends in a report, and what keeps it does not.
#include <gtest/gtest.h>

#include "platform/syscall.h"
#include "sync/local_lock.h"

namespace reslab {
namespace {

class LockDiscipline : public testing::Test {
 protected:
  LocalLock lock_, another_;
  uint64_t word_ = 0, another_word_ = 0;

  void take() { ASSERT_EQ(lock_.try_lock(word_, LocalLockOption::kTry), LockOutcome::kTaken); }
};

TEST_F(LockDiscipline, ALockIsReleasedBeforeTheKernelIsEntered) {
  take();
  EXPECT_DEATH(sys_call(SYS_getppid), "locks_held\\(\\) == 0");
  lock_.unlock(word_);
  EXPECT_GT(sys_call(SYS_getppid), 0);
}

TEST_F(LockDiscipline, ReportsAreWrittenWhateverIsHeld) {
  take();
  EXPECT_EQ(sys_write(1, "", 0), 0);
  lock_.unlock(word_);
}

TEST_F(LockDiscipline, ASlowPathHoldsOneLock) {
  take();
  EXPECT_DEATH(another_.try_lock(another_word_, LocalLockOption::kTry), "locks_held\\(\\) == 0");
  lock_.unlock(word_);
  EXPECT_EQ(another_.try_lock(another_word_, LocalLockOption::kTry), LockOutcome::kTaken);
  another_.unlock(another_word_);
}

TEST_F(LockDiscipline, AHandlersCallCountsForItself) {
  take();
  {
    const SlowCall nested;
    EXPECT_GT(sys_call(SYS_getppid), 0);
    EXPECT_EQ(another_.try_lock(another_word_, LocalLockOption::kTry), LockOutcome::kTaken);
    another_.unlock(another_word_);
  }
  EXPECT_DEATH(sys_call(SYS_getppid), "locks_held\\(\\) == 0") << "the interrupted call holds its own again";
  lock_.unlock(word_);
}

}  // namespace
}  // namespace reslab
