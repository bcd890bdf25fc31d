// SPDX-License-Identifier: Apache-2.0
// What a handler of this test does: it allocates two hundred objects by strict nolock calls (no flags), holds them until
// the next signal of its thread, and frees by nolock calls those that it has held since the last one. The new ones come
// first, and are of a few sizes drawn anew for each signal: the magazines have run dry before the frees can fill them.
//
// Only the handlers of one thread use a load, and they do not interrupt each other: nothing in here is atomic. Every
// object carries a pattern that is checked before it is freed.
#pragma once

#include <reslab/reslab.h>

#include "object.h"
#include "random.h"

namespace nolock {

class HandlerLoad {
 public:
  static constexpr size_t kMostSizes = 16;

  uint64_t attempts = 0;  // allocations tried
  uint64_t failures = 0;  // of these, that returned NULL

  // `sizes`: of how many sizes the objects of one signal are, 1 to kMostSizes.
  void start(uint64_t seed, size_t sizes) {
    random_ = support::Random(seed);
    sizes_ = sizes;
  }

  void one_signal() {
    Generation& newer = generations_[current_ ^= 1];
    size_t bytes[kMostSizes];
    for (size_t i = 0; i < sizes_; i++) bytes[i] = draw_bytes();
    for (uint64_t& handle : newer) handle = allocate(bytes[random_.below(sizes_)]);
    release(generations_[current_ ^ 1]);
  }

  // Not in a handler: what is still held when the signals have ended.
  void release_all() {
    for (Generation& generation : generations_) release(generation);
  }

 private:
  static constexpr size_t kObjects = 200;
  static constexpr size_t kLargest = 8192;
  using Generation = uint64_t[kObjects];  // handles of objects; 0: none

  // As many from each power of two as from the next: many small ones, a few large ones.
  size_t draw_bytes() {
    const size_t floor = size_t{8} << random_.below(10);
    return storm::Object::codable(floor + 1 + random_.below(floor));
  }
  static_assert((size_t{8} << 9) * 2 == kLargest);

  uint64_t allocate(size_t bytes) {
    attempts++;
    void* const address = reslab_malloc_nolock(bytes, 0);
    if (address == nullptr) {
      failures++;
      return 0;
    }
    const storm::Object object(address, bytes, static_cast<uint8_t>(random_.next()));
    object.fill();
    return object.handle();
  }

  static void release(Generation& generation) {
    for (uint64_t& handle : generation) {
      if (handle == 0) continue;
      const storm::Object object = storm::Object::from_handle(handle);
      object.check("held in a handler");
      object.scrub();
      reslab_free_nolock(object.address());
      handle = 0;
    }
  }

  Generation generations_[2] = {};
  size_t current_ = 0;
  size_t sizes_ = 1;
  support::Random random_{0};
};

}  // namespace nolock
