// SPDX-License-Identifier: Apache-2.0
// Pages of pointers: what reslab_free_rcu pushes to. Each slot has one page that is being filled, by rseq alone; full
// ones wait for the reclaimer, spare ones for a slot.
//
//   page     [ prev | 0 | 510 pointers ]           4 KiB; page 0 is none
//   header   {top:32, end:32} of a slot's page, as indices of words of all pages. 0: no page. {top, 0}: closed, the
//            reclaimer is about to take the page; a push in flight still commits its top, which is how the reclaimer, or
//            a child forked meanwhile, knows what is in it
//   state    {use:32, count:16, kind:16} of each page; `use` is drawn anew each time it leaves the spare ones
//
//                       push   renew   drain, take_full, make   handler on the same thread   child after fork
//   push, renew         yes    yes     yes                      yes                          whole; see G3
//   drain, take, make   yes    yes     - the reclaimer          -                            by the child's reclaimer
//
// G1  A page is marked full by one compare-and-swap from {use, out}: by whoever put another page in its place, or by the
//     reclaimer for them. The use makes a late one fail.
// G2  When it is marked full no section pushes to it any more: a renewal commits on the page's own slot, which ends all
//     sections there; a drain closes the header and waits for the membarrier fence.
// G3  A page remembers the one it replaced (`prev`, written before it is put in place). So a thread that never comes back
//     between its commit and its mark loses nothing: the reclaimer marks it when it takes the next page in.
// G4  An object's unlinking happens before its push, that before the mark (by G2 and the kernel's switch of threads or
//     the fence), and that before the reclaimer's reading it: what it does afterwards, a grace period above all, comes
//     after the unlinking of every object of the page.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "sync/tagged_stack.h"

namespace reslab {

enum class Renewal : uint8_t { kTryAgain, kNoPage };

class Pages {
 public:
  static constexpr uint32_t kWords = 512;
  static constexpr uint32_t kFirst = 2;  // behind prev and the sentinel that no pointer equals
  static constexpr uint32_t kPointers = kWords - kFirst;
  static constexpr uint32_t kMost = 1 << 16;

  // Maps everything for so many slots. False: no memory. Before any other call, once.
  // `measure` gives the bytes of retired objects, the same each time.
  using Measure = size_t (*)(void* const* objects, uint32_t count);
  bool init(uint32_t slots, Measure measure);
  char* cpus() const { return reinterpret_cast<char*>(cpus_); }
  uint64_t* words() const { return words_; }

  // Class any: puts a spare page into the place of a full one, or of none, of the slot the thread is on.
  Renewal renew();

  // --- the reclaimer's
  // More spare pages until there are so many, touched. Stops where memory ends.
  void make_spares(uint32_t want);
  // Takes the pages being filled off their slots: all of them, or those that are so old. Bounded: one look at each
  // slot.
  void drain(uint64_t now_ns, uint64_t age_ns, bool (*fence)());
  // Calls take(objects, count) for each full page, which is spare again when it returns.
  template <class Take>
  void take_full(Take take) {
    // Again when a page has led to one before it (G3). Ends: each page leads to one at most.
    for (bool again = true; again;) {
      again = false;
      const uint32_t made = made_.load(std::memory_order_acquire);
      for (uint32_t page = 1; page < made; ++page) {
        const uint64_t state = states_[page].load(std::memory_order_acquire);  // acquire: G4
        if (kind_of(state) != Kind::kFull) continue;
        again = mark_prev_full(page) || again;
        take_page(page, state, take);
      }
    }
  }
  // In a child after fork, before take_full: calls visit(objects, count) for the page that the parent's reclaimer was
  // taking in; its objects may have been taken partly.
  template <class Visit>
  void finish_take(Visit visit) {
    const uint32_t page = taking_;
    taking_ = 0;
    const uint64_t state = page == 0 ? 0 : states_[page].load(std::memory_order_relaxed);
    if (kind_of(state) == Kind::kFull) {  // otherwise it was done with
      visit(objects_of(page), count_of(state));
      make_spare(page);
    }
    finish_drains();
    count_full();
  }

  // For the audit, while neither the reclaimer nor anybody else does anything: each object that lies in a page.
  void visit(void (*see)(void* context, void* object), void* context) const;

