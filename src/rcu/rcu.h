// SPDX-License-Identifier: Apache-2.0
// All of libreslab-rcu's state, in one object.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "heap/rcu_core.h"
#include "rcu/grace.h"
#include "rcu/open_pages.h"
#include "rcu/page_pool.h"
#include "rcu/reclaimer.h"

struct rcu_flavor_struct;

// The default.
extern "C" const rcu_flavor_struct urcu_memb_flavor;

namespace reslab {

enum class Threads : uint32_t { kNone, kStarting, kRunning, kStopped };

struct Rcu {
  std::atomic<const RcuCore*> core_table{nullptr};
  std::atomic<const rcu_flavor_struct*> flavor{nullptr};
  std::atomic<Threads> threads{Threads::kNone};
  std::atomic<bool> liburcu_locked{false};
  std::atomic<size_t> limit_bytes{0};

  std::atomic<uint64_t> bit_objects{0};  // retired by bits, or about to be, in all
  std::atomic<uint64_t> bit_taken{0};    // of these, taken in
  std::atomic<int64_t> bit_bytes{0};     // not taken in yet; a late count makes it too small for a moment
  std::atomic<uint64_t> waits{0};
  std::atomic<uint64_t> refused{0};
  std::atomic<uint64_t> unthrottled{0};

  Grace grace;
  Reclaimer reclaimer;
  PagePool pages;
  OpenPages open;

  // Asked for at every use: a free may come before this library's constructor.
  const RcuCore& core() {
    const RcuCore* found = core_table.load(std::memory_order_acquire);
    return found != nullptr ? *found : find_core();
  }
  static const RcuCore& find_core();  // a report and the end where there is none of this version
  bool has_pages() const { return open.way() != PageWay::kNone; }
  // Calls see for the objects in pages, while the reclaimer takes none in. What others retire meanwhile may be missing, and
  // the page of a thread that has not marked it full yet (page_pool.h G3).
  void visit_pages(SeeObjects see, void* context) const {
    if (!has_pages()) return;
    open.visit(see, context);  // first: one that is replaced meanwhile is a full one then
    pages.visit_full(see, context);
  }
  uint64_t bit_pending() const {
    const auto pending =
        static_cast<int64_t>(bit_objects.load(std::memory_order_relaxed) - bit_taken.load(std::memory_order_relaxed));
    return pending > 0 ? static_cast<uint64_t>(pending) : 0;
  }
  size_t pending_bytes() const {
    const int64_t by_bit = bit_bytes.load(std::memory_order_relaxed);
    return (by_bit > 0 ? static_cast<uint64_t>(by_bit) : 0) + reclaimer.waiting_bytes() +
           (has_pages() ? pages.full_bytes() : 0);
  }
  bool is_above_limit() const {
    const size_t limit = limit_bytes.load(std::memory_order_relaxed);
    return limit != 0 && pending_bytes() > limit;
  }
};

extern constinit Rcu rcu __attribute__((visibility("hidden")));

// "memb", "mb", "qsbr", "bp", "signal"; "other" for what the program has made itself.
const char* flavor_name(const rcu_flavor_struct* flavor);
bool is_qsbr(const rcu_flavor_struct* flavor);

}  // namespace reslab
