// SPDX-License-Identifier: Apache-2.0
#include "heap/check.h"

#include <signal.h>

#include "base/text.h"
#include "cache/magazine.h"
#include "heap/root.h"
#include "heap/run.h"
#include "platform/syscall.h"
#include "platform/topology.h"
#include "platform/vm.h"
#include "slab/retired.h"

namespace reslab {
namespace {

// One bit for each 16 bytes of the window in use: seen in some place already. And one byte for each unit and block.
class Notes {
 public:
  bool make() {
    units_ = arena().frontier();
    blocks_ = blocks().blocks_made();
    bytes_ = units_ * (kDenseBytes + 1) + blocks_ + 8;
    memory_ = static_cast<uint8_t*>(vm_map(bytes_));
    return memory_ != nullptr;
  }
  ~Notes() {
    if (memory_ != nullptr) vm_release(memory_, bytes_);
  }

  // True if this is the first place the object is found in.
  bool first_sight(const void* object) {
    const size_t granule = (reinterpret_cast<uintptr_t>(object) - arena().window().base) >> 4;
    const auto bit = static_cast<uint8_t>(1u << (granule % 8));
    const bool first = (memory_[granule / 8] & bit) == 0;
    memory_[granule / 8] |= bit;
    return first;
  }
  uint8_t& unit(uint32_t unit) { return memory_[units_ * kDenseBytes + unit]; }
  uint8_t& block(uint32_t block) { return memory_[units_ * (kDenseBytes + 1) + block]; }
  uint32_t units() const { return units_; }
  uint32_t block_count() const { return blocks_; }

 private:
  uint8_t* memory_ = nullptr;
  size_t bytes_ = 0;
  uint32_t units_ = 0;
  uint32_t blocks_ = 0;
};

enum UnitNote : uint8_t { kOnList = 1, kInActiveSlot = 2, kCovered = 4 };

class Audit {
 public:
  explicit Audit(int fd) : fd_(fd) {}

  int run() {
    if (!notes_.make()) return -1;
    for (uint32_t slot = 0; slot < slots().count(); ++slot) {
      if (slots().is_ready(slot)) check_slot(slot);
    }
    check_block_stacks();
    check_blocks();
    for (const ClassId cls : all_classes()) check_partial_lists(cls);
    check_units();
    for (const ClassId cls : all_classes()) check_counts(cls);
    check_retired();
    return violations_;
  }

 private:
  void fail(const char* rule, const char* what, uint64_t a, uint64_t b) {
    ++violations_;
    if (fd_ < 0) return;
    Line line;
    line.text("reslab: check: ").text(rule).text(": ").text(what).text(" (").hex(a).text(", ").hex(b).text(")");
    line.write_to(fd_);
  }

  // C1 and C2 for one object that some cache holds.
  void check_cached(const char* place_name, ClassId cls, void* object) {
    const ObjectPlace place = place_of(object);
    const auto address = reinterpret_cast<uint64_t>(object);
    if (place.unit == 0 || place.unit >= notes_.units() || place.cls != cls || !is_slab_class(cls) ||
        !is_object_start(class_info(cls), place.offset)) {
      fail("C1", place_name, address, cls);
      return;
    }
    const ClassInfo& info = class_info(cls);
    const uint32_t index = object_index(info, place.offset);
    const uint64_t word = slab_bits(place.unit, info)[index / 64].load(std::memory_order_relaxed);
    if ((word >> (index % 64) & 1) != 0) fail("C2", "cached object has its free bit set", address, cls);
    if (!notes_.first_sight(object)) fail("C2", "object is in two places", address, cls);
  }

  void check_slot(uint32_t slot) {
    for (const ClassId cls : all_classes()) {
      check_magazine(slot, cls);
      check_active(slot, cls);
    }
    const bool whole = cpu_state(slot).deferred.for_each([&](void* object) {
      const ClassId cls = place_of(object).cls;
      check_cached("deferred list", cls, object);
      return true;
    });
    if (!whole) fail("C2", "deferred list is damaged", slot, 0);
    if (slot_words(slot)[kRegionBytes / 8 - 1].load(std::memory_order_relaxed) != nullptr) {
      fail("C1", "the region's last word is not NULL", slot, 0);
    }
  }

