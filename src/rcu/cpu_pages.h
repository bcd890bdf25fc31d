// SPDX-License-Identifier: Apache-2.0
// Pages being filled by restartable sections: one for each slot.
//
//   header   {top:32, end:32} of a slot's page, as indices of words of all pages. 0: no page, as it stays where a thread's
//            id is no slot (platform/cpu.h): a renewal names its slot. {top, 0}: closed, the reclaimer is about to take
//            the page; a push in flight still commits its top, which is how the reclaimer, or a child forked meanwhile,
//            knows what is in it
//
//                   push   renew   drain             handler on the same thread   child after fork
//   push, renew     yes    yes     yes               yes                          whole; see page_pool.h, G3
//   drain           yes    yes     - the reclaimer   -                            finish_drains, by the child's reclaimer
//
// G2  When a page is marked full no section pushes to it any more: a renewal commits on the page's own slot, which ends
//     all sections there; a drain closes the header and waits for the membarrier fence.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "rcu/page_pool.h"

namespace reslab {

class CpuPages {
 public:
  static size_t id_bytes(uint32_t ids) { return ids * sizeof(Cpu); }
  // Behind the pool's; before any other call, once.
  void init(PagePool& pool, uint32_t slots);
  char* cpus() const { return reinterpret_cast<char*>(cpus_); }

  // Class any: puts a spare page into the place of a full one, or of none, of the slot the thread is on, which is a hint.
  Renewal renew(uint32_t slot);

  // --- the reclaimer's
  // Takes the pages being filled off their slots: all of them, or those that are so old. Bounded: one look at each
  // slot. False: the fence is refused, and what is to go stays where it was.
  bool drain(uint64_t now_ns, uint64_t age_ns, bool (*fence)());
  // In a child after fork.
  void finish_drains();
  // The reclaimer's, or the audit's while that holds still: each object in a page that is being filled.
  void visit(SeeObjects see, void* context) const;
  bool has_open() const;

 private:
  struct alignas(128) Cpu {
    std::atomic<uint64_t> header;
    PageAge age;
  };

  static constexpr uint32_t top_of(uint64_t header) { return static_cast<uint32_t>(header); }
  static constexpr uint32_t end_of(uint64_t header) { return static_cast<uint32_t>(header >> 32); }
  static constexpr uint32_t page_at(uint32_t end) { return end / PagePool::kWords - 1; }
  static constexpr uint32_t page_below(uint32_t top) { return (top - 1) / PagePool::kWords; }
  static constexpr uint32_t count_below(uint32_t top) {
    return top - page_below(top) * PagePool::kWords - PagePool::kFirst;
  }
  static std::atomic<uint32_t>& end_half(Cpu& cpu) { return reinterpret_cast<std::atomic<uint32_t>*>(&cpu.header)[1]; }

  bool commit(uint32_t slot, uint32_t page);
  bool is_due(Cpu& cpu, uint64_t now_ns, uint64_t age_ns);
  void drain_closed(Cpu& cpu);
  void take_off_empty(Cpu& cpu, uint32_t page);
  void reopen(Cpu& cpu);

  PagePool* pool_ = nullptr;
  Cpu* cpus_ = nullptr;
  uint32_t slots_ = 0;
};

}  // namespace reslab
