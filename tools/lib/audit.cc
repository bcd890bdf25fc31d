// SPDX-License-Identifier: Apache-2.0
#include "audit.h"

#include <algorithm>
#include <bit>
#include <cstdio>
#include <cstring>

#include "names.h"

namespace reslab::outside {
namespace {

constexpr uint64_t kMaxIndex = (1u << 24) - 1;  // of a tagged stack

class Audit {
 public:
  Audit(const View& view, Depth depth)
      : depth_(depth),
        descriptors_(view, view.frontier()),
        view_(view.renewed()),
        image_(view_.image()),
        blocks_(read_blocks(view)),
        frontier_(descriptors_.frontier()),
        unit_map_(view.read_many<uint16_t>(image_.class_of_at, frontier_)),
        on_list_(frontier_),
        in_active_slot_(frontier_),
        covered_(frontier_),
        block_seen_(blocks_.size()),
        capacity_(view_.classes().size()),
        free_(view_.classes().size()) {
    for (uint32_t cls = 1; cls < view_.classes().size(); ++cls) {
      if (view_.is_small(cls)) small_classes_.push_back(cls);
    }
    result_.units = frontier_;
    result_.slabs = result_.objects_cached = 0;
    result_.blocks = blocks_.size();
  }

  AuditResult run() {
    note_units();
    for (const uint32_t slot : view_.ready_slots()) check_slot(slot);
    if (is_whole()) check_block_stacks();
    check_blocks();
    if (is_whole()) {
      for (const uint32_t cls : small_classes_) check_partial_lists(cls);
    }
    check_units();
    if (is_whole()) check_duplicates();
    if (is_whole() && view_.read<uint8_t>(image_.lost_frames_at) == 0) check_counts();
    view_.memory().require_alive(Memory::Look::kNow);
    return std::move(result_);
  }

 private:
  bool is_whole() const { return depth_ == Depth::kEverything; }

  void fail(const char* rule, const std::string& what, uint64_t a, uint64_t b) {
    char numbers[64];
    snprintf(numbers, sizeof numbers, " (0x%lx, 0x%lx)", a, b);
    result_.findings.push_back(std::string(rule) + ": " + what + numbers);
  }

  // C1 and C2 for one object that some cache holds. While the process runs it may have gone to its slab and the slab
  // may be another class's by now: then only what no moment allows is wrong.
  void check_cached(const char* place, uint32_t cls, uint64_t object) {
    ++result_.objects_cached;
    const uint64_t offset = object - image_.window_at;
    const uint64_t unit = offset / image_.unit_bytes;
    const bool is_aligned = object % (cls < image_.class_count ? 16 : 8) == 0;
    if (unit == 0 || unit >= frontier_ || !is_aligned) {
      // A live process may have grown since the frontier was read.
      if (is_whole() || offset >= image_.window_units * image_.unit_bytes || !is_aligned) {
        fail("C1", std::string(place) + ": no object of the heap", object, cls);
      }
      return;
    }
    if (!is_whole()) return;
    const uint64_t first = unit - std::min<uint64_t>(unit, unit_map_[unit] >> 12);
    const ClassShape& shape = view_.classes()[cls];
    const uint64_t in_slab = object - view_.unit_address(static_cast<uint32_t>(first));
    const uint64_t index = in_slab / shape.object_bytes;
    if (class_of(unit) != cls || in_slab % shape.object_bytes != 0 || index >= shape.capacity) {
      fail("C1", std::string(place) + ": no object of its class", object, cls);
      return;
    }
    const std::vector<uint64_t>& bits = bits_of(static_cast<uint32_t>(first), shape);
    if ((bits[index / 64] >> (index % 64) & 1) != 0) fail("C2", "cached object has its free bit set", object, cls);
    cached_.push_back(object);
  }

  // What lies in a unit: the unit map's word for it, but for charged units, which ask their slab.
  uint32_t class_of(uint64_t unit) const {
    const uint32_t cls = unit_map_[unit] & 0xfff;
    const uint64_t first = unit - std::min<uint64_t>(unit, unit_map_[unit] >> 12);
    return cls == image_.charged_class ? descriptors_[static_cast<uint32_t>(first)].class_id() : cls;
  }

  const std::vector<uint64_t>& bits_of(uint32_t unit, const ClassShape& shape) {
    if (unit != bits_unit_) {
      bits_ = descriptors_.bits(unit, shape);
      bits_unit_ = unit;
    }
    return bits_;
  }

