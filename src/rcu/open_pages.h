// SPDX-License-Identifier: Apache-2.0
// The pages that are being filled, in the one of the two ways that this process has.
#pragma once

#include <atomic>
#include <cstdint>

#include "heap/rcu_core.h"
#include "rcu/cpu_pages.h"
#include "rcu/shared_pages.h"

namespace reslab {

class OpenPages {
 public:
  // Once. False: no memory.
  bool init(PagePool& pool, const RcuCore& core, PageWay way) {
    const uint32_t slots = core.slots();
    const bool shared = way == PageWay::kShared;
    const size_t slot_bytes = shared ? SharedPages::slot_bytes(slots) : CpuPages::id_bytes(core.ids());
    if (!pool.init(slot_bytes, core.measure, shared)) return false;
    if (shared) shared_.init(pool, slots);
    else by_cpu_.init(pool, slots);
    way_.store(way, std::memory_order_release);
    return true;
  }
  PageWay way() const { return way_.load(std::memory_order_acquire); }
  CpuPages& by_cpu() { return by_cpu_; }
  SharedPages& shared() { return shared_; }

  bool any() const {
    return way() == PageWay::kShared ? shared_.has_open() : way() == PageWay::kByCpu && by_cpu_.has_open();
  }
  // The reclaimer's, as in cpu_pages.h; not without pages.
  bool drain(uint64_t now_ns, uint64_t age_ns, bool (*fence)()) {
    if (way() == PageWay::kByCpu) return by_cpu_.drain(now_ns, age_ns, fence);
    shared_.drain(now_ns, age_ns);
    return true;
  }
  void finish_drains() {
    if (way() == PageWay::kShared) shared_.finish_drains();
    else by_cpu_.finish_drains();
  }
  void visit(SeeObjects see, void* context) const {
    if (way() == PageWay::kShared) shared_.visit(see, context);
    else by_cpu_.visit(see, context);
  }

 private:
  std::atomic<PageWay> way_{PageWay::kNone};
  CpuPages by_cpu_;
  SharedPages shared_;
};

}  // namespace reslab
