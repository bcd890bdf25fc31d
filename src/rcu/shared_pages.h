// SPDX-License-Identifier: Apache-2.0
// Pages being filled by compare-and-swap, where there are no restartable sections: one for each slot, several threads and
// handlers at once.
//
//   header   {use:32, page:32} of a slot's page, each pair once. 0: no page
//   hint     {use:32, index:32}: where in that page to begin looking. Of another use or page it says nothing
//   word     from the mark of its use (page_pool.h) to a pointer, or to 0 when the reclaimer closes the page, once
//
// A push is one compare-and-swap, of a word from its mark to the pointer; the hint is a plain store behind it. So a thread
// may stop anywhere, and one that comes back late finds no mark of the use it knew.
//
//                   push   renew   drain             handler on the same thread   child after fork
//   push, renew     yes    yes     yes               yes                          whole; see page_pool.h, G3
//   drain           yes    yes     - the reclaimer   -                            finish_drains, by the child's reclaimer
//
// G2  Words are filled in their order: a push has seen all before its own filled, or the hint of one that has. So when the
//     last one is, the page is full for ever; that is when it may be replaced. A drain replaces it by nothing, and closes
//     each word: a push that fails at that begins anew with what the slot has then.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "platform/rseq.h"
#include "rcu/page_pool.h"

namespace reslab {

class SharedPages {
 public:
  static size_t slot_bytes(uint32_t slots) { return slots * sizeof(Slot); }
  // Behind the pool's; before any other call, once.
  void init(PagePool& pool, uint32_t slots);

  // Class any. kBoundary: no page, or a full one; kAborted: the page has been taken away, try again.
  Section push(uint32_t slot, void* object);
  // Puts a spare page into the place of a full one, or of none.
  Renewal renew(uint32_t slot);

  // --- the reclaimer's; as those of CpuPages, but nothing has to be waited for
  void drain(uint64_t now_ns, uint64_t age_ns);
  void finish_drains();
  void visit(SeeObjects see, void* context) const;
  bool has_open() const;

 private:
  struct alignas(128) Slot {
    std::atomic<uint64_t> header;
    std::atomic<uint64_t> hint;
    PageAge age;
  };

  static constexpr uint32_t page_of(uint64_t header) { return static_cast<uint32_t>(header); }
  static constexpr uint32_t use_of(uint64_t word) { return static_cast<uint32_t>(word >> 32); }
  static constexpr uint64_t in_use(uint32_t use, uint32_t what) { return uint64_t{use} << 32 | what; }
  static constexpr uint32_t begin_of(uint64_t header) { return page_of(header) * PagePool::kWords + PagePool::kFirst; }
  static constexpr uint32_t end_of(uint64_t header) { return (page_of(header) + 1) * PagePool::kWords; }

  bool is_full(uint64_t header) const;
  bool is_on_a_slot(uint64_t header) const;
  void take_off(Slot& slot, uint64_t header);
  void close(uint64_t header);

  PagePool* pool_ = nullptr;
  Slot* slots_ = nullptr;
  uint32_t slot_count_ = 0;
  std::atomic<uint64_t> draining_{0};  // the header of the page that the reclaimer is taking off its slot
};

}  // namespace reslab
