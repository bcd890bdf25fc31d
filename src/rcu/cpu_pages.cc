// SPDX-License-Identifier: Apache-2.0
#include "rcu/cpu_pages.h"

#include "base/for_tries.h"
#include "base/hooks.h"
#include "rcu/section.h"

namespace reslab {

void CpuPages::init(PagePool& pool, uint32_t slots) {
  static_assert(sizeof(Cpu) == size_t{1} << kCpuShift);
  pool_ = &pool;
  cpus_ = reinterpret_cast<Cpu*>(pool.slot_lines());
  slots_ = slots;
}

// --- class any -----------------------------------------------------------------------------------------------------------

// `page` in place of what the slot has. False: that has changed, or the section was aborted; the page is still ours.
bool CpuPages::commit(uint32_t slot, uint32_t page) {
  static constinit std::atomic<uint64_t> no_page{0};
  const uint64_t header = cpus_[slot].header.load(std::memory_order_relaxed);
  const uint32_t end = end_of(header);
  if ((end == 0 && header != 0) || top_of(header) < end) return false;
  const uint32_t old = header == 0 ? 0 : page_at(end);
  const std::atomic<uint64_t>* state_word = old == 0 ? &no_page : &pool_->state(old);
  const uint64_t state = state_word->load(std::memory_order_acquire);
  if (old != 0 && PageState::of(state).kind != PageKind::kOut) return false;
  pool_->set_prev(page, old, PageState::of(state).use);
  const uint32_t first = page * PagePool::kWords;
  const uint64_t next = uint64_t{first + PagePool::kWords} << 32 | (first + PagePool::kFirst);
  RESLAB_HOOK("rcu_renew");
  if (section_renew(slot, header, state_word, state, next) != Section::kDone) return false;
  RESLAB_HOOK("rcu_renewed");
  if (old != 0) pool_->mark_full(old, PageState::of(state).use, PagePool::kPointers);
  return true;
}

Renewal CpuPages::renew(uint32_t slot) {
  const uint64_t header = cpus_[slot].header.load(std::memory_order_relaxed);
  if (top_of(header) < end_of(header)) return Renewal::kTryAgain;   // somebody else has
  if (header != 0 && end_of(header) == 0) return Renewal::kNoPage;  // the reclaimer is at it
  const uint32_t page = pool_->take_spare();
  if (page == 0) return Renewal::kNoPage;
  for ([[maybe_unused]] int round : for_tries(kRestarts)) {
    if (commit(slot, page)) return Renewal::kTryAgain;
  }
  pool_->give_spare_back(page);
  return Renewal::kTryAgain;  // bounded by the caller's tries
}

// --- the reclaimer -------------------------------------------------------------------------------------------------------

bool CpuPages::has_open() const {
  for (uint32_t slot = 0; slot < slots_; ++slot) {
    if (cpus_[slot].header.load(std::memory_order_relaxed) != 0) return true;
  }
  return false;
}

bool CpuPages::is_due(Cpu& cpu, uint64_t now_ns, uint64_t age_ns) {
  const uint32_t end = end_of(cpu.header.load(std::memory_order_relaxed));
  return end != 0 && cpu.age.is_due(end, now_ns, age_ns);
}

// No section is in flight that began before the header was closed. A push among them has committed its top, which stands
// there still; or a renewal has put another page there, and the old one is marked by who renewed.
void CpuPages::drain_closed(Cpu& cpu) {
  const uint64_t now = cpu.header.load(std::memory_order_acquire);
  if (end_of(now) != 0) return;
  const uint32_t page = page_below(top_of(now)), count = count_below(top_of(now));
  const PageState state = PageState::of(pool_->state(page).load(std::memory_order_relaxed));
  if (state.kind == PageKind::kOut) {  // otherwise a parent got so far before its fork
    pool_->mark_prev_full(page);
    if (count == 0) return take_off_empty(cpu, page);
    if (pool_->mark_full(page, state.use, count) && count < PagePool::kPointers) pool_->count_aged();
  }
  RESLAB_HOOK("rcu_drained");
  cpu.header.store(0, std::memory_order_release);  // no section commits on a closed one
}

// The slot first: once it is spare another slot may have the page, and a child forked in between would take it from there.
// A child forked before loses an empty page.
void CpuPages::take_off_empty(Cpu& cpu, uint32_t page) {
  cpu.header.store(0, std::memory_order_release);
  RESLAB_HOOK("rcu_drained_empty");
  pool_->make_spare(page);
}

// The fence is refused, although it was granted at the start: the page stays where it was. By compare-and-swap, as a renewal
// in flight may put another page there. Ends: what is in flight commits once, and nothing begins on a closed header.
void CpuPages::reopen(Cpu& cpu) {
  uint64_t now = cpu.header.load(std::memory_order_relaxed);
  for ([[maybe_unused]] int round : for_tries(kCasTries)) {
    if (end_of(now) != 0) return;
    const uint64_t end = (page_below(top_of(now)) + 1) * PagePool::kWords;
    RESLAB_HOOK("rcu_reopen");
    if (cpu.header.compare_exchange_weak(now, end << 32 | top_of(now), std::memory_order_release)) return;
  }
}

void CpuPages::finish_drains() {
  for (uint32_t slot = 0; slot < slots_; ++slot) {
    if (cpus_[slot].header.load(std::memory_order_relaxed) != 0) drain_closed(cpus_[slot]);
  }
}

bool CpuPages::drain(uint64_t now_ns, uint64_t age_ns, bool (*fence)()) {
  constexpr uint32_t kAtOnce = 64;
  bool is_granted = true;
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
    is_granted = is_granted && fenced;
    for (; closed != 0; closed &= closed - 1) {
      Cpu& cpu = cpus_[begin + static_cast<uint32_t>(__builtin_ctzll(closed))];
      if (fenced) drain_closed(cpu);
      else reopen(cpu);
    }
  }
  return is_granted;
}

void CpuPages::visit(SeeObjects see, void* context) const {
  for (uint32_t slot = 0; slot < slots_; ++slot) {
    const uint64_t header = cpus_[slot].header.load(std::memory_order_acquire);
    if (header == 0) continue;
    const uint32_t page = page_below(top_of(header));
    const PageState state = PageState::of(pool_->state(page).load(std::memory_order_relaxed));
    if (state.kind == PageKind::kOut) pool_->visit_page(page, count_below(top_of(header)), see, context);
  }
}

}  // namespace reslab
