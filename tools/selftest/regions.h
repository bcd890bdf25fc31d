// SPDX-License-Identifier: Apache-2.0
// Regions of one's own in place of the heap's: magazines without a heap behind them, in any state that is wanted. While
// they are in place nothing may be allocated from this process's heap, if it has one, or freed to it.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "platform/cpu.h"
#include "platform/region.h"

namespace reslab::selftest {

class Regions {
 public:
  explicit Regions(const CpuSetup& setup);
  ~Regions();
  Regions(const Regions&) = delete;
  Regions& operator=(const Regions&) = delete;

  // False: there was no memory for them, and nothing else may be asked.
  bool are_mapped() const { return memory_ != nullptr; }
  uint32_t slots() const { return setup_.slots; }

  // The region number that a section of the calling thread would use at this moment.
  uint32_t section_slot() const;

  // A region as words, and the header of a class in it.
  uint64_t* words(uint32_t slot) const;
  std::atomic<uint64_t>& header(uint32_t slot, uint32_t cls) const;

 private:
  struct Kept {
    char* regions;
    ptrdiff_t rseq_offset;
    ptrdiff_t slot_offset;
  };

  CpuSetup setup_;
  size_t bytes_;
  char* memory_;
  Kept kept_ = {};
};

// A word of the calling thread's rseq area, as the kernel wrote it last.
inline uint32_t word_of_this_thread(ptrdiff_t offset) {
  const char* self = static_cast<const char*>(__builtin_thread_pointer());
  return __atomic_load_n(reinterpret_cast<const uint32_t*>(self + offset), __ATOMIC_RELAXED);
}

inline constexpr ptrdiff_t kCpuIdField = 4;  // from the start of that area

// Stand-ins for objects: magazines never look into what they hold.
inline void* token(uintptr_t number) { return reinterpret_cast<void*>(0x1000 + 16 * number); }
inline uintptr_t token_number(const void* token) { return (reinterpret_cast<uintptr_t>(token) - 0x1000) / 16; }

}  // namespace reslab::selftest
