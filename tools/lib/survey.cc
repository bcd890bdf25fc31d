// SPDX-License-Identifier: Apache-2.0
#include "survey.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <map>

#include "base/counters.h"
#include "names.h"

namespace reslab::outside {
namespace {

constexpr uint32_t header_top(uint64_t header) { return static_cast<uint32_t>(header); }
constexpr uint32_t header_end(uint64_t header) { return static_cast<uint32_t>(header >> 32); }

class Surveyor {
 public:
  explicit Surveyor(View view) : view_(std::move(view)), image_(view_.image()), classes_(view_.classes().size()) {
    for (uint32_t cls = 0; cls < classes_.size(); ++cls) {
      const ClassShape& shape = view_.classes()[cls];
      classes_[cls].id = cls;
      classes_[cls].name = class_name(view_, cls);
      classes_[cls].traits = class_traits(shape);
      classes_[cls].slab_objects = shape.capacity;
      classes_[cls].object_bytes = shape.object_bytes;
      classes_[cls].slab_bytes = shape.slab_units * image_.unit_bytes;
    }
  }

  Survey take() {
    // What objects leave first is read first, so that few are met twice: slabs, then caches.
    count_units();
    count_slots();
    count_blocks();
    view_.walk_deferred(image_.aside_at, [&](uint64_t object) { count_deferred(object); });
    survey_.groups = read_groups(view_);
    describe();
    settle();
    count_memory();
    view_.memory().require_alive(Memory::Look::kNow);
    return std::move(survey_);
  }

 private:
  void count_units() {
    Survey& survey = survey_;
    for (const UnitUse& use : look_at_units(view_, &classes_, &survey.runs)) {
      if (use.kind == kFreeDirtyUnit) survey.memory.free_dirty += image_.unit_bytes;
      if (use.kind == kFreeZeroUnit) survey.memory.free_zero += image_.unit_bytes;
      if (use.kind == kTransitUnit) survey.memory.in_transit += image_.unit_bytes;
      if (use.kind == kHoleUnit) ++holes_;
      ++frontier_;
    }
  }

  void count_slots() {
    for (const uint32_t slot : view_.ready_slots()) {
      CpuFigures cpu = {};
      cpu.slot = slot;
      const std::vector<uint64_t> headers = view_.read_many<uint64_t>(view_.region_of(slot), classes_.size());
      const std::vector<char> slow =
          view_.read_many<char>(view_.class_slot_of(slot, 1), (classes_.size() - 1) * image_.class_slot_stride);
      for (uint32_t cls = 1; cls < classes_.size(); ++cls) {
        uint32_t active = 0;
        memcpy(&active, &slow[(cls - 1) * image_.class_slot_stride + image_.class_slot_active], sizeof active);
        if (active != 0) ++cpu.active_slabs;
        count_magazine(cpu, cls, headers[cls]);
      }
      view_.walk_deferred(view_.region_of(slot) + image_.cpu_state, [&](uint64_t object) {
        ++cpu.deferred;
        count_deferred(object);
      });
      survey_.cpus.push_back(cpu);
    }
  }

  void count_magazine(CpuFigures& cpu, uint32_t cls, uint64_t header) {
    const ClassShape& shape = view_.classes()[cls];
    if (!view_.is_small(cls)) return;
    if (header == 0 || header_end(header) < shape.begin || header_end(header) > shape.begin + shape.magazine) return;
    const uint64_t room = header_end(header) - shape.begin;
    uint64_t held = 0;
    if (image_.mode == kModeRseq) {
      if (header_top(header) >= shape.begin && header_top(header) <= shape.begin + shape.magazine) {
        held = header_top(header) - shape.begin;
      }
    } else {
      for (const uint64_t object :
           view_.read_many<uint64_t>(view_.region_of(cpu.slot) + shape.begin * 8, shape.magazine)) {
        held += object != 0 ? 1 : 0;
      }
    }
    classes_[cls].in_magazines += held;
    classes_[cls].magazine_room += room;
    cpu.objects += held;
    cpu.bytes += held * shape.object_bytes;
    cpu.room += room;
  }