  void check_magazine(uint32_t slot, ClassId cls) {
    const ClassInfo& info = class_info(cls);
    const uint64_t header = header_word(slot, cls).load(std::memory_order_relaxed);
    if (header == 0 || header == kClosedHeader) return;
    const uint32_t limit = info.begin + info.magazine;
    if (header_top(header) < info.begin || header_top(header) > limit || header_end(header) > limit) {
      fail("C1", "magazine header out of range", header, cls);
      return;
    }
    if (slot_words(slot)[info.begin - 1].load(std::memory_order_relaxed) != nullptr) {
      fail("C1", "the word below a magazine is not NULL", slot, cls);
    }
    const uint32_t top = in_rseq_mode() ? header_top(header) : limit;
    for (uint32_t i = info.begin; i < top; ++i) {
      void* object = slot_words(slot)[i].load(std::memory_order_relaxed);
      if (object != nullptr || in_rseq_mode()) check_cached("magazine", cls, object);
    }
  }

  void check_active(uint32_t slot, ClassId cls) {
    const uint32_t unit = class_slot(slot, cls).active.load(std::memory_order_relaxed);
    if (unit == 0) return;
    const uint64_t state = unit < notes_.units() ? slab_at(unit).state.load(std::memory_order_relaxed) : 0;
    if (identity_of(state).cls != cls || flags_of(state) != active_in(slot)) {
      fail("C6", "active slot holds no active slab of its class", unit, cls);
      return;
    }
    if ((notes_.unit(unit) & kInActiveSlot) != 0) fail("C6", "slab is in two active slots", unit, cls);
    notes_.unit(unit) |= kInActiveSlot;
  }

  // Walks one stack; a block met twice is on two stacks, or in a cycle.
  void check_stack(const TaggedStack& stack, BlockState expected, ClassId cls) {
    for (uint32_t block = stack.peek(); block != 0;) {
      if (block >= notes_.block_count() || notes_.block(block) != 0) {
        fail("C3", "block is on two stacks", block, cls);
        return;
      }
      notes_.block(block) = 1;
      if (blocks().state(block) != expected || (expected == BlockState::kInDepot && blocks().cls(block) != cls)) {
        fail("C3", "block is on a stack that its state does not name", block, cls);
      }
      block = blocks().header(block).next.load(std::memory_order_relaxed);
    }
  }

  void check_block_stacks() {
    check_stack(blocks().pooled(), BlockState::kPooled, kNoClass);
    for (const ClassId cls : all_classes()) {
      for (uint32_t node = 0; node < node_count(); ++node)
        check_stack(depot().full(cls, node), BlockState::kInDepot, cls);
    }
  }

  void check_blocks() {
    for (uint32_t block = 1; block < notes_.block_count(); ++block) {
      const uint32_t count = blocks().count(block);
      const BlockState state = blocks().state(block);
      if (count > kBlockObjects || (state == BlockState::kPooled && count != 0)) {
        fail("C3", "block counts what it cannot hold", block, count);
        continue;
      }
      if (state == BlockState::kInDepot && notes_.block(block) == 0) fail("C3", "depot block is on no stack", block, 0);
      for (uint32_t i = 0; i < count; ++i) check_cached("block", blocks().cls(block), blocks().slots(block)[i]);
    }
  }

  void check_partial_lists(ClassId cls) {
    for (uint32_t node = 0; node < node_count(); ++node) check_partial_lists(cls, node);
  }

  void check_partial_lists(ClassId cls, uint32_t node) {
    for (const TaggedStack& list : slab_lists(cls, node).partial) {
      for (uint32_t unit = list.peek(); unit != 0;) {
        if (unit >= notes_.units() || (notes_.unit(unit) & kOnList) != 0) {
          fail("C5", "slab is on two lists", unit, cls);
          break;
        }
        notes_.unit(unit) |= kOnList;
        const uint64_t state = slab_at(unit).state.load(std::memory_order_relaxed);
        if (identity_of(state).cls != cls || (flags_of(state) & kSlabListed) == 0) {
          fail("C5", "slab on a list is not marked as listed there", unit, cls);
        }
        if (slab_at(unit).node.load(std::memory_order_relaxed) != node) {
          fail("C5", "slab on the list of another node than its own", unit, node);
        }
        unit = slab_at(unit).next.load(std::memory_order_relaxed);
      }
    }
  }

