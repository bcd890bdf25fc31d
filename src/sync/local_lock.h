// SPDX-License-Identifier: Apache-2.0
// A lock that is only ever tried, one for each (slot, class). No invariant rests on it (8): what it covers is atomic by
// itself, so taking over an abandoned one can only cost contention. It routes: its holder refills from slabs, whoever
// finds it taken goes another way. Found taken by this very thread means re-entry: the holder's frame lies below ours or
// is gone.
//
//                 try_lock   unlock   handler on the same thread              child after fork
//   try_lock      yes        yes      finds kBusySelf and goes on             a dead thread's word is taken over
//   unlock        yes        yes      (a handler's lock is gone when it ends) harmless
//
// The word: {owner:28, stack pointer >> 4:36}. Owner ids are never reused within 2^28 threads.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/hooks.h"
#include "base/lock_checks.h"
#include "base/options.h"
#include "base/thread_line.h"

namespace reslab {

enum class LockOutcome : uint8_t { kTaken, kBusySelf, kBusyOther };

class LocalLock {
 public:
  // Taken: `word` is what unlock needs. Otherwise who has it.
  LockOutcome try_lock(uint64_t& word, LocalLockOption option) {
    word = my_word();
    if (option == LocalLockOption::kNever) return LockOutcome::kBusyOther;
    uint64_t seen = word_.load(std::memory_order_relaxed);
    RESLAB_HOOK("local_lock_try");
    // acquire: the holder before us is done with its slab work; not needed for safety, only for fresh hints.
    if (seen == 0 && word_.compare_exchange_strong(seen, word, std::memory_order_acquire, std::memory_order_relaxed)) {
      RESLAB_HOOK("local_lock_held");
      return taken();
    }
    if (option == LocalLockOption::kAlways || try_take_over(seen, word)) return taken();
    return seen >> 36 == word >> 36 ? LockOutcome::kBusySelf : LockOutcome::kBusyOther;
  }

  // Only if the word is still ours: it may have been taken over meanwhile.
  void unlock(uint64_t word) {
    RESLAB_HOOK("local_lock_unlock");
    note_released_lock();
    word_.compare_exchange_strong(word, 0, std::memory_order_release, std::memory_order_relaxed);
  }

  // For tests: what it says promises nothing.
  bool is_locked() const { return word_.load(std::memory_order_relaxed) != 0; }
  void reset() {
    word_.store(0, std::memory_order_relaxed);
    busy_.store(0, std::memory_order_relaxed);
  }

 private:
  static constexpr uint32_t kTakeOverAfter = 64;  // failed tries, after which the holder is called gone

  static LockOutcome taken() {
    note_taken_lock();
    return LockOutcome::kTaken;
  }

  static uint64_t my_word() {
    const auto frame = reinterpret_cast<uintptr_t>(__builtin_frame_address(0));
    return thread_id() << 36 | ((frame >> 4) & ((uint64_t{1} << 36) - 1));
  }

  // The holder is gone if it is this thread with a frame deeper than ours, or after many tries by anybody. Either can
  // be wrong (alternate stacks, a long preemption); then two threads work under one lock, which costs contention.
  bool try_take_over(uint64_t seen, uint64_t word) {
    if (seen == 0) return false;
    const bool own_frame_left = seen >> 36 == word >> 36 && seen < word;
    if (!own_frame_left && busy_.fetch_add(1, std::memory_order_relaxed) < kTakeOverAfter) return false;
    busy_.store(0, std::memory_order_relaxed);
    RESLAB_HOOK("local_lock_take_over");
    return word_.compare_exchange_strong(seen, word, std::memory_order_acquire, std::memory_order_relaxed);
  }

  std::atomic<uint64_t> word_{0};
  std::atomic<uint32_t> busy_{0};  // failed tries since the last take-over
};

}  // namespace reslab
