// SPDX-License-Identifier: Apache-2.0
// A heap seen from outside: its image, and typed reading of what the image points to. The process may run meanwhile, so
// whatever is read is a moment's truth, and every index that was read is bounded before it is used.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "heap/image.h"
#include "memory.h"

namespace reslab::outside {

struct ClassShape {
  bool exists;  // slabs of it may: not of id 0, of runs, of what was never made or has gone
  uint32_t object_bytes;
  uint32_t slab_units;
  uint32_t capacity;  // objects in a slab
  uint32_t begin;     // of its magazine
  uint32_t magazine;
  uint16_t flags;
  std::string name;  // of a class made at run time; its owner's

  uint32_t words() const { return (capacity + 63) / 64; }
  bool is_constructed() const { return (flags & 1) != 0; }
  bool is_type_safe() const { return (flags & 2) != 0; }
  bool is_charged() const { return (flags & 4) != 0; }
};

// What a descriptor says of the units that it stands for.
struct Descriptor {
  uint64_t state;
  uint32_t next;
  int32_t free_hint;
  uint32_t run_units;
  const uint64_t* bits;  // inline ones

  uint32_t class_id() const { return static_cast<uint32_t>(state >> 16 & 0xffff); }
  bool is_active() const { return (state & 1) != 0; }
  bool is_listed() const { return (state & 2) != 0; }
  uint32_t active_slot() const { return static_cast<uint32_t>(state >> 2 & 0x3fff); }
};

struct BlockHead {
  uint32_t next;
  uint16_t count;
  uint16_t state_and_class;
  uint32_t state() const { return state_and_class >> 14; }
  uint32_t class_id() const { return state_and_class & 0x3fffu; }
};
inline constexpr uint32_t kPooledBlock = 0, kBlockInHand = 1, kBlockInDepot = 2;

struct UnitRun {
  uint32_t first, units;
};
// For each unit below `end`, whether it is in one of the runs.
std::vector<bool> marked_units(const std::vector<UnitRun>& runs, uint32_t end);

inline constexpr uint64_t kMostBytesAGo = 16 << 20;

class View {
 public:
  // Finds the heap of the target. Throws a Failure where there is none, none yet, or one of another version.
  explicit View(const Memory& memory);

  const Image& image() const { return image_; }
  const Memory& memory() const { return memory_; }
  uint64_t image_at() const { return image_at_; }
  const std::string& module() const { return module_; }  // the file it is in

  template <class T>
  T read(uint64_t address) const {
    T value;
    const Piece piece{address, &value, sizeof value};
    memory_.read({&piece, 1});
    return value;
  }
  // In goes: a count that is damaged meets memory that is not there before it asks for more than there is.
  template <class T>
  std::vector<T> read_many(uint64_t address, size_t count) const {
    std::vector<T> values;
    while (values.size() < count) {
      const size_t before = values.size(), more = std::min<size_t>(count - before, kMostBytesAGo / sizeof(T));
      values.resize(before + more);
      const Piece piece{address + before * sizeof(T), &values[before], more * sizeof(T)};
      memory_.read({&piece, 1});
    }
    return values;
  }
  std::string read_text(uint64_t address, size_t most = 256) const;

  // The same heap, with the classes that it has by now.
  View renewed() const;

  const std::vector<ClassShape>& classes() const { return classes_; }  // from class 0 on
  bool is_small(uint32_t cls) const { return cls < classes_.size() && classes_[cls].exists; }
  // What the unit map says of a slab of the class.
  uint64_t mapped_class(uint32_t cls) const { return classes_[cls].is_charged() ? image_.charged_class : cls; }
  // The class of an address in the window as it is now; 0: none.
  uint32_t class_at(uint64_t address) const;

  // Whole free runs that are kept as they are, for the next one of their length.
  std::vector<UnitRun> kept_runs() const { return runs(image_.kept_runs_at, image_.kept_runs_count); }
  // What the arena has passed over.
  std::vector<UnitRun> holes() const { return runs(image_.holes_at, image_.holes_count); }

  uint32_t frontier() const;  // no more than the window has units
  std::vector<uint32_t> ready_slots() const;
  uint32_t blocks_made() const;
  uint64_t writable(uint64_t marks_at) const { return read<uint64_t>(marks_at) & 0xffffff; }
  uint64_t reserved(uint64_t marks_at) const { return read<uint64_t>(marks_at) >> 24 & 0xffffff; }

  uint64_t unit_address(uint32_t unit) const { return image_.window_at + unit * image_.unit_bytes; }
  uint64_t region_of(uint32_t slot) const { return image_.regions_at + slot * image_.region_bytes; }
  uint64_t class_slot_of(uint32_t slot, uint32_t cls) const {
    return region_of(slot) + image_.class_slots + (cls - 1) * image_.class_slot_stride;
  }
  uint64_t part_of_chunk(uint32_t unit, uint64_t part, uint64_t stride) const {
    return image_.chunks_at + unit / image_.chunk_units * image_.chunk_bytes + part +
           unit % image_.chunk_units * stride;
  }

  // Calls visit(object's address) for those on the list at `head_at`; false if the chain is broken or too long.
  template <class Visit>
  bool walk_deferred(uint64_t head_at, Visit visit) const {
    constexpr uint64_t kIndex = (uint64_t{1} << 36) - 1;
    constexpr uint32_t kMost = 1200;  // more than the library ever puts on one
    uint64_t index = read<uint64_t>(head_at) & kIndex;
    const uint64_t end = frontier() * image_.unit_bytes / 16;
    for (uint32_t n = 0; index != 0; ++n) {
      if (n > kMost || index >= end) return false;
      const uint64_t object = image_.window_at + index * 16;
      visit(object);
      index = read<uint64_t>(object) ^ image_.deferred_key ^ (index * 0x9e3779b97f4a7c15);
    }
    return true;
  }

 private:
  void read_classes();
  std::vector<UnitRun> runs(uint64_t at, uint64_t places) const;
  void append_shapes(uint64_t infos_at, size_t count);
  void name_cache_classes();
  bool is_possible(const ClassShape& shape) const;

  const Memory& memory_;
  Image image_;
  uint64_t image_at_;
  std::string module_;
  std::vector<ClassShape> classes_;
};

// The descriptors of the units below a frontier, read in as few goes as may be.
class Descriptors {
 public:
  Descriptors(const View& view, uint32_t frontier);
  Descriptor operator[](uint32_t unit) const;
  uint32_t frontier() const { return frontier_; }

  // A slab's bitmap; inline ones are copied from the descriptor, dense ones read now.
  std::vector<uint64_t> bits(uint32_t unit, const ClassShape& shape) const;

 private:
  const View& view_;
  uint32_t frontier_;
  std::vector<char> bytes_;
};

std::vector<BlockHead> read_blocks(const View& view);

}  // namespace reslab::outside