  void check_units() {
    for (uint32_t unit = 1; unit < notes_.units(); ++unit) {
      const uint64_t state = slab_at(unit).state.load(std::memory_order_relaxed);
      const ClassId cls = identity_of(state).cls;
      if (cls == kRunClass) cover(unit, static_cast<uint32_t>(run_bytes(unit) >> kUnitShift), cls);
      else if (cls != kNoClass) check_slab(unit, cls, flags_of(state));
    }
    arena().kept().for_each([&](RunCache::Entry run) { cover(run.first, run.count, kNoClass); });
    for (uint32_t unit = 1; unit < notes_.units(); ++unit) {
      const bool covered = (notes_.unit(unit) & kCovered) != 0;
      const bool free = arena().free_bits().is_free(unit);
      if (covered && free) fail("C7", "unit is free and in use", unit, 0);
      const bool has_place = covered || free || arena().is_retired(unit) || arena().is_in_hole(unit);
      if (!has_place) fail("C7", "unit is neither free nor in use", unit, 0);
      if (!covered && __atomic_load_n(&arena().window().class_of[unit], __ATOMIC_RELAXED) != 0) {
        fail("C7", "unit map names a class where nothing is", unit, 0);
      }
    }
  }

  void cover(uint32_t first, uint32_t count, ClassId cls) {
    for (uint32_t unit = first; unit < first + count; ++unit) {
      if (unit >= notes_.units() || (notes_.unit(unit) & kCovered) != 0) {
        fail("C7", "two descriptors cover a unit, or one reaches beyond the frontier", unit, cls);
        return;
      }
      notes_.unit(unit) |= kCovered;
    }
    const uint16_t entry = __atomic_load_n(&arena().window().class_of[first], __ATOMIC_RELAXED);
    if (entry != unit_entry(cls == kRunClass ? cls : mapped_class(cls), 0))
      fail("C4", "unit map does not name the class of its unit", first, entry);
  }

  void check_slab(uint32_t unit, ClassId cls, uint16_t flags) {
    if (!is_slab_class(cls)) {
      fail("C4", "descriptor names no class", unit, cls);
      return;
    }
    const ClassInfo& info = class_info(cls);
    cover(unit, info.slab_units, cls);
    for (uint32_t i = 1; i < info.slab_units; ++i) {
      const uint16_t entry = __atomic_load_n(&arena().window().class_of[unit + i], __ATOMIC_RELAXED);
      if (entry != unit_entry(mapped_class(cls), i))
        fail("C4", "unit map does not name the class of its unit", unit + i, entry);
    }
    const uint32_t free = count_bits(unit, info);
    if (!root().lost_frames.load(std::memory_order_relaxed) &&
        slab_at(unit).free_hint.load(std::memory_order_relaxed) != static_cast<int32_t>(free)) {
      fail("C4", "slab's count differs from its bits", unit, free);
    }
    const bool active = (flags & kSlabActive) != 0, listed = (flags & kSlabListed) != 0;
    if (free > 0 && !active && !listed) fail("C5", "slab with free bits is neither active nor listed", unit, cls);
    if (listed && (notes_.unit(unit) & kOnList) == 0) fail("C5", "listed slab is on no list", unit, cls);
    if (active && (notes_.unit(unit) & kInActiveSlot) == 0) fail("C6", "active slab is in no active slot", unit, cls);
    capacity_[cls] += info.capacity;
    free_[cls] += free;
  }

  uint32_t count_bits(uint32_t unit, const ClassInfo& info) {
    uint32_t free = 0;
    for (uint32_t word = 0; word < info.words; ++word) {
      const uint64_t bits = slab_bits(unit, info)[word].load(std::memory_order_relaxed);
      const uint32_t here = info.capacity - word * 64;
      if (here < 64 && bits >> here != 0) fail("C4", "bits beyond the slab's capacity", unit, bits);
      free += static_cast<uint32_t>(__builtin_popcountll(bits));
    }
    return free;
  }

