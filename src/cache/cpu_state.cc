// SPDX-License-Identifier: Apache-2.0
#include "cache/cpu_state.h"

#include "base/hooks.h"
#include "base/options.h"
#include "base/thread_line.h"
#include "cache/magazine.h"
#include "platform/page_size.h"
#include "platform/topology.h"
#include "platform/vm.h"

namespace reslab {

constinit std::atomic<Slots*> published_slots{nullptr};
constinit std::atomic<Mode> process_mode{Mode::kNone};
constinit std::atomic<bool> fence_available{false};

namespace {

// As the kernel has written it into this thread's rseq area, beside the CPU; 0 in mode fallback.
uint32_t node_of_this_cpu() {
  constexpr ptrdiff_t kNodeIdField = 20;
  if (process_mode.load(std::memory_order_relaxed) != Mode::kRseq) return 0;
  const char* area =
      static_cast<const char*>(__builtin_thread_pointer()) + fast_path.rseq_offset.load(std::memory_order_relaxed);
  return __atomic_load_n(reinterpret_cast<const uint32_t*>(area + kNodeIdField), __ATOMIC_RELAXED);
}

// Of a slot that this thread is on, as far as anybody can know. Invented ones take turns.
void learn_node(uint32_t slot) {
  Topology& topology = *published_topology.load(std::memory_order_relaxed);
  const uint32_t node = node_of_this_cpu() + (options().nodes != 0 ? slot : 0);
  topology.of_slot[slot].store(static_cast<uint8_t>(node % topology.nodes), std::memory_order_relaxed);
}

}  // namespace

size_t writable_region_bytes() { return options().guard_metadata ? kRegionBytes - kMostPageBytes : kRegionBytes; }

bool Slots::make_ready(uint32_t slot) {
  if (is_ready(slot)) return true;
  if (!vm_make_writable(region_of(slot), writable_region_bytes())) return false;
  if (node_count() > 1) learn_node(slot);
  RESLAB_HOOK("slot_ready");
  ready_[slot].store(1, std::memory_order_release);
  return true;
}

namespace {

// Threads are spread over the slots as they come, once. Not by their ids: drawing one belongs to the first slow path
// (heap/fork.h).
uint32_t slot_of_thread() {
  static constinit std::atomic<uint32_t> last{0};
  uint32_t numbered = thread_line.slot.load(std::memory_order_relaxed);
  if (numbered == 0) {
    numbered = 1 + last.fetch_add(1, std::memory_order_relaxed) % slots().count();
    thread_line.slot.store(static_cast<uint16_t>(numbered), std::memory_order_relaxed);  // at most 4,096
  }
  return numbered - 1;
}

}  // namespace

uint32_t slot_index() {
  if (process_mode.load(std::memory_order_relaxed) == Mode::kRseq) {
    const char* self = static_cast<const char*>(__builtin_thread_pointer());
    const ptrdiff_t area = fast_path.rseq_offset.load(std::memory_order_relaxed);
    const bool registered = __atomic_load_n(reinterpret_cast<const int32_t*>(self + area + 4), __ATOMIC_RELAXED) >= 0;
    if (registered) {
      const ptrdiff_t field = fast_path.slot_offset.load(std::memory_order_relaxed);
      const uint32_t slot = __atomic_load_n(reinterpret_cast<const uint32_t*>(self + field), __ATOMIC_RELAXED);
      return slot < slots().count() ? slot : 0;
    }
  }
  return slot_of_thread();
}

}  // namespace reslab
