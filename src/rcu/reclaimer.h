// SPDX-License-Identifier: Apache-2.0
// The reclaimer: the one thread that takes retired objects in, begins grace periods for them, and frees them afterwards.
//
// One batch at a time: taken in (pages and pending bits become waiting bits), stamped with a cookie no earlier than the
// last of them (page_pool.h G4, retired.h R1, grace.h C2), and freed when its period has ended. What is retired meanwhile
// stays in pages and pending bits for the next. So while a period lasts no memory is spent on it but the spare pages.
//
// Who may run against whom: everything in retire.cc against this, on any thread and in handlers; of this, nothing against
// itself. In a forked child the thread is gone; lifetime.cc says what becomes of its batch.
#pragma once

#include <atomic>
#include <cstdint>

#include "rcu/futex.h"

namespace reslab {

class Reclaimer {
 public:
  // --- any thread
  // A barrier is a number: everything retired before it was drawn is freed when `done` has reached it.
  uint32_t ask_for_barrier() { return barriers_asked_.fetch_add(1, std::memory_order_seq_cst) + 1; }
  bool barrier_is_done(uint32_t number) const {
    return static_cast<int32_t>(barriers_done_.load(std::memory_order_acquire) - number) >= 0;
  }
  // One that is done, by a batch that the system refused the fence, or before such a one: what lay in pages that were being
  // filled may be there still.
  bool barrier_is_refused(uint32_t number) const {
    const uint64_t refused = barriers_refused_.load(std::memory_order_relaxed);
    return refused != 0 && static_cast<int32_t>(static_cast<uint32_t>(refused) - number) >= 0;
  }
  uint32_t barriers() const { return barriers_asked_.load(std::memory_order_relaxed); }
  void hurry() { hurry_.store(true, std::memory_order_seq_cst); }
  Doorbell& bell() { return bell_; }
  // How to ring when a page has become full.
  Doorbell::Call call_for_page() const;

  // Anything that a waiting call may be waiting for changes `epoch`, and wakes all of them (lesson 13).
  std::atomic<uint32_t>& epoch() { return epoch_; }
  void wake_waiters();
  std::atomic<uint32_t>& waiters() { return waiters_; }

  // Class maintenance, and only while the thread runs: it does nothing from hold() on, which waits for it to be between
  // two batches' steps, until each has let go. It waits for nobody, so that is soon.
  void hold();
  void let_go();

  uint64_t taken() const { return taken_.load(std::memory_order_relaxed); }
  uint64_t freed() const { return freed_.load(std::memory_order_relaxed); }
  uint64_t waiting_bytes() const { return waiting_bytes_.load(std::memory_order_relaxed); }
  uint32_t stalls() const { return stalls_.load(std::memory_order_relaxed); }

  // --- its thread
  void run();
  void stop() {
    stop_.store(true, std::memory_order_seq_cst);
    bell_.wake();
  }
  // Once it has ended: another may run.
  void rearm() { stop_.store(false, std::memory_order_relaxed); }

  // --- in a child after fork
  void forget();
  // The child's only thread, outside any read section: a grace period of its own. Frees all that is retired by now.
  void free_all_alone();

 private:
  enum class Scope : uint8_t { kFull, kAged, kAll };

  bool enter();
  void refill();
  void end_batch();
  bool begin_batch(uint64_t now);
  void take_in(Scope scope, uint64_t now);
  Scope scope_now(uint64_t now) const;
  bool has_work() const;
  bool is_search_due(uint64_t now) const;
  bool is_much() const;
  bool may_begin(uint64_t now) const;
  void sleep(uint64_t now);
  void look_for_stall(uint64_t now);
  void settle(uint64_t now);
  bool stay_held();

  std::atomic<uint32_t> barriers_asked_{0};
  std::atomic<uint32_t> barriers_done_{0};
  std::atomic<uint64_t> barriers_refused_{0};  // {any:1, the last:32}; relaxed: before barriers_done_
  std::atomic<bool> hurry_{false};
  std::atomic<bool> stop_{false};
  std::atomic<uint32_t> holders_{0};
  std::atomic<bool> is_held_{false};
  std::atomic<uint32_t> epoch_{0};
  std::atomic<uint32_t> waiters_{0};
  Doorbell bell_;

  std::atomic<uint64_t> taken_{0};
  std::atomic<uint64_t> freed_{0};
  std::atomic<uint64_t> waiting_bytes_{0};
  std::atomic<uint32_t> stalls_{0};

  // The thread's own.
  uint64_t cookie_ = 0;  // of the batch that waits; 0: none does
  uint32_t batch_barrier_ = 0;
  uint64_t begun_ns_ = 0;
  uint64_t looked_ns_ = 0;    // at the pages' ages
  uint64_t searched_ns_ = 0;  // all slabs, for bits that nobody has listed
  uint64_t stalled_since_ = 0;
  uint64_t settled_ns_ = 0;
  bool is_settled_ = true;  // nothing has come since
  uint32_t spares_ = 32;    // wanted
  uint32_t shortages_seen_ = 0;
};

}  // namespace reslab
