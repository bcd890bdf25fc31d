// SPDX-License-Identifier: Apache-2.0
// platform/cpu and platform/known_defects: which mode a process gets, and what numbers its magazines.
#include "platform/cpu.h"

#include <gtest/gtest.h>
#include <reslab/reslab.h>
#include <sys/auxv.h>
#if __has_include(<sys/rseq.h>)
#include <sys/rseq.h>
#endif

#include <string>

#include "platform/known_defects.h"
#include "platform/small_file.h"
#include "support/mode.h"

namespace reslab {
namespace {

TEST(Cpu, TheFallbackIsTakenWhenAskedForAndNeedsNoRseq) {
  const CpuSetup setup = detect_cpu(ModeOption::kFallback, SlotsOption::kAuto);
  EXPECT_EQ(setup.mode, Mode::kFallback);
  EXPECT_EQ(setup.source, SlotSource::kThread);
  EXPECT_GE(setup.slots, 1u);
  EXPECT_NE(std::string(setup.reason), "");
}

TEST(Cpu, ThereAreSlotsForEveryCpuThatMayCome) {
  size_t range[16];
  const size_t n = read_numbers("/sys/devices/system/cpu/possible", range, 16);
  ASSERT_GT(n, 0u);
  EXPECT_GT(detect_cpu(ModeOption::kAuto, SlotsOption::kAuto).slots, range[n - 1]);
}

#if defined(__GLIBC__) && defined(__x86_64__)
// What nobody asks for otherwise in these tests: the choice of every user.
TEST(Cpu, LeftAloneItTakesRseqAndTheDenseNumbersWhereTheyAre) {
  if (__rseq_size == 0 || known_rseq_defect() != nullptr) GTEST_SKIP() << "no rseq here";
  constexpr unsigned long kFeatureSize = 27, kWithMmCid = 28;  // AT_RSEQ_FEATURE_SIZE; as of Linux 6.3
  const CpuSetup setup = detect_cpu(ModeOption::kAuto, SlotsOption::kAuto);
  EXPECT_EQ(setup.mode, Mode::kRseq);
  size_t nodes[2];
  const bool one_node = read_numbers("/sys/devices/system/node/possible", nodes, 2) < 2;
  const bool dense = getauxval(kFeatureSize) >= kWithMmCid && one_node;
  EXPECT_EQ(setup.source, dense ? SlotSource::kMmCid : SlotSource::kCpuId);
}
#endif

TEST(Cpu, SlotsAreNumberedByCpuWhereThatIsAskedFor) {
  if (detect_cpu(ModeOption::kAuto, SlotsOption::kAuto).mode != Mode::kRseq) GTEST_SKIP() << "no rseq here";
  const CpuSetup setup = detect_cpu(ModeOption::kRseq, SlotsOption::kCpuId);
  EXPECT_EQ(setup.source, SlotSource::kCpuId);
  EXPECT_EQ(setup.slot_offset, setup.rseq_offset + 4);
  EXPECT_NE(std::string(setup.reason).find("cpu_id"), std::string::npos);
}

// (43)
TEST(KnownDefects, AreFoundByMachineAndRelease) {
  EXPECT_NE(known_rseq_defect("aarch64", "6.19.0"), nullptr);
  EXPECT_NE(known_rseq_defect("aarch64", "6.19.4-rt1-generic"), nullptr);
  EXPECT_NE(known_rseq_defect("aarch64", "6.19-rc3"), nullptr);
  EXPECT_EQ(known_rseq_defect("aarch64", "6.18.9"), nullptr);
  EXPECT_EQ(known_rseq_defect("aarch64", "6.1.19"), nullptr);
  EXPECT_EQ(known_rseq_defect("aarch64", "6.190.0"), nullptr);
  EXPECT_EQ(known_rseq_defect("aarch64", ""), nullptr);
  EXPECT_EQ(known_rseq_defect("x86_64", "6.19.0"), nullptr);
  EXPECT_EQ(known_rseq_defect("aarch64_be", "6.19.0"), nullptr);
}

}  // namespace
}  // namespace reslab