  void check_duplicates() {
    std::ranges::sort(cached_);
    for (size_t i = 1; i < cached_.size(); ++i) {
      if (cached_[i] == cached_[i - 1]) fail("C2", "object is in two places", cached_[i], 0);
    }
  }

  void check_slot(uint32_t slot) {
    const std::vector<uint64_t> words =
        view_.read_many<uint64_t>(view_.region_of(slot), image_.closed_top);  // headers and magazines
    for (const uint32_t cls : small_classes_) {
      check_magazine(slot, cls, words);
      if (is_whole()) check_active(slot, cls);
    }
    uint64_t last = view_.read<uint64_t>(view_.region_of(slot) + image_.region_bytes - 8);
    if (last != 0) fail("C1", "the region's last word is not NULL", slot, 0);
    if (!is_whole()) return;
    const bool whole = view_.walk_deferred(view_.region_of(slot) + image_.cpu_state, [&](uint64_t object) {
      const uint64_t unit = (object - image_.window_at) / image_.unit_bytes;
      const uint32_t cls = class_of(unit);
      if (view_.is_small(cls)) check_cached("deferred list", cls, object);
      else fail("C1", "deferred list: no object of a class", object, cls);
    });
    if (!whole) fail("C2", "deferred list is damaged", slot, 0);
  }

  void check_magazine(uint32_t slot, uint32_t cls, const std::vector<uint64_t>& words) {
    const ClassShape& shape = view_.classes()[cls];
    const uint64_t header = words[cls];
    const auto top = static_cast<uint32_t>(header), end = static_cast<uint32_t>(header >> 32);
    if (words[shape.begin - 1] != 0) fail("C1", "the word below a magazine is not NULL", slot, cls);
    if (header == 0 || (top == image_.closed_top && end == 0)) return;
    const uint32_t limit = shape.begin + shape.magazine;
    // While it is drained, a section may have committed its top over a header without an end.
    const bool being_drained = !is_whole() && (end == 0 || top == image_.closed_top);
    if ((top < shape.begin || top > limit || end > limit) && !being_drained) {
      fail("C1", "magazine header out of range", header, cls);
      return;
    }
    if (being_drained) return;
    const bool rseq = image_.mode == kModeRseq;
    for (uint32_t i = shape.begin; i < (rseq ? top : limit); ++i) {
      // A moment later the slot may have been taken and cleared.
      if (words[i] != 0 || (rseq && is_whole())) check_cached("magazine", cls, words[i]);
    }
  }

  void check_active(uint32_t slot, uint32_t cls) {
    const uint32_t unit = view_.read<uint32_t>(view_.class_slot_of(slot, cls) + image_.class_slot_active);
    if (unit == 0) return;
    if (unit >= frontier_ || descriptors_[unit].class_id() != cls || !descriptors_[unit].is_active() ||
        descriptors_[unit].active_slot() != slot || descriptors_[unit].is_listed()) {
      fail("C6", "active slot holds no active slab of its class", unit, cls);
      return;
    }
    if (in_active_slot_[unit]) fail("C6", "slab is in two active slots", unit, cls);
    in_active_slot_[unit] = true;
  }

  // Walks one stack; a block met twice is on two stacks, or in a cycle.
  void check_stack(uint64_t head_at, uint32_t expected, uint32_t cls) {
    for (uint64_t block = view_.read<uint64_t>(head_at) & kMaxIndex; block != 0; block = blocks_[block].next) {
      if (block >= blocks_.size() || block_seen_[block]) {
        fail("C3", "block is on two stacks", block, cls);
        return;
      }
      block_seen_[block] = true;
      if (blocks_[block].state() != expected || (expected == kBlockInDepot && blocks_[block].class_id() != cls)) {
        fail("C3", "block is on a stack that its state does not name", block, cls);
      }
    }
  }

  void check_block_stacks() {
    check_stack(image_.pooled_at, kPooledBlock, 0);
    for (const uint32_t cls : small_classes_) {
      check_stack(image_.depot_classes_at + cls * image_.depot_classes_stride, kBlockInDepot, cls);
      for (uint64_t node = 1; node < image_.nodes; ++node) {
        check_stack(image_.node_depots_at + ((node - 1) * image_.node_classes + cls) * 8, kBlockInDepot, cls);
      }
    }
  }

