// SPDX-License-Identifier: Apache-2.0
// Pages of pointers, which reslab_free_rcu writes to: those that nobody fills now. Full ones wait for the reclaimer,
// spare ones for whoever needs one. Between the two a page is out, and belongs to one of the two ways of filling it: the
// restartable sections of a slot (rcu/cpu_pages.h), or compare-and-swap (rcu/shared_pages.h).
//
//   page     [ prev | 0 | 510 words ]           4 KiB; page 0 is none
//   word     the pointer of a retired object, or none: 0, or the mark of the page's use
//   state    {use:32, count:16, kind:16} of each page; `use` is drawn anew each time it becomes spare
//
//                        take_spare   mark_full   take_full, make   handler on the same thread   child after fork
//   take_spare, give     yes          yes         yes               yes                          whole; a page that is
//   mark_full            yes          yes         yes               yes                          in a hand is lost
//   take_full, make      yes          yes         - the reclaimer   -                            by the child's reclaimer
//
// G1  A page is marked full by one compare-and-swap from {use, out}: by whoever put another page in its place, or by the
//     reclaimer for them. The use makes a late one fail.
// G2  When it is marked full nothing is written to it any more. Both ways say how they see to that.
// G3  A page remembers the one it replaced (`prev`, written before it is put in place). So a thread that never comes back
//     between its commit and its mark loses nothing: the reclaimer marks it when it takes the next page in.
// G4  An object's unlinking happens before its pointer is written, that before the mark (by G2), and that before the
//     reclaimer's reading it: what it does afterwards, a grace period above all, comes after the unlinking of every object
//     of the page. Likewise each push comes before the top, or the word, that tells of it: who looks into a page that is
//     still being filled sees pointers of this use alone.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "slab/retired.h"
#include "sync/tagged_stack.h"

namespace reslab {

enum class PageKind : uint16_t { kSpare, kOut, kFull };

struct PageState {
  uint32_t use;
  uint16_t count;
  PageKind kind;

  static constexpr PageState of(uint64_t word) {
    return {static_cast<uint32_t>(word >> 32), static_cast<uint16_t>(word >> 16), static_cast<PageKind>(word & 0xffff)};
  }
  constexpr uint64_t word() const { return uint64_t{use} << 32 | uint64_t{count} << 16 | static_cast<uint16_t>(kind); }
};

// What is found in the place of a pointer in a page of this use. Odd, as no pointer is, and never 0.
constexpr uint64_t page_mark(uint32_t use) { return uint64_t{use} << 1 | 1; }
constexpr bool is_pointer(uint64_t word) { return word != 0 && (word & 1) == 0; }

class PagePool {
 public:
  static constexpr uint32_t kWords = 512;
  static constexpr uint32_t kFirst = 2;  // behind prev and the sentinel that no pointer equals
  static constexpr uint32_t kPointers = kWords - kFirst;
  static constexpr uint32_t kMost = 1 << 16;

  // Maps everything, `slot_bytes` for who fills them included. False: no memory. Before any other call, once.
  // `measure` gives the bytes of retired objects, the same each time. `marked`: empty words hold the mark of the use.
  using Measure = size_t (*)(void* const* objects, uint32_t count);
  bool init(size_t slot_bytes, Measure measure, bool marked);
  char* slot_lines() const { return slot_lines_; }
  std::atomic<uint64_t>* words() const { return words_; }

  // --- class any: of who fills pages
  // 0: there is none.
  uint32_t take_spare();
  void give_spare_back(uint32_t page);
  // False: it has been, by somebody else.
  bool mark_full(uint32_t page, uint32_t use, uint32_t count);
  const std::atomic<uint64_t>& state(uint32_t page) const { return states_[page]; }
  // The page that this one replaces, which was full (G3).
  void set_prev(uint32_t page, uint32_t prev, uint32_t use) {
    prev_of(page).store(uint64_t{use} << 32 | prev, std::memory_order_relaxed);
  }

  // --- the reclaimer's
  // More spare pages until there are so many, touched. Stops where memory ends.
  void make_spares(uint32_t want);
  // A page that has been out, with nothing in it.
  void make_spare(uint32_t page);
  bool mark_prev_full(uint32_t page);
  void count_aged() { aged_.fetch_add(1, std::memory_order_relaxed); }

