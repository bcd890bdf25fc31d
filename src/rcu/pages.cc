// SPDX-License-Identifier: Apache-2.0
#include "rcu/pages.h"

#include <sys/mman.h>

#include "base/for_tries.h"
#include "base/hooks.h"
#include "platform/syscall.h"
#include "rcu/section.h"

namespace reslab {
namespace {

constexpr size_t kPageBytes = 4096;
constexpr uint32_t kPagesInStep = 256;  // made writable at once

char* map(size_t bytes, long protection) {
  const long place =
      sys_call(SYS_mmap, 0, static_cast<long>(bytes), protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return place < 0 && place > -4096 ? nullptr : reinterpret_cast<char*>(place);
}

bool make_writable(void* start, size_t bytes) {
  return sys_call(SYS_mprotect, reinterpret_cast<long>(start), static_cast<long>(bytes), PROT_READ | PROT_WRITE) == 0;
}

// The slot the thread is on, stale at once; the sections look for themselves.
uint32_t current_slot(uint32_t slots) {
#if defined(__x86_64__) || defined(__aarch64__)
  const char* self = static_cast<const char*>(__builtin_thread_pointer());
  const uint32_t slot = __atomic_load_n(
      reinterpret_cast<const uint32_t*>(self + rcu_fast.slot_offset.load(std::memory_order_relaxed)), __ATOMIC_RELAXED);
  return slot < slots ? slot : 0;
#else
  return slots - slots;
#endif
}

}  // namespace

bool Pages::init(uint32_t slots, Measure measure) {
  measure_ = measure;
  static_assert(sizeof(Cpu) == size_t{1} << kCpuShift && kWords * sizeof(uint64_t) == kPageBytes);
  const size_t cpu_bytes = (slots * sizeof(Cpu) + kPageBytes - 1) / kPageBytes * kPageBytes;
  char* tables = map(cpu_bytes + kMost * (sizeof(uint64_t) + sizeof(uint32_t)), PROT_READ | PROT_WRITE);
  char* words = map(kMost * kPageBytes, PROT_NONE);
  if (tables == nullptr || words == nullptr) return false;  // a process so short of space goes without pages
  cpus_ = reinterpret_cast<Cpu*>(tables);
  states_ = reinterpret_cast<std::atomic<uint64_t>*>(tables + cpu_bytes);
  next_ = reinterpret_cast<std::atomic<uint32_t>*>(tables + cpu_bytes + kMost * sizeof(uint64_t));
  words_ = reinterpret_cast<uint64_t*>(words);
  slots_ = slots;
  made_.store(1, std::memory_order_relaxed);
  return true;
}

// --- class any ---------------------------------------------------------------------------------------------------------

uint32_t Pages::take_spare() {
  const uint32_t page = spare_.pop(next_of());
  if (page == 0) return 0;
  spare_count_.fetch_sub(1, std::memory_order_relaxed);
  const uint32_t use = use_of(states_[page].load(std::memory_order_relaxed)) + 1;
  // release: G1; a late mark of the last use fails from here on, and did before, since a spare page is not out.
  states_[page].store(state_of(use, 0, Kind::kOut), std::memory_order_release);
  return page;
}

void Pages::give_spare_back(uint32_t page) {
  const uint32_t use = use_of(states_[page].load(std::memory_order_relaxed));
  states_[page].store(state_of(use, 0, Kind::kSpare), std::memory_order_relaxed);
  // A push that loses 64 races leaves an empty page on no list: a page of memory, and nothing else.
  if (spare_.push(page, next_of())) spare_count_.fetch_add(1, std::memory_order_relaxed);
}

bool Pages::mark_full(uint32_t page, uint32_t use, uint32_t count) {
  uint64_t expected = state_of(use, 0, Kind::kOut);
  const size_t bytes = measure_(objects_of(page), count);  // while nobody frees them
  // seq_cst: G4, and before the doorbell is looked at.
  if (!states_[page].compare_exchange_strong(expected, state_of(use, count, Kind::kFull), std::memory_order_seq_cst)) {
    return false;
  }
  full_bytes_.fetch_add(static_cast<int64_t>(bytes), std::memory_order_relaxed);
  full_.fetch_add(1, std::memory_order_seq_cst);
  return true;
}

// `page` in place of what the slot has. False: that has changed, or the section was aborted; the page is still ours.
bool Pages::commit(uint32_t page) {
  static constinit std::atomic<uint64_t> no_page{0};
  const std::atomic<uint64_t>& own = cpus_[current_slot(slots_)].header;
  const uint64_t header = own.load(std::memory_order_relaxed);
  const uint32_t end = end_of(header);
  if ((end == 0 && header != 0) || top_of(header) < end) return false;
  const uint32_t old = header == 0 ? 0 : page_at(end);
  const std::atomic<uint64_t>* state_word = old == 0 ? &no_page : &states_[old];
  const uint64_t state = state_word->load(std::memory_order_acquire);
  if (old != 0 && kind_of(state) != Kind::kOut) return false;
  prev_of(page) = uint64_t{use_of(state)} << 32 | old;  // G3
  const uint32_t first = page * kWords;
  const uint64_t next = uint64_t{first + kWords} << 32 | (first + kFirst);
  RESLAB_HOOK("rcu_renew");
  if (section_renew(header, state_word, state, next) != Section::kDone) return false;
  RESLAB_HOOK("rcu_renewed");
  if (old != 0) mark_full(old, use_of(state), kPointers);
  return true;
}

Renewal Pages::renew() {
  const uint64_t header = cpus_[current_slot(slots_)].header.load(std::memory_order_relaxed);
  if (top_of(header) < end_of(header)) return Renewal::kTryAgain;   // somebody else has
  if (header != 0 && end_of(header) == 0) return Renewal::kNoPage;  // the reclaimer is at it
  const uint32_t page = take_spare();
  if (page == 0) {
    shortages_.fetch_add(1, std::memory_order_relaxed);
    return Renewal::kNoPage;
  }
  for ([[maybe_unused]] int round : for_tries(kRestarts)) {
    if (commit(page)) return Renewal::kTryAgain;
  }
  give_spare_back(page);
  return Renewal::kTryAgain;  // bounded by the caller's tries
}

// --- the reclaimer -----------------------------------------------------------------------------------------------------

void Pages::make_spare(uint32_t page) {
  prev_of(page) = 0;
  give_spare_back(page);
  taking_ = 0;  // last: see finish_take
}

// For a child after fork: the parent's threads may have been about to count.
void Pages::count_full() {
  int32_t full = 0;
  size_t bytes = 0;
  for (uint32_t page = 1; page < made_.load(std::memory_order_relaxed); ++page) {
    const uint64_t state = states_[page].load(std::memory_order_relaxed);
    if (kind_of(state) != Kind::kFull) continue;
    ++full;
    bytes += measure_(objects_of(page), count_of(state));
  }
  full_.store(full, std::memory_order_relaxed);
  full_bytes_.store(static_cast<int64_t>(bytes), std::memory_order_relaxed);
}

void Pages::make_spares(uint32_t want) {
  for (uint32_t have = spare(); have < want; ++have) {
    const uint32_t page = made_.load(std::memory_order_relaxed);
    if (page >= kMost) return;
    if (page >= writable_) {
      if (!make_writable(words_ + size_t{writable_} * kWords, kPagesInStep * kPageBytes)) return;
      writable_ += kPagesInStep;
    }
    words_[size_t{page} * kWords + 1] = 0;  // and touches it
    made_.store(page + 1, std::memory_order_release);
    make_spare(page);
  }
}

void Pages::visit(void (*see)(void* context, void* object), void* context) const {
  const auto see_first = [&](uint32_t page, uint32_t count) {
    for (uint32_t i = 0; i < count; ++i) see(context, objects_of(page)[i]);
  };
  for (uint32_t page = 1; page < made_.load(std::memory_order_acquire); ++page) {
    const uint64_t state = states_[page].load(std::memory_order_acquire);
    if (kind_of(state) == Kind::kFull) see_first(page, count_of(state));
  }
  for (uint32_t slot = 0; slot < slots_; ++slot) {
    const uint64_t header = cpus_[slot].header.load(std::memory_order_acquire);
    if (header == 0) continue;
    const uint32_t page = page_below(top_of(header));
    if (kind_of(states_[page].load(std::memory_order_relaxed)) == Kind::kOut) {
      see_first(page, top_of(header) - page * kWords - kFirst);
    }
  }
}

bool Pages::mark_prev_full(uint32_t page) {
  const uint64_t prev = prev_of(page);
  const auto old = static_cast<uint32_t>(prev);
  return old != 0 && mark_full(old, static_cast<uint32_t>(prev >> 32), kPointers);
}

bool Pages::has_open() const {
  for (uint32_t slot = 0; slot < slots_; ++slot) {
    if (cpus_[slot].header.load(std::memory_order_relaxed) != 0) return true;
  }
  return false;
}

// A page that was not there at the last look may be as old as that, or half of the age: looks come twice as often.
bool Pages::is_due(Cpu& cpu, uint64_t now_ns, uint64_t age_ns) {
  const uint64_t header = cpu.header.load(std::memory_order_relaxed);
  const uint32_t end = end_of(header);
  if (end == 0) return false;
  if (cpu.seen_end.load(std::memory_order_relaxed) != end) {
    cpu.seen_end.store(end, std::memory_order_relaxed);
    cpu.seen_ns = now_ns - age_ns / 2;
  }
  return now_ns - cpu.seen_ns >= age_ns;
}

// No section is in flight that began before the header was closed. A push among them has committed its top, which stands
// there still; or a renewal has put another page there, and the old one is marked by who renewed.
void Pages::drain_closed(Cpu& cpu) {
  const uint64_t now = cpu.header.load(std::memory_order_acquire);
  if (end_of(now) != 0) return;
  const uint32_t page = page_below(top_of(now));
  const uint32_t count = top_of(now) - page * kWords - kFirst;
  const uint64_t state = states_[page].load(std::memory_order_relaxed);
  if (kind_of(state) == Kind::kOut) {  // otherwise a parent got so far before its fork
    mark_prev_full(page);
    if (count == 0) make_spare(page);
    else if (mark_full(page, use_of(state), count) && count < kPointers) aged_.fetch_add(1, std::memory_order_relaxed);
  }
  RESLAB_HOOK("rcu_drained");
  cpu.header.store(0, std::memory_order_release);  // no section commits on a closed one
}

// The fence is refused, although it was granted at the start: the page stays where it was.
void Pages::reopen(Cpu& cpu) {
  const uint64_t now = cpu.header.load(std::memory_order_relaxed);
  if (end_of(now) == 0) end_half(cpu).store((page_below(top_of(now)) + 1) * kWords, std::memory_order_release);
}

void Pages::finish_drains() {
  for (uint32_t slot = 0; slot < slots_; ++slot) {
    if (cpus_[slot].header.load(std::memory_order_relaxed) != 0) drain_closed(cpus_[slot]);
  }
}

void Pages::drain(uint64_t now_ns, uint64_t age_ns, bool (*fence)()) {
  constexpr uint32_t kAtOnce = 64;
  for (uint32_t begin = 0; begin < slots_; begin += kAtOnce) {
    const uint32_t count = slots_ - begin < kAtOnce ? slots_ - begin : kAtOnce;
    uint64_t closed = 0;
    for (uint32_t i = 0; i < count; ++i) {
      Cpu& cpu = cpus_[begin + i];
      if (!is_due(cpu, now_ns, age_ns)) continue;
      end_half(cpu).store(0, std::memory_order_seq_cst);
      closed |= uint64_t{1} << i;
    }
    if (closed == 0) continue;
    RESLAB_HOOK("rcu_closed");
    const bool fenced = fence();
    for (; closed != 0; closed &= closed - 1) {
      Cpu& cpu = cpus_[begin + static_cast<uint32_t>(__builtin_ctzll(closed))];
      if (fenced) drain_closed(cpu);
      else reopen(cpu);
    }
  }
}

}  // namespace reslab
