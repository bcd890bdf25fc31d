// SPDX-License-Identifier: Apache-2.0
// For catchers of mutants in the pages of pointers: there is no reclaimer, the program plays it.
#pragma once

#include <reslab/rcu.h>

#include <vector>

#include "catcher.h"
#include "rcu/rcu.h"
#include "rcu/section.h"

namespace catcher {

// Of a page that is filled by restartable sections: the header of the one that is.
inline std::atomic<uint64_t>& open_header() {
  for (uint32_t slot = 0; slot < reslab::rcu.core().slots(); ++slot) {
    auto& header =
        *reinterpret_cast<std::atomic<uint64_t>*>(reslab::rcu.open.by_cpu().cpus() + (slot << reslab::kCpuShift));
    if (header.load() != 0) return header;
  }
  expect(false, "no page is being filled");
  __builtin_unreachable();
}
inline std::atomic<uint32_t>& top_of(std::atomic<uint64_t>& header) {
  return reinterpret_cast<std::atomic<uint32_t>*>(&header)[0];
}
inline bool is_closed(const std::atomic<uint64_t>& header) { return header.load() >> 32 == 0; }

// Takes the pages that are being filled away, which are full then.
inline void drain_pages() {
  reslab::rcu.open.drain(1, 0, [] { return true; });
}

// What the full pages hold, which are spare afterwards.
inline std::vector<void*> take_full_pages() {
  std::vector<void*> taken;
  reslab::rcu.pages.take_full(
      [&](void* const* objects, uint32_t count) { taken.insert(taken.end(), objects, objects + count); });
  return taken;
}

}  // namespace catcher
