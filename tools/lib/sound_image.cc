// SPDX-License-Identifier: Apache-2.0
#include "sound_image.h"

#include <fmt/format.h>

#include "failure.h"

namespace reslab::outside {
namespace {

using Word = uint64_t Image::*;

struct Range {
  const char* name;
  Word word;
  uint64_t least, most;
};
// Wider than any build needs: what is kept out is what no reader comes to an end with.
#define RANGE(word, least, most) \
  { #word, &Image::word, least, most }
constexpr uint64_t kMostClasses = 1 << 12, kMostUnits = 1 << 24;
constexpr Range kRanges[] = {
    RANGE(counters_shards, 1, 1 << 12),
    RANGE(counters_stride, 8, 1 << 20),
    RANGE(window_units, 1, kMostUnits),
    RANGE(unit_bytes, 1 << 12, 1 << 30),
    RANGE(holes_count, 0, 1 << 12),
    RANGE(kept_runs_count, 0, 1 << 12),
    RANGE(chunk_units, 1, kMostUnits),
    RANGE(chunk_bytes, 1, 1 << 28),
    RANGE(descriptor_bytes, 8, 1 << 16),
    RANGE(dense_bytes, 8, 1 << 16),
    RANGE(inline_bits, 0, 1 << 16),
    RANGE(class_info_stride, 8, 1 << 16),
    RANGE(class_count, 1, kMostClasses),
    RANGE(cache_classes_first, 1, kMostClasses),
    RANGE(cache_classes_stride, 8, 1 << 16),
    RANGE(slots, 1, 1 << 14),  // the slot of a descriptor has 14 bits
    RANGE(nodes, 1, 1 << 10),
    RANGE(closed_top, kMostClasses, 1 << 24),
    RANGE(class_slot_stride, 8, 1 << 16),
    RANGE(blocks_in_chunk, 1, 1 << 24),
    RANGE(block_header_stride, 8, 1 << 16),
    RANGE(block_objects, 1, 1 << 16),
    RANGE(name_bytes, 1, 1 << 12),
    RANGE(groups_stride, 8, 1 << 16),
    RANGE(group_stock_stride, 8, 1 << 16),
    RANGE(profile_sites, 0, 1 << 24),
    RANGE(profile_site_bytes, 8, 1 << 16),
    RANGE(profile_frames, 0, 1 << 12),
};
#undef RANGE

struct Field {
  const char* name;
  Word offset;
  uint64_t bytes;
  Word stride;
};
#define FIELD(word, bytes, stride) \
  { #word, &Image::word, bytes, &Image::stride }
constexpr uint64_t kGroupLimits = 64;  // places that a group's word can name
constexpr Field kFields[] = {
    FIELD(slab_state, 8, descriptor_bytes),
    FIELD(slab_next, 4, descriptor_bytes),
    FIELD(slab_free_hint, 4, descriptor_bytes),
    FIELD(slab_run_units, 4, descriptor_bytes),
    FIELD(info_object_bytes, 4, class_info_stride),
    FIELD(info_slab_units, 2, class_info_stride),
    FIELD(info_capacity, 4, class_info_stride),
    FIELD(info_begin, 4, class_info_stride),
    FIELD(info_magazine, 4, class_info_stride),
    FIELD(info_flags, 2, class_info_stride),
    FIELD(class_slot_active, 4, class_slot_stride),
    FIELD(block_next, 4, block_header_stride),
    FIELD(block_count, 2, block_header_stride),
    FIELD(block_state, 2, block_header_stride),
    FIELD(cache_class_state, 4, cache_classes_stride),
    FIELD(group_state, 4, groups_stride),
    FIELD(group_parent, 4, groups_stride),
    FIELD(group_used, 8, groups_stride),
    FIELD(group_limits, kGroupLimits * 8, groups_stride),
    FIELD(group_stocks, 8, groups_stride),
    FIELD(group_peak, 8, groups_stride),
    FIELD(group_failures, 8, groups_stride),
    FIELD(profile_site_depth, 8, profile_site_bytes),
    FIELD(profile_site_live_objects, 8, profile_site_bytes),
    FIELD(profile_site_live_bytes, 8, profile_site_bytes),
    FIELD(profile_site_all_objects, 8, profile_site_bytes),
    FIELD(profile_site_all_bytes, 8, profile_site_bytes),
};
#undef FIELD

constexpr bool lies_in(uint64_t offset, uint64_t bytes, uint64_t all) { return bytes <= all && offset <= all - bytes; }

class Judge {
 public:
  Judge(const Image& image, const std::string& title) : image_(image), title_(title) {}

  void judge() const {
    for (const Range& range : kRanges) {
      const uint64_t value = image_.*range.word;
      require(value >= range.least && value <= range.most, range.name, value);
    }
    for (const Field& field : kFields) {
      const uint64_t offset = image_.*field.offset;
      require(lies_in(offset, field.bytes, image_.*field.stride), field.name, offset);
    }
    judge_those_of_several_words();
  }

 private:
  void judge_those_of_several_words() const {
    const Image& i = image_;
    require(lies_in(i.chunk_descriptors, i.chunk_units * i.descriptor_bytes, i.chunk_bytes), "chunk_units",
            i.chunk_units);
    require(lies_in(i.chunk_dense, i.chunk_units * i.dense_bytes, i.chunk_bytes), "chunk_dense", i.chunk_dense);
    require(lies_in(i.slab_bits, (i.inline_bits + 63) / 64 * 8, i.descriptor_bytes), "slab_bits", i.slab_bits);
    require(i.slab_bits % 8 == 0 && i.descriptor_bytes % 8 == 0, "slab_bits", i.slab_bits);  // words are read in place
    require(i.cache_classes_first >= i.class_count, "cache_classes_first", i.cache_classes_first);
    require(i.counters_count <= i.counters_stride / 8, "counters_count", i.counters_count);
    require(lies_in(i.cache_class_name, i.name_bytes, i.cache_classes_stride), "cache_class_name", i.cache_class_name);
    require(lies_in(i.group_name, i.name_bytes, i.groups_stride), "group_name", i.group_name);
    require(lies_in(i.profile_site_frames, i.profile_frames * 8, i.profile_site_bytes), "profile_site_frames",
            i.profile_site_frames);
  }

  void require(bool holds, const char* word, uint64_t value) const {
    if (holds) return;
    throw Failure(fmt::format("{}: its heap's image is damaged: {} is {:#x}", title_, word, value));
  }

  const Image& image_;
  const std::string& title_;
};

}  // namespace

void require_sound(const Image& image, const std::string& title) { Judge(image, title).judge(); }

}  // namespace reslab::outside
