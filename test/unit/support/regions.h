// SPDX-License-Identifier: Apache-2.0
// Regions of a test's own in place of the heap's: magazines without a heap behind them, in any state a test wants to see.
// While they are in place nothing may be allocated or freed.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <optional>

#include "platform/cpu.h"
#include "platform/fast_path.h"
#include "platform/region.h"
#include "platform/rseq.h"
#include "platform/vm.h"
#include "selftest/regions.h"
#include "slab/size_classes.h"
#include "support/cpus.h"

namespace unit {

using namespace reslab;
using selftest::token;
using selftest::token_number;

class OwnRegions : public testing::Test {
 protected:
  void SetUp() override {
    setup_ = detect_cpu(ModeOption::kRseq, SlotsOption::kAuto);
    if (setup_.mode != Mode::kRseq) stand_in_for_rseq();
    regions_.emplace(setup_);
    ASSERT_TRUE(regions_->are_mapped());
  }

  void TearDown() override { regions_.reset(); }

  uint32_t slots() const { return regions_->slots(); }

  // The region number that a section of the calling thread would use at this moment.
  uint32_t section_slot() const { return regions_->section_slot(); }

  // A region as words, and the header of a class in it.
  uint64_t* words(uint32_t slot) const { return regions_->words(slot); }
  std::atomic<uint64_t>& header(uint32_t slot, ClassId cls) const { return regions_->header(slot, cls); }

  // Does `operation`, a section, on a region that `place` has brought into the state wanted, and reads the outcome by
  // `fetch`; all of it again if the section was aborted or the thread moved to another region meanwhile.
  template <class Place, class Operation, class Fetch>
  auto run_section(Place place, Operation operation, Fetch fetch) {
    for (;;) {  // ends: tries are lost to the scheduler, a few thousand times a second at most
      const uint32_t slot = section_slot();
      place(words(slot));
      const auto result = operation();
      if (section_of(result) == Section::kAborted || section_slot() != slot) continue;
      fetch(words(slot));
      return result;
    }
  }

 private:
  static Section section_of(Section section) { return section; }
  template <class Result>
  static Section section_of(const Result& result) {
    return result.section;
  }

  // Where nobody registers rseq (qemu, valgrind): an area of our own for this one thread, which says CPU 0 for ever.
  // Nothing is aborted then, and nothing else runs on these regions: a section does what its instructions say.
  void stand_in_for_rseq() {
    static char area[32] __attribute__((aligned(32)));
    setup_.mode = Mode::kRseq;
    setup_.rseq_offset = area - static_cast<char*>(__builtin_thread_pointer());
    setup_.slot_offset = setup_.rseq_offset + selftest::kCpuIdField;
  }

  CpuSetup setup_ = {};
  std::optional<selftest::Regions> regions_;
};

}  // namespace unit