  void check_blocks() {
    for (uint32_t block = 1; block < blocks_.size(); ++block) {
      const BlockHead& head = blocks_[block];
      const bool pooled_with_objects = is_whole() && head.state() == kPooledBlock && head.count != 0;
      if (head.count > image_.block_objects || head.state() > kBlockInDepot || pooled_with_objects) {
        fail("C3", "block counts what it cannot hold", block, head.count);
        continue;
      }
      if (!is_whole() || head.count == 0) continue;
      if (head.state() == kBlockInDepot && !block_seen_[block]) fail("C3", "depot block is on no stack", block, 0);
      if (!view_.is_small(head.class_id())) {
        fail("C3", "block of no class", block, head.class_id());
        continue;
      }
      const uint64_t chunk = image_.block_chunks_at + block / image_.blocks_in_chunk * image_.block_chunk_bytes;
      const uint64_t slots = chunk + image_.block_slots + block % image_.blocks_in_chunk * image_.block_objects * 8;
      for (const uint64_t object : view_.read_many<uint64_t>(slots, head.count)) {
        check_cached("block", head.class_id(), object);
      }
    }
  }

  void check_partial_lists(uint32_t cls) {
    check_lists(image_.slab_classes_at + cls * image_.slab_classes_stride + image_.slab_class_partial, cls);
    for (uint64_t node = 1; node < image_.nodes; ++node) {
      const uint64_t place = (node - 1) * image_.node_classes + cls;
      check_lists(image_.node_lists_at + place * image_.node_lists_stride, cls);
    }
  }

  void check_lists(uint64_t lists, uint32_t cls) {
    for (const uint64_t head : view_.read_many<uint64_t>(lists, 2)) {
      for (uint64_t unit = head & kMaxIndex; unit != 0;) {
        if (unit >= frontier_ || on_list_[unit]) {
          fail("C5", "slab is on two lists", unit, cls);
          break;
        }
        on_list_[unit] = true;
        const Descriptor slab = descriptors_[static_cast<uint32_t>(unit)];
        if (slab.class_id() != cls || !slab.is_listed()) {
          fail("C5", "slab on a list is not marked as listed there", unit, cls);
        }
        unit = slab.next;
      }
    }
  }

  // Which units some descriptor covers, or are kept as a free run.
  void note_units() {
    for (uint32_t unit = 1; unit < frontier_; ++unit) {
      const Descriptor descriptor = descriptors_[unit];
      const uint32_t cls = descriptor.class_id();
      if (cls == 0) continue;
      if (view_.is_small(cls)) cover(unit, view_.classes()[cls].slab_units, cls);
      else if (cls == image_.run_class) cover(unit, descriptor.run_units, cls);
      else if (is_unchanged(unit, descriptor)) fail("C4", "descriptor names no class", unit, cls);
    }
    // Of a running process these units may have another use by now.
    for (const UnitRun run : is_whole() ? view_.kept_runs() : std::vector<UnitRun>()) {
      cover(run.first, run.units, 0);
      if (run.first < frontier_ && unit_map_[run.first] != 0) {
        fail("C7", "unit map names a class where nothing is", run.first, unit_map_[run.first]);
      }
    }
  }

  void cover(uint32_t first, uint32_t count, uint32_t cls) {
    if (first + uint64_t{count} > frontier_) {
      const bool is_so = is_whole() || is_unchanged(first, descriptors_[first]);
      if (is_so) fail("C7", "a descriptor reaches beyond the frontier", first, cls);
      return;
    }
    for (uint32_t unit = first; unit < first + count; ++unit) {
      // A live process may have retired the first one and made the second between the two looks.
      if (covered_[unit] && is_whole()) fail("C7", "two descriptors cover a unit", unit, cls);
      covered_[unit] = true;
    }
  }

  void check_units() {
    const std::vector<uint64_t> free_bits = view_.read_many<uint64_t>(image_.free_bits_at, frontier_ / 64 + 1);
    const std::vector<bool> in_hole = marked_units(view_.holes(), frontier_);
    const uint64_t tail = view_.read<uint64_t>(image_.retired_at);
    for (uint32_t unit = 1; unit < frontier_; ++unit) {
      const Descriptor descriptor = descriptors_[unit];
      if (view_.is_small(descriptor.class_id())) check_slab(unit, descriptor);
      if (!is_whole()) continue;
      const bool free = (free_bits[unit / 64] >> (unit % 64) & 1) != 0;
      const bool retired = unit - (tail >> 24 & 0xffffff) < (tail & 0xffffff);
      if (covered_[unit] && free) fail("C7", "unit is free and in use", unit, 0);
      if (!covered_[unit] && !free && !retired && !in_hole[unit])
        fail("C7", "unit is neither free nor in use", unit, 0);
      if (!covered_[unit] && unit_map_[unit] != 0) fail("C7", "unit map names a class where nothing is", unit, 0);
      if (descriptor.class_id() == image_.run_class && unit_map_[unit] != image_.run_class) {
        fail("C4", "unit map does not name the class of its unit", unit, unit_map_[unit]);
      }
    }
  }