  void count_deferred(uint64_t object) {
    const uint32_t cls = view_.class_at(object);
    if (view_.is_small(cls)) ++classes_[cls].deferred;
  }

  void count_blocks() {
    for (const BlockHead& head : read_blocks(view_)) {
      if (!view_.is_small(head.class_id()) || head.count > image_.block_objects) continue;
      if (head.state() == kBlockInHand) classes_[head.class_id()].in_hand += head.count;
      if (head.state() == kBlockInDepot) classes_[head.class_id()].in_depot += head.count;
    }
  }

  void describe() {
    const Memory& memory = view_.memory();
    survey_.program = memory.name();
    survey_.title = memory.title();
    survey_.module = view_.module();
    survey_.process_id = memory.process_id();
    survey_.is_live = memory.is_live();
    survey_.version = view_.read_text(image_.version_text_at);
    survey_.mode = image_.mode == kModeRseq ? "rseq" : "fallback";
    survey_.mode_reason = view_.read_text(image_.mode_reason_at);
    survey_.index = image_.slot_source == 0 ? "cpu_id" : image_.slot_source == 1 ? "mm_cid" : "thread";
    survey_.slots = static_cast<uint32_t>(image_.slots);
    survey_.counts_may_be_off = view_.read<uint8_t>(image_.lost_frames_at) != 0;
    survey_.features = feature_names(image_.features);
    survey_.options = read_options(view_);
    survey_.counters = read_counters(view_);
  }

  void settle() {
    for (ClassFigures& cls : classes_) {
      const uint64_t elsewhere = cls.cached() + cls.free_in_slabs;
      cls.live = cls.capacity > elsewhere ? cls.capacity - elsewhere : 0;
      cls.overcounted = elsewhere > cls.capacity ? elsewhere - cls.capacity : 0;
      MemoryFigures& memory = survey_.memory;
      memory.live += cls.live_bytes();
      memory.cached += cls.cached() * cls.object_bytes;
      memory.free_in_slabs += cls.free_in_slabs * cls.object_bytes;
      memory.tails += cls.tail_bytes();
      memory.overcounted += cls.overcounted * cls.object_bytes;
      if (cls.slabs() > 0 || elsewhere > 0) survey_.classes.push_back(cls);
    }
  }

  void count_memory() {
    MemoryFigures& memory = survey_.memory;
    const uint64_t unit = image_.unit_bytes;
    memory.live_runs = survey_.runs.units * unit;
    // The frontier that was walked may have passed what was read as committed: never below it.
    const uint64_t committed = std::max<uint64_t>(view_.writable(image_.window_marks_at), frontier_ + 1);
    memory.committed = (committed - holes_) * unit;
    memory.never_used = (committed - frontier_) * unit;  // unit 0 among them
    memory.reserved = (std::max(view_.reserved(image_.window_marks_at), committed) - holes_) * unit;
    memory.window = image_.window_units * unit;
    memory.metadata = image_.metadata_fixed_bytes + view_.writable(image_.chunk_marks_at) * image_.chunk_bytes +
                      view_.writable(image_.block_marks_at) * image_.block_chunk_bytes +
                      survey_.cpus.size() * image_.region_bytes;
    memory.resident = view_.memory().resident_bytes();
  }

  static std::vector<UnitUse> look_at_units(const View& view, std::vector<ClassFigures>* classes, RunFigures* runs);

  const View view_;
  const Image& image_;
  std::vector<ClassFigures> classes_;
  Survey survey_ = {};
  uint64_t frontier_ = 0;  // units that were looked at
  uint64_t holes_ = 0;     // of these, units of which nothing is ours