  uint32_t made() const { return made_.load(std::memory_order_relaxed) - 1; }
  // Hints.
  uint32_t full() const { return positive(full_); }
  uint64_t full_bytes() const {
    const int64_t n = full_bytes_.load(std::memory_order_relaxed);
    return n > 0 ? static_cast<uint64_t>(n) : 0;
  }
  uint32_t spare() const { return positive(spare_count_); }
  uint64_t aged() const { return aged_.load(std::memory_order_relaxed); }
  uint32_t shortages() const { return shortages_.load(std::memory_order_relaxed); }
  bool has_open() const;

 private:
  enum class Kind : uint16_t { kSpare, kOut, kFull };

  struct alignas(128) Cpu {
    std::atomic<uint64_t> header;
    std::atomic<uint32_t> seen_end;  // the reclaimer's: the page of its last look, and when it first saw it
    uint64_t seen_ns;
  };

  static constexpr uint64_t state_of(uint32_t use, uint32_t count, Kind kind) {
    return uint64_t{use} << 32 | uint64_t{count} << 16 | static_cast<uint16_t>(kind);
  }
  static constexpr uint32_t use_of(uint64_t state) { return static_cast<uint32_t>(state >> 32); }
  static constexpr uint32_t count_of(uint64_t state) { return static_cast<uint32_t>(state >> 16 & 0xffff); }
  static constexpr Kind kind_of(uint64_t state) { return static_cast<Kind>(state & 0xffff); }
  static constexpr uint32_t top_of(uint64_t header) { return static_cast<uint32_t>(header); }
  static constexpr uint32_t end_of(uint64_t header) { return static_cast<uint32_t>(header >> 32); }
  static constexpr uint32_t page_at(uint32_t end) { return end / kWords - 1; }
  static constexpr uint32_t page_below(uint32_t top) { return (top - 1) / kWords; }
  static std::atomic<uint32_t>& end_half(Cpu& cpu) { return reinterpret_cast<std::atomic<uint32_t>*>(&cpu.header)[1]; }
  static uint32_t positive(const std::atomic<int32_t>& hint) {
    const int32_t n = hint.load(std::memory_order_relaxed);
    return n > 0 ? static_cast<uint32_t>(n) : 0;
  }
  auto next_of() {
    return [this](uint32_t page) -> std::atomic<uint32_t>& { return next_[page]; };
  }
  void* const* objects_of(uint32_t page) const {
    return reinterpret_cast<void* const*>(words_ + size_t{page} * kWords + kFirst);
  }
  uint64_t& prev_of(uint32_t page) const { return words_[size_t{page} * kWords]; }

  uint32_t take_spare();
  void make_spare(uint32_t page);
  void count_full();
  void give_spare_back(uint32_t page);
  bool mark_full(uint32_t page, uint32_t use, uint32_t count);
  bool mark_prev_full(uint32_t page);
  bool commit(uint32_t page);
  void drain_closed(Cpu& cpu);
  void reopen(Cpu& cpu);
  void finish_drains();
  bool is_due(Cpu& cpu, uint64_t now_ns, uint64_t age_ns);

  template <class Take>
  void take_page(uint32_t page, uint64_t state, Take& take) {
    taking_ = page;
    const size_t bytes = measure_(objects_of(page), count_of(state));
    take(objects_of(page), count_of(state));
    make_spare(page);
    full_.fetch_sub(1, std::memory_order_relaxed);
    full_bytes_.fetch_sub(static_cast<int64_t>(bytes), std::memory_order_relaxed);
  }

  uint32_t slots_ = 0;
  Cpu* cpus_ = nullptr;
  std::atomic<uint64_t>* states_ = nullptr;
  std::atomic<uint32_t>* next_ = nullptr;
  uint64_t* words_ = nullptr;
  uint32_t taking_ = 0;    // being taken in
  uint32_t writable_ = 0;  // pages
  TaggedStack spare_;
  std::atomic<uint32_t> made_{0};
  Measure measure_ = nullptr;
  std::atomic<int32_t> full_{0};
  std::atomic<int64_t> full_bytes_{0};  // of pages that wait to be taken in, as measured
  std::atomic<int32_t> spare_count_{0};
  std::atomic<uint64_t> aged_{0};
  std::atomic<uint32_t> shortages_{0};
};

}  // namespace reslab