  void check_slab(uint32_t unit, const Descriptor& slab) {
    const uint32_t cls = slab.class_id();
    const ClassShape& shape = view_.classes()[cls];
    ++result_.slabs;
    if (slab.is_active() && slab.active_slot() >= image_.slots) fail("C6", "slab is active in no slot", unit, cls);
    const std::vector<uint64_t>& bits = bits_of(unit, shape);
    uint64_t free = 0;
    for (const uint64_t word : bits) free += static_cast<uint64_t>(std::popcount(word));
    const uint32_t in_last = shape.capacity - (shape.words() - 1) * 64;
    // The bits of a slab that was retired and made anew of another class meanwhile are not its own.
    if (in_last < 64 && bits.back() >> in_last != 0 && is_unchanged(unit, slab)) {
      fail("C4", "bits beyond the slab's capacity", unit, bits.back());
    }
    if (!is_whole()) return;
    for (uint32_t i = 0; i < shape.slab_units && unit + i < frontier_; ++i) {
      const uint32_t entry = unit_map_[unit + i];
      if (entry != (i << 12 | view_.mapped_class(cls)))
        fail("C4", "unit map does not name the class of its unit", unit + i, entry);
    }
    const bool counts_hold = view_.read<uint8_t>(image_.lost_frames_at) == 0;
    if (counts_hold && slab.free_hint != static_cast<int64_t>(free)) {
      fail("C4", "slab's count differs from its bits", unit, free);
    }
    if (free > 0 && !slab.is_active() && !slab.is_listed()) {
      fail("C5", "slab with free bits is neither active nor listed", unit, cls);
    }
    if (slab.is_listed() && !on_list_[unit]) fail("C5", "listed slab is on no list", unit, cls);
    if (slab.is_active() && !in_active_slot_[unit]) fail("C6", "active slab is in no active slot", unit, cls);
    capacity_[cls] += shape.capacity;
    free_[cls] += free;
  }

  bool is_unchanged(uint32_t unit, const Descriptor& seen) const {
    const uint64_t at =
        view_.part_of_chunk(unit, image_.chunk_descriptors, image_.descriptor_bytes) + image_.slab_state;
    return is_whole() || view_.read<uint64_t>(at) >> 16 == seen.state >> 16;
  }

  void check_counts() {
    for (const uint32_t cls : small_classes_) {
      const uint64_t at = image_.slab_classes_at + cls * image_.slab_classes_stride;
      const uint64_t capacity = view_.read<uint64_t>(at + image_.slab_class_capacity);
      const uint64_t free = view_.read<uint64_t>(at + image_.slab_class_free);
      if (capacity != capacity_[cls]) fail("C8", "capacity of a class", cls, capacity);
      if (free != free_[cls]) fail("C8", "free objects of a class", cls, free);
    }
  }

  const Depth depth_;
  // The descriptors, then the classes: one that a slab was seen of and that has gone by now took the slab with it,
  // which is_unchanged() tells.
  const Descriptors descriptors_;
  const View view_;
  const Image& image_;
  const std::vector<BlockHead> blocks_;
  const uint32_t frontier_;
  const std::vector<uint16_t> unit_map_;
  std::vector<uint32_t> small_classes_;  // ids of those that may have slabs
  std::vector<bool> on_list_, in_active_slot_, covered_;
  std::vector<bool> block_seen_;
  std::vector<uint64_t> capacity_, free_;
  std::vector<uint64_t> cached_;
  std::vector<uint64_t> bits_;  // of bits_unit_
  uint32_t bits_unit_ = 0;
  AuditResult result_;
};

}  // namespace

AuditResult audit(const View& view, Depth depth) { return Audit(view, depth).run(); }

AuditResult audit(const View& view) {
  if (!view.memory().is_live()) return audit(view, Depth::kEverything);
  AuditResult result = audit(view, Depth::kStructure);
  for (int look = 1; look < 3 && !result.findings.empty(); ++look) {
    const AuditResult again = audit(view, Depth::kStructure);
    std::erase_if(result.findings, [&](const std::string& finding) {
      return std::ranges::find(again.findings, finding) == again.findings.end();
    });
  }
  return result;
}

}  // namespace reslab::outside
