// SPDX-License-Identifier: Apache-2.0
// platform/cpu and platform/known_defects: which mode a process gets, and what numbers its magazines.
#include "platform/cpu.h"

#include <gtest/gtest.h>
#include <reslab/reslab.h>
#include <sched.h>
#include <sys/auxv.h>
#include <unistd.h>
#if __has_include(<sys/rseq.h>)
#include <sys/rseq.h>
#endif

#include <cstdlib>
#include <cstring>
#include <string>

#include "cache/cpu_state.h"
#include "heap/root.h"
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

// A file of /sys with this in it.
class File {
 public:
  explicit File(const std::string& text) {
    const int fd = mkstemp(path_);
    EXPECT_EQ(write(fd, text.data(), text.size()), static_cast<ssize_t>(text.size()));
    close(fd);
  }
  ~File() { unlink(path_); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  const char* path() const { return path_; }

 private:
  char path_[32] = "/tmp/reslab-unit-XXXXXX";
};

TEST(Cpu, TheHighestIdOfAListIsWhatCounts) {
  constexpr struct {
    const char* text;
    uint32_t ids;
  } kLists[] = {
      {"0\n", 1},
      {"0-1\n", 2},
      {"0-3,8-11\n", 12},
      {"0,2-5\n", 6},
      {"0-3,7\n", 8},
      {"2,4,6\n", 7},
      {"0-4095\n", 4096},
      {"", 0},
      {"\n", 0},
      {"none\n", 0},
      {"0-4096\n", 0},
      {"0-99999999999999999999999\n", 0},
      {"0-3,8-11,16-19,24-27,32-35,40-43,48-51,56-59\n", 0},
  };
  for (const auto& [text, ids] : kLists) EXPECT_EQ(ids_in_file(File(text).path()), ids) << text;
  EXPECT_EQ(ids_in_file("/nowhere/at/all"), 0u);
}

// Sections compare no id with anything: a file that somebody has put in the place of the kernel's must not leave ids without
// a region.
TEST(Cpu, AFileThatNamesTooFewCpusLeavesRoomForAllThatTheKernelKnows) {
  cpu_set_t mask[8];
  memset(mask, 0, sizeof mask);
  ASSERT_EQ(sched_getaffinity(0, sizeof mask, mask), 0);
  const Ids ids = count_ids(File("0\n").path());
  EXPECT_EQ(ids.slots, 1u);
  for (int cpu = 0; cpu < 8 * CPU_SETSIZE; ++cpu) {
    EXPECT_TRUE(!CPU_ISSET_S(cpu, sizeof mask, mask) || ids.regions > static_cast<uint32_t>(cpu)) << cpu;
  }
  EXPECT_GE(ids.regions, static_cast<uint32_t>(sysconf(_SC_NPROCESSORS_CONF)));
}

TEST(Cpu, AFileThatNamesMoreCpusThanTheKernelMakesNoMoreSlots) {
  const Ids ids = count_ids(File("0-4095\n").path());
  EXPECT_EQ(ids.regions, 4096u);
  EXPECT_EQ(ids.slots, count_ids("/nowhere/at/all").slots);
}

// What a section finds there: nothing to take, no room, and nothing in the word below.
TEST(Cpu, AnIdBeyondTheSlotsHasARegionWithNothingInIt) {
  ASSERT_TRUE(ensure_root(Contract::kPlain));
  const size_t spare = root().spare_region_bytes.load() / kRegionBytes;
  EXPECT_EQ(spare, root().cpu.regions - root().cpu.slots);
  for (uint32_t id = root().cpu.slots; id < root().cpu.slots + spare; ++id) {
    EXPECT_EQ(header_word(id, 1).load(), 0u) << id;
    EXPECT_EQ(slot_words(id)[-1].load(), nullptr) << id;
  }
}

TEST(Cpu, WithoutTheFileThereIsASlotForEachIdOfTheKernels) {
  const Ids ids = count_ids("/nowhere/at/all");
  EXPECT_EQ(ids.slots, ids.regions);
  EXPECT_GT(ids.slots, 0u);
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
  const bool one_node = read_numbers("/sys/devices/system/node/online", nodes, 2) < 2;
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