  void check_in_page(const void* object) {
    const ObjectPlace place = place_of(object);
    if (is_start(place)) check_waiting(place.unit, place.cls, bit_of(place).word, bit_of(place).mask);
    else fail("C9", "no object lies where one was retired", reinterpret_cast<uint64_t>(object), place.cls);
  }

  // Pages first: what is met again, by its bit or in another page, was retired twice.
  void check_retired() {
    const RcuClient* client = rcu_client.load(std::memory_order_acquire);
    if (client == nullptr) return;
    client->visit_pages(
        [](void* audit, void* const* objects, uint32_t count) {
          for (uint32_t i = 0; i < count; ++i) static_cast<Audit*>(audit)->check_in_page(objects[i]);
        },
        this);
    for (uint32_t unit = 1; unit < notes_.units(); ++unit) {
      const ClassId cls = slab_identity(unit).cls;
      if (cls == kNoClass) continue;
      const RetiredWords words = retired_words(unit, cls);
      for (uint32_t word = 0; word < words.count; ++word) {
        const uint64_t pending = words.pending[word].load(std::memory_order_relaxed);
        const uint64_t waiting = words.waiting[word].load(std::memory_order_relaxed);
        if ((pending & waiting) != 0) fail("C9", "object is pending and waiting", unit, pending & waiting);
        for (uint64_t bits = pending | waiting; bits != 0; bits &= bits - 1) {
          check_waiting(unit, cls, word, bits & -bits);
        }
      }
    }
  }

  void check_waiting(uint32_t unit, ClassId cls, uint32_t word, uint64_t bit) {
    const char* object = retired_object(unit, cls, word, bit);
    const auto address = reinterpret_cast<uint64_t>(object);
    if (cls != kRunClass && (slab_bits(unit, class_info(cls))[word].load(std::memory_order_relaxed) & bit) != 0) {
      fail("C9", "a free object waits for a grace period", address, cls);
    }
    if (!notes_.first_sight(object)) fail("C9", "a retired object is in two places", address, cls);
  }

  void check_counts(ClassId cls) {
    const SlabClass& own = slab_class(cls);
    const int64_t capacity = own.capacity_objects.load(std::memory_order_relaxed);
    const int64_t free = own.free_objects.load(std::memory_order_relaxed);
    if (root().lost_frames.load(std::memory_order_relaxed)) return;
    if (capacity != capacity_[cls]) fail("C8", "capacity of a class", cls, static_cast<uint64_t>(capacity));
    if (free != free_[cls]) fail("C8", "free objects of a class", cls, static_cast<uint64_t>(free));
  }

  int fd_;
  int violations_ = 0;
  Notes notes_;
  int64_t capacity_[kClassEnd] = {};
  int64_t free_[kClassEnd] = {};
};

// While it lives the reclaimer holds still, and this thread takes no signals: a handler that left by a jump would leave it
// so for ever.
class HeldReclaimer {
 public:
  HeldReclaimer() : client_(rcu_client.load(std::memory_order_acquire)) {
    if (client_ == nullptr) return;
    const uint64_t all = ~uint64_t{0};
    set_mask(&all, &mask_);
    is_held_ = client_->hold();
  }
  ~HeldReclaimer() {
    if (is_held_) client_->let_go();
    if (client_ != nullptr) set_mask(&mask_, nullptr);
  }
  HeldReclaimer(const HeldReclaimer&) = delete;
  HeldReclaimer& operator=(const HeldReclaimer&) = delete;

 private:
  static void set_mask(const uint64_t* mask, uint64_t* before) {
    sys_call(SYS_rt_sigprocmask, SIG_SETMASK, reinterpret_cast<long>(mask), reinterpret_cast<long>(before),
             sizeof *mask);
  }

  const RcuClient* client_;
  uint64_t mask_ = 0;
  bool is_held_ = false;
};

}  // namespace

int check_heap(int fd) {
  const HeldReclaimer still;
  return Audit(fd).run();
}

}  // namespace reslab
