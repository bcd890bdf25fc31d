// SPDX-License-Identifier: Apache-2.0
#include "selftest/regions.h"

#include "platform/fast_path.h"
#include "platform/page_size.h"
#include "platform/vm.h"

namespace reslab::selftest {

// Mostly never touched: there is one for each CPU that may come. The page before them holds the word below region 0.
Regions::Regions(const CpuSetup& setup)
    : setup_(setup),
      bytes_(kLeastPageBytes + setup.regions * kRegionBytes),
      memory_(static_cast<char*>(vm_map_sparse(bytes_))) {
  if (memory_ == nullptr) return;
  // No orders: no other thread runs sections while they are exchanged.
  kept_ = {fast_path.regions.load(std::memory_order_relaxed), fast_path.rseq_offset.load(std::memory_order_relaxed),
           fast_path.slot_offset.load(std::memory_order_relaxed)};
  fast_path.regions.store(memory_ + kLeastPageBytes, std::memory_order_relaxed);
  fast_path.rseq_offset.store(setup_.rseq_offset, std::memory_order_relaxed);
  fast_path.slot_offset.store(setup_.slot_offset, std::memory_order_relaxed);
}

Regions::~Regions() {
  if (memory_ == nullptr) return;
  fast_path.regions.store(kept_.regions, std::memory_order_relaxed);
  fast_path.rseq_offset.store(kept_.rseq_offset, std::memory_order_relaxed);
  fast_path.slot_offset.store(kept_.slot_offset, std::memory_order_relaxed);
  vm_release(memory_, bytes_);
}

uint32_t Regions::section_slot() const { return word_of_this_thread(setup_.slot_offset); }

uint64_t* Regions::words(uint32_t slot) const {
  return reinterpret_cast<uint64_t*>(memory_ + kLeastPageBytes + slot * kRegionBytes);
}

std::atomic<uint64_t>& Regions::header(uint32_t slot, uint32_t cls) const {
  return reinterpret_cast<std::atomic<uint64_t>*>(words(slot))[cls];
}

}  // namespace reslab::selftest
