// SPDX-License-Identifier: Apache-2.0
// Regions of a test's own in place of the heap's: magazines without a heap behind them, in any state a test wants to see.
// While they are in place nothing may be allocated or freed.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <cstring>

#include "platform/cpu.h"
#include "platform/fast_path.h"
#include "platform/region.h"
#include "platform/rseq.h"
#include "platform/vm.h"
#include "slab/size_classes.h"
#include "support/cpus.h"

namespace unit {

using namespace reslab;

class OwnRegions : public testing::Test {
 protected:
  void SetUp() override {
    setup_ = detect_cpu(ModeOption::kRseq, SlotsOption::kAuto);
    if (setup_.mode != Mode::kRseq) stand_in_for_rseq();
    bytes_ = kPageBytes + setup_.slots * kRegionBytes;  // the page holds the word below region 0
    memory_ = static_cast<char*>(vm_map(bytes_));
    ASSERT_NE(memory_, nullptr);
    kept_ = {fast_path.regions.load(), fast_path.rseq_offset.load(), fast_path.slot_offset.load()};
    fast_path.regions.store(memory_ + kPageBytes);
    fast_path.rseq_offset.store(setup_.rseq_offset);
    fast_path.slot_offset.store(setup_.slot_offset);
  }

  void TearDown() override {
    if (memory_ == nullptr) return;
    fast_path.regions.store(kept_.regions);
    fast_path.rseq_offset.store(kept_.rseq_offset);
    fast_path.slot_offset.store(kept_.slot_offset);
    vm_release(memory_, bytes_);
  }

  uint32_t slots() const { return setup_.slots; }

  // The region number that a section of the calling thread would use at this moment.
  uint32_t section_slot() const {
    const char* self = static_cast<const char*>(__builtin_thread_pointer());
    return __atomic_load_n(reinterpret_cast<const uint32_t*>(self + setup_.slot_offset), __ATOMIC_RELAXED);
  }

  // A region as words, and the header of a class in it.
  uint64_t* words(uint32_t slot) const {
    return reinterpret_cast<uint64_t*>(memory_ + kPageBytes + slot * kRegionBytes);
  }
  std::atomic<uint64_t>& header(uint32_t slot, ClassId cls) const {
    return reinterpret_cast<std::atomic<uint64_t>*>(words(slot))[cls];
  }

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
    setup_.slot_offset = setup_.rseq_offset + 4;  // cpu_id
  }

  struct Kept {
    char* regions;
    ptrdiff_t rseq_offset;
    ptrdiff_t slot_offset;
  };

  CpuSetup setup_ = {};
  char* memory_ = nullptr;
  size_t bytes_ = 0;
  Kept kept_ = {};
};

// Stand-ins for objects: magazines never look into what they hold.
inline void* token(uintptr_t number) { return reinterpret_cast<void*>(0x1000 + 16 * number); }
inline uintptr_t token_number(const void* token) { return (reinterpret_cast<uintptr_t>(token) - 0x1000) / 16; }

}  // namespace unit
