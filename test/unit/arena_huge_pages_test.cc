// SPDX-License-Identifier: Apache-2.0
// The option thp: what the mappings of the heap say of huge pages. Whether the system then has any is its own affair.
#include <gtest/gtest.h>
#include <reslab/reslab.h>

#include <cstdint>
#include <fstream>
#include <string>

#include "arena/arena.h"
#include "base/options.h"

namespace reslab {
namespace {

struct Mapping {
  uintptr_t begin, end;
  bool is_writable;
};

bool read_head(const std::string& line, Mapping& mapping) {
  char rights[5];
  unsigned long begin, end;
  if (sscanf(line.c_str(), "%lx-%lx %4s", &begin, &end, rights) != 3) return false;
  mapping = {begin, end, rights[1] == 'w'};
  return true;
}

// Calls visit(mapping, flags) for each writable mapping of the heap.
template <class Visit>
void for_each_of_heap(Visit visit) {
  const uintptr_t begin = arena().window().base, end = begin + arena().committed_bytes();
  std::ifstream file("/proc/self/smaps");
  Mapping mapping = {};
  for (std::string line; std::getline(file, line);) {
    if (read_head(line, mapping) || line.rfind("VmFlags:", 0) != 0) continue;
    if (mapping.is_writable && mapping.begin < end && mapping.end > begin) visit(mapping, line + " ");
  }
}

TEST(HugePages, AllOfTheHeapSaysWhatTheOptionDoes) {
  if (!std::ifstream("/sys/kernel/mm/transparent_hugepage/enabled")) GTEST_SKIP() << "a kernel without huge pages";
  void* blocks[8];  // the heap grows in several steps
  for (void*& block : blocks) block = reslab_malloc(size_t{4} << 20);
  const auto asked = static_cast<ThpOption>(options().thp);
  size_t bytes = 0;
  for_each_of_heap([&](const Mapping& mapping, const std::string& flags) {
    EXPECT_EQ(flags.find(" hg ") != std::string::npos, asked == ThpOption::kAlways) << flags;
    EXPECT_EQ(flags.find(" nh ") != std::string::npos, asked == ThpOption::kNever) << flags;
    bytes += mapping.end - mapping.begin;
  });
  EXPECT_GE(bytes, sizeof blocks / sizeof blocks[0] * (size_t{4} << 20));
  for (void* block : blocks) reslab_free(block);
}

}  // namespace
}  // namespace reslab
