// SPDX-License-Identifier: Apache-2.0
#include "rcu/shared_pages.h"

#include "base/hooks.h"

namespace reslab {

void SharedPages::init(PagePool& pool, uint32_t slots) {
  pool_ = &pool;
  slots_ = reinterpret_cast<Slot*>(pool.slot_lines());
  slot_count_ = slots;
}

// --- class any -----------------------------------------------------------------------------------------------------------

Section SharedPages::push(uint32_t slot_index, void* object) {
  Slot& slot = slots_[slot_index];
  const uint64_t header = slot.header.load(std::memory_order_acquire);  // acquire: the page's marks
  const uint32_t begin = begin_of(header), end = end_of(header), use = use_of(header);
  if (header == 0) return Section::kBoundary;
  const uint64_t hint = slot.hint.load(std::memory_order_acquire);  // acquire: all words before it are filled (G2)
  const auto hinted = static_cast<uint32_t>(hint);
  uint32_t index = use_of(hint) == use && hinted - begin <= end - begin ? hinted : begin;
  const auto pointer = reinterpret_cast<uintptr_t>(object);
  std::atomic<uint64_t>* words = pool_->words();
  if (words[index - 1].load(std::memory_order_relaxed) == pointer) return Section::kSameAsTop;
  for (; index < end; ++index) {  // ends with the page; more than one step only behind a late hint
    uint64_t word = words[index].load(std::memory_order_relaxed);
    if (is_pointer(word)) continue;
    word = page_mark(use);
    RESLAB_HOOK("rcu_shared_push");
    // release: G4. Nothing is read through what is there instead.
    if (words[index].compare_exchange_strong(word, pointer, std::memory_order_release, std::memory_order_relaxed)) {
      RESLAB_HOOK("rcu_shared_pushed");
      slot.hint.store(in_use(use, index + 1), std::memory_order_release);
      return Section::kDone;
    }
    if (!is_pointer(word)) return Section::kAborted;  // closed, or another use's
  }
  return Section::kBoundary;
}

// (G2)
bool SharedPages::is_full(uint64_t header) const {
  return is_pointer(pool_->words()[end_of(header) - 1].load(std::memory_order_acquire));
}

Renewal SharedPages::renew(uint32_t slot_index) {
  Slot& slot = slots_[slot_index];
  uint64_t header = slot.header.load(std::memory_order_acquire);
  if (header != 0 && !is_full(header)) return Renewal::kTryAgain;  // somebody else has, or it is being closed
  const uint32_t page = pool_->take_spare();
  if (page == 0) return Renewal::kNoPage;
  pool_->set_prev(page, page_of(header), use_of(header));
  const uint32_t use = PageState::of(pool_->state(page).load(std::memory_order_relaxed)).use;
  RESLAB_HOOK("rcu_renew");
  // release: the page's marks and its prev.
  if (!slot.header.compare_exchange_strong(header, in_use(use, page), std::memory_order_acq_rel)) {
    pool_->give_spare_back(page);
    return Renewal::kTryAgain;  // bounded by the caller's tries
  }
  RESLAB_HOOK("rcu_renewed");
  if (header != 0) pool_->mark_full(page_of(header), use_of(header), PagePool::kPointers);
  return Renewal::kTryAgain;
}

// --- the reclaimer -------------------------------------------------------------------------------------------------------

bool SharedPages::has_open() const {
  for (uint32_t slot = 0; slot < slot_count_; ++slot) {
    if (slots_[slot].header.load(std::memory_order_relaxed) != 0) return true;
  }
  return false;
}

// No push has succeeded at a word that is closed, and none will: who saw the mark fails.
void SharedPages::close(uint64_t header) {
  const uint32_t page = page_of(header), use = use_of(header);
  pool_->mark_prev_full(page);
  std::atomic<uint64_t>* words = pool_->words();
  uint32_t pointers = 0;
  for (uint32_t index = begin_of(header); index < end_of(header); ++index) {
    uint64_t word = words[index].load(std::memory_order_relaxed);
    if (word == page_mark(use)) words[index].compare_exchange_strong(word, 0, std::memory_order_acq_rel);
    if (is_pointer(words[index].load(std::memory_order_acquire))) ++pointers;  // acquire: G4
  }
  if (pointers == 0) pool_->make_spare(page);
  else if (pool_->mark_full(page, use, PagePool::kPointers) && pointers < PagePool::kPointers) pool_->count_aged();
}

void SharedPages::take_off(Slot& slot, uint64_t header) {
  draining_.store(header, std::memory_order_relaxed);
  // release: who finds the page gone from here, a child, finds it named there.
  if (slot.header.compare_exchange_strong(header, 0, std::memory_order_acq_rel)) {
    RESLAB_HOOK("rcu_closed");
    close(header);
    RESLAB_HOOK("rcu_drained");
  }
  draining_.store(0, std::memory_order_release);
}

void SharedPages::drain(uint64_t now_ns, uint64_t age_ns) {
  for (uint32_t slot = 0; slot < slot_count_; ++slot) {
    const uint64_t header = slots_[slot].header.load(std::memory_order_acquire);
    if (header != 0 && slots_[slot].age.is_due(header, now_ns, age_ns)) take_off(slots_[slot], header);
  }
}

// Of the page that the parent's reclaimer had in its hand: it is on its slot still, or has been closed in part.
void SharedPages::finish_drains() {
  const uint64_t header = draining_.load(std::memory_order_relaxed);
  if (header == 0) return;
  const PageState state = PageState::of(pool_->state(page_of(header)).load(std::memory_order_relaxed));
  const bool is_out = state.use == use_of(header) && state.kind == PageKind::kOut;
  if (is_out && !is_on_a_slot(header)) close(header);
  draining_.store(0, std::memory_order_release);  // last: a fork in the middle of this finds it
}

bool SharedPages::is_on_a_slot(uint64_t header) const {
  for (uint32_t slot = 0; slot < slot_count_; ++slot) {
    if (slots_[slot].header.load(std::memory_order_relaxed) == header) return true;
  }
  return false;
}

void SharedPages::visit(SeeObjects see, void* context) const {
  for (uint32_t slot = 0; slot < slot_count_; ++slot) {
    const uint64_t header = slots_[slot].header.load(std::memory_order_acquire);
    if (header == 0) continue;
    const PageState state = PageState::of(pool_->state(page_of(header)).load(std::memory_order_relaxed));
    if (state.kind == PageKind::kOut) pool_->visit_page(page_of(header), PagePool::kPointers, see, context);
  }
}

}  // namespace reslab
