// SPDX-License-Identifier: Apache-2.0
#include "rcu/page_pool.h"

#include <sys/mman.h>

#include "platform/syscall.h"

namespace reslab {
namespace {

constexpr size_t kPageBytes = PagePool::kWords * sizeof(uint64_t);  // of these pages, not the system's
constexpr uint32_t kPagesInStep = 256;                              // made writable at once: 1 MiB

char* map(size_t bytes, long protection) {
  const long place =
      sys_call(SYS_mmap, 0, static_cast<long>(bytes), protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return place < 0 && place > -4096 ? nullptr : reinterpret_cast<char*>(place);
}

bool make_writable(void* start, size_t bytes) {
  return sys_call(SYS_mprotect, reinterpret_cast<long>(start), static_cast<long>(bytes), PROT_READ | PROT_WRITE) == 0;
}

}  // namespace

bool PagePool::init(size_t slot_bytes, Measure measure, bool marked) {
  const size_t lines = (slot_bytes + kPageBytes - 1) / kPageBytes * kPageBytes;
  char* tables = map(lines + kMost * (sizeof(uint64_t) + sizeof(uint32_t)), PROT_READ | PROT_WRITE);
  char* words = map(kMost * kPageBytes, PROT_NONE);
  if (tables == nullptr || words == nullptr) return false;  // a process so short of space goes without pages
  slot_lines_ = tables;
  states_ = reinterpret_cast<std::atomic<uint64_t>*>(tables + lines);
  next_ = reinterpret_cast<std::atomic<uint32_t>*>(tables + lines + kMost * sizeof(uint64_t));
  words_ = reinterpret_cast<std::atomic<uint64_t>*>(words);
  measure_ = measure;
  marked_ = marked;
  made_.store(1, std::memory_order_relaxed);
  return true;
}

// --- class any -----------------------------------------------------------------------------------------------------------

uint32_t PagePool::take_spare() {
  const uint32_t page = spare_.pop(next_of());
  if (page == 0) {
    shortages_.fetch_add(1, std::memory_order_relaxed);
    return 0;
  }
  spare_count_.fetch_sub(1, std::memory_order_relaxed);
  const uint32_t use = load_state(page).use;
  // relaxed: whoever puts the page in place publishes it. Nobody can mark this use before (G1).
  states_[page].store(PageState{use, 0, PageKind::kOut}.word(), std::memory_order_relaxed);
  return page;
}

// It has not been in place: of this use nobody knows.
void PagePool::give_spare_back(uint32_t page) {
  states_[page].store(PageState{load_state(page).use, 0, PageKind::kSpare}.word(), std::memory_order_relaxed);
  push_spare(page);
}

void PagePool::push_spare(uint32_t page) {
  // A push that loses 64 races leaves an empty page on no list: a page of memory, and nothing else.
  if (spare_.push(page, next_of())) spare_count_.fetch_add(1, std::memory_order_relaxed);
}

bool PagePool::mark_full(uint32_t page, uint32_t use, uint32_t count) {
  uint64_t expected = PageState{use, 0, PageKind::kOut}.word();
  const uint64_t full = PageState{use, static_cast<uint16_t>(count), PageKind::kFull}.word();
  const size_t bytes = bytes_in(page, count);  // while nobody frees them
  // seq_cst: G4, and before the doorbell is looked at.
  if (!states_[page].compare_exchange_strong(expected, full, std::memory_order_seq_cst)) return false;
  full_bytes_.fetch_add(static_cast<int64_t>(bytes), std::memory_order_relaxed);
  full_.fetch_add(1, std::memory_order_seq_cst);
  return true;
}

size_t PagePool::bytes_in(uint32_t page, uint32_t count) const {
  size_t bytes = 0;
  for_each_run(page, count, [&](void* const* objects, uint32_t some) { bytes += measure_(objects, some); });
  return bytes;
}

// --- the reclaimer -------------------------------------------------------------------------------------------------------

void PagePool::make_spare(uint32_t page) {
  const uint32_t use = load_state(page).use + 1;
  prev_of(page).store(0, std::memory_order_relaxed);
  if (marked_) {
    std::atomic<uint64_t>* words = words_ + size_t{page} * kWords;
    for (uint32_t i = kFirst; i < kWords; ++i) words[i].store(page_mark(use), std::memory_order_relaxed);
  }
  // release: G1; a late mark of the last use fails from here on, and did before, since the page was not out.
  states_[page].store(PageState{use, 0, PageKind::kSpare}.word(), std::memory_order_release);
  push_spare(page);
  taking_ = 0;  // last: see finish_take
}

void PagePool::make_spares(uint32_t want) {
  for (uint32_t have = spare(); have < want; ++have) {
    const uint32_t page = made_.load(std::memory_order_relaxed);
    if (page >= kMost) return;
    if (page >= writable_) {
      if (!make_writable(words_ + size_t{writable_} * kWords, kPagesInStep * kPageBytes)) return;
      writable_ += kPagesInStep;
    }
    words_[size_t{page} * kWords + 1].store(0, std::memory_order_relaxed);  // and touches it
    made_.store(page + 1, std::memory_order_release);
    make_spare(page);
  }
}

bool PagePool::mark_prev_full(uint32_t page) {
  const uint64_t prev = prev_of(page).load(std::memory_order_relaxed);
  const auto old = static_cast<uint32_t>(prev);
  return old != 0 && mark_full(old, static_cast<uint32_t>(prev >> 32), kPointers);
}

void PagePool::count_full() {
  int32_t full = 0;
  size_t bytes = 0;
  for (uint32_t page = 1; page < made_.load(std::memory_order_relaxed); ++page) {
    const PageState state = load_state(page);
    if (state.kind != PageKind::kFull) continue;
    ++full;
    bytes += bytes_in(page, state.count);
  }
  full_.store(full, std::memory_order_relaxed);
  full_bytes_.store(static_cast<int64_t>(bytes), std::memory_order_relaxed);
}

void PagePool::visit_page(uint32_t page, uint32_t count, SeeObjects see, void* context) const {
  for_each_run(page, count, [&](void* const* objects, uint32_t some) { see(context, objects, some); });
}

void PagePool::visit_full(SeeObjects see, void* context) const {
  for (uint32_t page = 1; page < made_.load(std::memory_order_acquire); ++page) {
    const PageState state = load_state(page);
    if (state.kind == PageKind::kFull) visit_page(page, state.count, see, context);
  }
}

}  // namespace reslab
