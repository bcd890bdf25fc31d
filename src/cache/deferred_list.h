// SPDX-License-Identifier: Apache-2.0
// Deferred frees: objects that a nolock free could put nowhere else, linked through their first word, one list a CPU.
//
//              push   pop    handler on the same thread   child after fork
//   push       yes    yes    yes                          at most the object in transit is lost
//   pop        yes    yes    yes
//
// Head: {tag:28, index:36}, index = offset of the object in the window / 16; a TiB of 16-byte places leaves no more for
// the tag, so only pops advance it: to be deceived, a pop must sleep between two instructions through exactly a
// multiple of 2^28 other pops of this one list, some ten seconds of nothing else, and find the same object on top.
// Links are encoded, so that a stray read of a freed object gives no address and a stray write is seen. Bounded in
// length: past that, a free sets the object's bit (16b). A pop reads the link of an object that may be gone by then:
// memory below the frontier that was ever an object's stays readable (vm_move_pages), but for pages that a move of a large
// block has lost and those of guarded objects; and the tag makes such a pop fail.
#pragma once

#include <atomic>
#include <cstdint>

namespace reslab {

class DeferredList {
 public:
  static constexpr uint32_t kMaxLength = 1024;

  // False: `most` are on it, or races lost; the object is still the caller's.
  bool push(void* object, uint32_t most = kMaxLength);
  // nullptr: empty, or races lost.
  void* pop();
  // Objects on it, a hint.
  uint32_t length() const {
    const int32_t n = length_.load(std::memory_order_relaxed);
    return n > 0 ? static_cast<uint32_t>(n) : 0;
  }

  // For audits at rest, and for a census, which takes what it finds: calls visit(object) for each, false if the chain is
  // broken or longer than it can be.
  template <class Visit>
  bool for_each(Visit visit) const {
    uint64_t index = head_.load(std::memory_order_acquire) & kIndexMask;
    for (uint32_t n = 0; index != 0; ++n) {
      void* object = object_at(index);
      if (n > kMaxLength + 64 || object == nullptr || !visit(object)) return false;
      index = decode(index, __atomic_load_n(static_cast<const uint64_t*>(object), __ATOMIC_RELAXED));
    }
    return true;
  }

 private:
  static constexpr unsigned kIndexBits = 36;
  static constexpr uint64_t kIndexMask = (uint64_t{1} << kIndexBits) - 1;

  static uint64_t index_of(const void* object);
  static void* object_at(uint64_t index);  // nullptr outside the window
  static uint64_t decode(uint64_t index, uint64_t word);
  static uint64_t encode(uint64_t index, uint64_t next) { return decode(index, next); }

  std::atomic<uint64_t> head_;
  std::atomic<int32_t> length_;
};

// Mixed into every link; drawn when the root is made.
extern constinit std::atomic<uint64_t> deferred_key __attribute__((visibility("hidden")));

}  // namespace reslab