  // Calls take(objects, count) for each run of pointers of the full pages, which are spare again afterwards.
  template <class Take>
  void take_full(Take take) {
    // Again when a page has led to one before it (G3). Ends: each page leads to one at most.
    for (bool again = true; again;) {
      again = false;
      const uint32_t made = made_.load(std::memory_order_acquire);
      for (uint32_t page = 1; page < made; ++page) {
        const PageState state = load_state(page);  // acquire: G4
        if (state.kind != PageKind::kFull) continue;
        again = mark_prev_full(page) || again;
        take_page(page, state.count, take);
      }
    }
  }
  // In a child after fork, before take_full: calls visit(objects, count) for the page that the parent's reclaimer was
  // taking in; its objects may have been taken partly.
  template <class Visit>
  void finish_take(Visit visit) {
    const uint32_t page = taking_;
    if (page == 0) return;
    const PageState state = load_state(page);
    if (state.kind == PageKind::kFull) {  // otherwise it was done with
      for_each_run(page, state.count, visit);
      make_spare(page);
    }
    taking_ = 0;  // last: a fork in the middle of this finds it
  }
  // Likewise, last of all: the parent's threads may have been about to count.
  void count_full();

  // Calls visit(objects, count) for the pointers among the first `count` words of a page, run by run.
  template <class Visit>
  void for_each_run(uint32_t page, uint32_t count, Visit&& visit) const {
    const std::atomic<uint64_t>* words = words_ + size_t{page} * kWords + kFirst;
    for (uint32_t i = 0; i < count; ++i) {
      const uint32_t begin = i;
      while (i < count && is_pointer(words[i].load(std::memory_order_acquire))) ++i;  // acquire: G4
      if (i != begin) visit(reinterpret_cast<void* const*>(words + begin), i - begin);
    }
  }
  // The reclaimer's, or the audit's while that holds still: each object in a full page.
  void visit_full(SeeObjects see, void* context) const;
  void visit_page(uint32_t page, uint32_t count, SeeObjects see, void* context) const;

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

 private:
  PageState load_state(uint32_t page) const { return PageState::of(states_[page].load(std::memory_order_acquire)); }
  static uint32_t positive(const std::atomic<int32_t>& hint) {
    const int32_t n = hint.load(std::memory_order_relaxed);
    return n > 0 ? static_cast<uint32_t>(n) : 0;
  }
  auto next_of() {
    return [this](uint32_t page) -> std::atomic<uint32_t>& { return next_[page]; };
  }
  std::atomic<uint64_t>& prev_of(uint32_t page) const { return words_[size_t{page} * kWords]; }
  size_t bytes_in(uint32_t page, uint32_t count) const;
  void push_spare(uint32_t page);

  template <class Take>
  void take_page(uint32_t page, uint32_t count, Take& take) {
    taking_ = page;
    const size_t bytes = bytes_in(page, count);
    for_each_run(page, count, take);
    make_spare(page);
    full_.fetch_sub(1, std::memory_order_relaxed);
    full_bytes_.fetch_sub(static_cast<int64_t>(bytes), std::memory_order_relaxed);
  }

  char* slot_lines_ = nullptr;
  std::atomic<uint64_t>* states_ = nullptr;
  std::atomic<uint32_t>* next_ = nullptr;
  std::atomic<uint64_t>* words_ = nullptr;
  bool marked_ = false;
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

// How long what is in a slot has been there, by the reclaimer's looks. A page that was not there at the last look may be
// as old as that, or half of the age: looks come twice as often.
class PageAge {
 public:
  bool is_due(uint64_t page_and_use, uint64_t now_ns, uint64_t age_ns) {
    if (seen_ != page_and_use) {
      seen_ = page_and_use;
      since_ns_ = now_ns - age_ns / 2;
    }
    return now_ns - since_ns_ >= age_ns;
  }

 private:
  uint64_t seen_;
  uint64_t since_ns_;
};

enum class Renewal : uint8_t { kTryAgain, kNoPage };

}  // namespace reslab
