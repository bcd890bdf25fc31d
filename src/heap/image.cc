// SPDX-License-Identifier: Apache-2.0
#include "heap/image.h"

#include "group/group.h"
#include "heap/account.h"
#include "heap/root.h"
#include "reslab_version.h"

namespace reslab {
namespace {

template <class T>
uint64_t at(const T& thing) {
  return reinterpret_cast<uint64_t>(&thing);
}
uint64_t pointed(const char* place) { return reinterpret_cast<uint64_t>(place); }

constexpr char kVersionText[] = RESLAB_VERSION;

uint64_t features_of(const Root& root) {
  return uint64_t{root.has_fence} | uint64_t{root.wipes_on_fork} << 1 | uint64_t{root.strict_commit} << 3;
}

// What the reader takes as one word each.
static_assert(sizeof(TaggedStack) == 8 && sizeof(DeferredList) == 16);

void fill_slabs(Image& image) {
  image.chunk_units = kUnitsInChunk;
  image.chunk_bytes = kChunkBytes;
  image.chunk_descriptors = kChunkDescriptors;
  image.descriptor_bytes = kDescriptorBytes;
  image.chunk_dense = kChunkDense;
  image.dense_bytes = kDenseBytes;
  image.inline_bits = kInlineBits;
  image.slab_state = offsetof(Slab, state);
  image.slab_next = offsetof(Slab, next);
  image.slab_free_hint = offsetof(Slab, free_hint);
  image.slab_run_units = offsetof(Slab, run_units);
  image.slab_account = offsetof(Slab, account);
  image.slab_bits = offsetof(Slab, inline_bits);
}

void fill_classes(Image& image, const Root& root) {
  image.class_info_at = at(class_info(0));
  image.class_info_stride = sizeof(ClassInfo);
  image.class_count = kMallocClasses;
  image.run_class = kRunClass;
  image.charged_class = kChargedClass;
  image.charge_tag_bytes = sizeof(ChargeTag);
  image.info_object_bytes = offsetof(ClassInfo, object_bytes);
  image.info_slab_units = offsetof(ClassInfo, slab_units);
  image.info_capacity = offsetof(ClassInfo, capacity);
  image.info_begin = offsetof(ClassInfo, begin);
  image.info_magazine = offsetof(ClassInfo, magazine);
  image.info_flags = offsetof(ClassInfo, flags);
  image.slab_classes_at = at(root.slab_classes[0]);
  image.slab_classes_stride = sizeof(SlabClass);
  image.slab_class_partial = offsetof(SlabClass, lists.partial);
  image.slab_class_capacity = offsetof(SlabClass, capacity_objects);
  image.slab_class_free = offsetof(SlabClass, free_objects);
  image.slab_class_slabs = offsetof(SlabClass, slabs);
}

void fill_slots(Image& image, const Root& root) {
  image.mode = static_cast<uint64_t>(root.cpu.mode);
  image.mode_reason_at = pointed(root.cpu.reason);
  image.slot_source = static_cast<uint64_t>(root.cpu.source);
  image.regions_at = pointed(root.regions);
  image.region_bytes = kRegionBytes;
  image.region_ready_at = at(root.region_ready[0]);
  image.slots = root.cpu.slots;
  image.closed_top = kClosedTop;
  image.cpu_state = kSlowBytes + offsetof(CpuState, deferred);
  image.class_slots = kSlowBytes + sizeof(CpuState);
  image.class_slot_stride = sizeof(ClassSlot);
  image.class_slot_active = offsetof(ClassSlot, active);
  image.class_slot_warmth = offsetof(ClassSlot, warmth);
  image.class_slot_saved = offsetof(ClassSlot, saved_header);
  image.aside_at = at(root.aside);
  image.deferred_key = root.deferred_key;
}

void fill_groups(Image& image) {
  const GroupTable table = group_table();
  image.groups_at = at(*table.records);
  image.groups_stride = sizeof(reslab_group);
  image.groups_end_at = at(*table.end);
  image.group_state = offsetof(reslab_group, state);
  image.group_live = table.live;
  image.group_parent = offsetof(reslab_group, parent);
  image.group_name = offsetof(reslab_group, name);
  image.group_used = offsetof(reslab_group, used);
  image.group_limits = offsetof(reslab_group, limits);
  image.group_stocks = offsetof(reslab_group, stocks);
  image.group_stock_stride = table.stock_bytes;
  image.group_peak = offsetof(reslab_group, peak);
  image.group_failures = offsetof(reslab_group, failures);
}

void fill_profile(Image& image, const ProfileTables* profile) {
  image.profile_sites = ProfileTables::kSites;
  image.profile_site_bytes = sizeof(ProfileSite);
  image.profile_site_depth = offsetof(ProfileSite, depth);
  image.profile_site_frames = offsetof(ProfileSite, pc);
  image.profile_frames = ProfileSite::kFrames;
  image.profile_site_live_objects = offsetof(ProfileSite, live_objects);
  image.profile_site_live_bytes = offsetof(ProfileSite, live_bytes);
  image.profile_site_all_objects = offsetof(ProfileSite, all_objects);
  image.profile_site_all_bytes = offsetof(ProfileSite, all_bytes);
  image.profile_site_group = offsetof(ProfileSite, group);
  image.first_site_account = kFirstSiteAccount;
  if (profile == nullptr) return;
  image.profile_rate = profile->rate;
  image.profile_sites_at = at(profile->sites[0]);
}

}  // namespace

void ImageWriter::fill_cache_classes(Image& image, const Root& root) {
  const ClassTable& table = root.class_table;
  using Class = ClassTable::Class;
  image.cache_classes_first = kFirstCacheClass;
  image.cache_info_at = at(table.info_[0]);
  image.cache_classes_at = at(table.classes_[0]);
  image.cache_classes_stride = sizeof(Class);
  image.cache_classes_made_at = at(table.made_);
  image.cache_class_state = offsetof(Class, state);
  image.cache_class_ready = ClassTable::kReady;
  image.cache_class_name = offsetof(Class, name);
  image.name_bytes = sizeof(Class::name);
  static_assert(sizeof(Class::name) == sizeof(reslab_group::name));
}

void ImageWriter::fill_arena(Image& image, const Root& root) {
  const Arena& arena = root.arena;
  image.window_at = arena.window_.base;
  image.window_units = arena.window_.units;
  image.unit_bytes = kUnitBytes;
  image.class_of_at = at(arena.window_.class_of[0]);
  image.frontier_at = at(arena.frontier_);
  image.window_marks_at = at(arena.window_extent_.marks_);
  image.free_bits_at = at(arena.free_.words_[0]);
  image.zero_bits_at = at(arena.zero_[0]);
  image.retired_at = at(arena.retired_);
  image.holes_at = at(arena.holes_.words_[0]);
  image.holes_count = Holes::kPlaces;
  image.dirty_units_at = at(arena.dirty_units_);
  image.chunks_at = pointed(arena.window_.chunks);
  image.chunk_marks_at = at(arena.chunk_extent_.marks_);
  image.kept_runs_at = at(arena.kept_.places_[0]);
  image.kept_runs_count = RunCache::kPlaces;
}

void ImageWriter::fill_blocks(Image& image, const Root& root) {
  const BlockPool& pool = root.blocks;
  image.block_chunks_at = pointed(pool.chunks_);
  image.block_chunk_bytes = kBlockChunkBytes;
  image.blocks_in_chunk = kBlocksInChunk;
  image.block_marks_at = at(pool.chunk_extent_.marks_);
  image.blocks_made_at = at(pool.made_);
  image.block_header_stride = sizeof(BlockHeader);
  image.block_next = offsetof(BlockHeader, next);
  image.block_count = offsetof(BlockHeader, count);
  image.block_state = offsetof(BlockHeader, state_and_class);
  image.block_slots = kBlockChunkSlots;
  image.block_objects = kBlockObjects;
  image.pooled_at = at(pool.pooled_);
  image.depot_classes_at = at(root.depot_classes[0].full);
  image.depot_classes_stride = sizeof(DepotClass);
  image.nodes = root.cpu.nodes;
  image.node_lists_at = pointed(reinterpret_cast<const char*>(root.node_lists));
  image.node_lists_stride = sizeof(SlabLists);
  image.node_classes = kMaxClasses;
  image.node_depots_at = pointed(reinterpret_cast<const char*>(root.depot.others_));
  image.depot_bytes_at = at(root.depot.bytes_);
}

void ImageWriter::fill(Root& root) {
  Image& image = root.image;
  image.magic = kImageMagic;
  image.version = kImageVersion;
  image.bytes = sizeof image;
  image.layout = image_layout();
  image.root_bytes = sizeof root;
  image.version_text_at = at(kVersionText[0]);
  image.features = features_of(root);
  image.lost_frames_at = at(root.lost_frames);
  image.options_at = at(root.options);
  image.options_bytes = sizeof root.options;
  image.counters_at = at(root.counters->shards_[0]);
  image.counters_shards = Counters::kShards;
  image.counters_stride = sizeof(Counters::Shard);
  image.counters_count = static_cast<uint64_t>(Counter::kCount);
  image.metadata_at = pointed(root.metadata);
  image.metadata_fixed_bytes = static_cast<uint64_t>(root.regions - root.metadata);
  fill_arena(image, root);
  fill_slabs(image);
  fill_classes(image, root);
  fill_cache_classes(image, root);
  fill_slots(image, root);
  fill_blocks(image, root);
  fill_groups(image);
  fill_profile(image, root.profile);
}

}  // namespace reslab