  friend std::vector<UnitUse> outside::look_at_units(const View& view);
};

std::vector<UnitUse> Surveyor::look_at_units(const View& view, std::vector<ClassFigures>* classes, RunFigures* runs) {
  const Image& image = view.image();
  const Descriptors descriptors(view, view.frontier());
  const uint32_t end = descriptors.frontier();
  const std::vector<uint64_t> free_bits = view.read_many<uint64_t>(image.free_bits_at, end / 64 + 1);
  const std::vector<uint64_t> zero_bits = view.read_many<uint64_t>(image.zero_bits_at, end / 64 + 1);
  const auto is_set = [](const std::vector<uint64_t>& bits, uint32_t unit) {
    return (bits[unit / 64] >> (unit % 64) & 1) != 0;
  };
  const uint64_t tail = view.read<uint64_t>(image.retired_at);
  const auto tail_first = static_cast<uint32_t>(tail >> 24 & 0xffffff),
             tail_count = static_cast<uint32_t>(tail & 0xffffff);

  const std::vector<bool> is_kept = marked_units(view.kept_runs(), end);
  const std::vector<bool> is_in_hole = marked_units(view.holes(), end);

  std::vector<UnitUse> units;
  units.reserve(end);
  const auto cover = [&](uint32_t count, UnitUse use) {
    for (uint32_t i = 0; i < count && units.size() + 1 < end; ++i) units.push_back(use);
  };
  for (uint32_t unit = 1; unit < end; unit = static_cast<uint32_t>(units.size()) + 1) {  // ends: each round covers one
    const Descriptor descriptor = descriptors[unit];
    const uint32_t cls = descriptor.class_id();
    if (is_set(free_bits, unit)) {
      cover(1, {is_set(zero_bits, unit) ? kFreeZeroUnit : kFreeDirtyUnit, unit, 0});
    } else if (view.is_small(cls)) {
      const ClassShape& shape = view.classes()[cls];
      const uint32_t length = std::min(shape.slab_units, end - unit);
      uint64_t free = 0;
      for (const uint64_t word : descriptors.bits(unit, shape)) free += static_cast<uint64_t>(std::popcount(word));
      free = std::min<uint64_t>(free, shape.capacity);
      cover(length, {cls, unit, 1 - static_cast<float>(free) / static_cast<float>(shape.capacity)});
      if (classes == nullptr || length < shape.slab_units) continue;
      ClassFigures& figures = (*classes)[cls];
      figures.capacity += shape.capacity;
      figures.free_in_slabs += free;
      uint64_t& by_state = descriptor.is_active()   ? figures.slabs_active
                           : free == shape.capacity ? figures.slabs_empty
                           : free == 0              ? figures.slabs_full
                                                    : figures.slabs_partial;
      ++by_state;
    } else if (cls == image.run_class && descriptor.run_units > 0) {
      const uint32_t length = std::min(descriptor.run_units, end - unit);
      cover(length, {cls, unit, 1});
      if (runs == nullptr) continue;
      ++runs->runs;
      runs->units += length;
      runs->largest_units = std::max<uint64_t>(runs->largest_units, length);
    } else if (is_kept[unit]) {
      cover(1, {kFreeDirtyUnit, unit, 0});
    } else if (unit - tail_first < tail_count) {
      cover(1, {kFreeZeroUnit, unit, 0});
    } else if (is_in_hole[unit]) {
      cover(1, {kHoleUnit, unit, 0});
    } else {
      cover(1, {kTransitUnit, unit, 0});
    }
  }
  return units;
}

}  // namespace

std::vector<UnitUse> look_at_units(const View& view) { return Surveyor::look_at_units(view, nullptr, nullptr); }

Survey take_survey(const View& view) { return Surveyor(view.renewed()).take(); }

uint64_t Survey::counter(const std::string& name) const {
  const auto found = std::ranges::find(counters, name, &std::pair<std::string, uint64_t>::first);
  return found != counters.end() ? found->second : 0;
}

}  // namespace reslab::outside
