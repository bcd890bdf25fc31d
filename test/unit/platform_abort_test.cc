// SPDX-License-Identifier: Apache-2.0
// platform/rseq.h: what the kernel promises of sections, in full (43), by the checks of `reslab selftest`: a signal
// aborts the section before its handler runs, the membarrier fence aborts sections on other CPUs, and so does
// preemption on the same CPU. For lesson 5 of docs/lessons.md.
#include <gtest/gtest.h>

#include "base/options.h"
#include "platform/cpu.h"
#include "selftest/checks.h"
#include "selftest/cpus.h"

namespace reslab {
namespace {

using selftest::Duration;
using selftest::Outcome;
using selftest::Seconds;
using selftest::Verdict;

constexpr Duration kDuration = {Seconds(2), Seconds(20)};
constexpr uint64_t kEnoughAborts = 100;

class AbortTest : public testing::Test {
 protected:
  // The sections' promises do not depend on the mode that the heap is in.
  void SetUp() override {
    setup_ = detect_cpu(ModeOption::kRseq, static_cast<SlotsOption>(options().slots));
    if (setup_.mode != Mode::kRseq) GTEST_SKIP() << setup_.reason;
  }

  // None is skipped on a machine of several CPUs, and all have seen aborts.
  void expect_that_it_holds(const Outcome& outcome) const {
    if (outcome.verdict == Verdict::kSkipped && selftest::allowed_cpus().size() < 2) GTEST_SKIP() << outcome.why;
    EXPECT_EQ(outcome.verdict, Verdict::kHolds) << outcome.why;
    EXPECT_GE(outcome.figure("aborts"), kEnoughAborts);
  }

  CpuSetup setup_ = {};
};

TEST_F(AbortTest, EveryCpuHasThreadsRegisteredAndIdsInRange) {
  const Outcome outcome = check_registration(setup_, kDuration);
  EXPECT_EQ(outcome.verdict, Verdict::kHolds) << outcome.why;
  EXPECT_EQ(outcome.figure("CPUs"), selftest::allowed_cpus().size());
}

TEST_F(AbortTest, ASignalAbortsTheSectionBeforeItsHandlerRuns) {
  const Outcome outcome = check_signal(setup_, kDuration);
  expect_that_it_holds(outcome);
  EXPECT_GE(outcome.figure("signals"), 1000u);
}

TEST_F(AbortTest, TheFenceAbortsSectionsThatAreInFlightOnOtherCpus) {
  const Outcome outcome = check_fence(setup_, kDuration);
  expect_that_it_holds(outcome);
  if (IsSkipped()) return;
  EXPECT_GE(outcome.figure("aborts_by_fences"), 1000u);
}

TEST_F(AbortTest, PreemptionOnTheSameCpuLosesNoUpdate) {
  const Outcome outcome = check_preemption(setup_, kDuration);
  expect_that_it_holds(outcome);
  EXPECT_GE(outcome.figure("preemptions"), 100u);
}

TEST_F(AbortTest, ThreadsThatMigrateLoseNothing) { expect_that_it_holds(check_migration(setup_, kDuration)); }

}  // namespace
}  // namespace reslab
