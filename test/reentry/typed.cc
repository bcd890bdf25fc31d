// SPDX-License-Identifier: Apache-2.0
#include "typed.h"

#include "failure.h"

namespace reentry {

reslab_group* the_group;
reslab_cache* the_cache;

namespace {

constexpr size_t kSizes[] = {kTyped, kTypedMiddle, kTypedLarge, kLone, kUnlinkable, kTypeSafe, kTypedHuge};
constexpr size_t kCount = sizeof kSizes / sizeof kSizes[0];
constexpr size_t kGroupBytes = 16 << 20;
constexpr size_t kGone = 1504;  // two classes that have gone, and no other has use for so long a magazine

reslab_cache* caches[kCount];
reslab_cache* constructed;
reslab_cache* charged;
reslab_cache* constructed_charged;
Nest nest;

void construct(void* object) { static_cast<unsigned char*>(object)[0] = 0; }

reslab_cache* cache_of(size_t bytes, void (*constructor)(void*), reslab_group* group) {
  const reslab_cache_args args = {bytes, 0, RESLAB_CACHE_NO_MERGE, constructor, group};
  reslab_cache* cache = reslab_cache_create("walked", &args);
  if (cache == nullptr) fail("no place for a cache of %zu bytes", bytes);
  return cache;
}

reslab_group* group_of(reslab_group* outer, size_t limit) {
  reslab_group* group = reslab_group_create_in(outer, "walked", limit);
  if (group == nullptr) fail("no place for a group");
  return group;
}

}  // namespace

void make_typed() {
  if (the_group != nullptr) return;
  if (reslab_group_destroy(group_of(nullptr, SIZE_MAX)) != 0) fail("a group cannot be destroyed");
  the_group = group_of(nullptr, kGroupBytes);
  nest.outer = group_of(nullptr, Nest::kLimit);
  nest.inner = group_of(nest.outer, SIZE_MAX);
  nest.sibling = group_of(nest.outer, SIZE_MAX);
  for (size_t i = 0; i < kCount; ++i) {
    if (kSizes[i] != kTypeSafe && kSizes[i] != kTypedHuge) caches[i] = cache_of(kSizes[i], nullptr, nullptr);
  }
  reslab_cache* gone[2];
  for (reslab_cache*& one : gone) one = cache_of(kGone, nullptr, nullptr);
  for (reslab_cache* one : gone) {
    if (reslab_cache_destroy(one) != 0) fail("a cache cannot be destroyed");
  }
  constructed = cache_of(kConstructed, construct, nullptr);
  charged = cache_of(kConstructed, nullptr, the_group);
  constructed_charged = cache_of(kConstructed, construct, the_group);
  the_cache = caches[0];
}

reslab_cache* typed_cache(size_t bytes) {
  for (size_t i = 0; i < kCount; ++i) {
    if (kSizes[i] == bytes) return caches[i];
  }
  return nullptr;
}

void serve_by(size_t bytes, reslab_cache* cache) {
  if (cache == nullptr) fail("no place for a cache of %zu bytes", bytes);
  for (size_t i = 0; i < kCount; ++i) {
    if (kSizes[i] == bytes) caches[i] = cache;
  }
}

reslab_cache* constructed_cache() { return constructed; }
reslab_cache* charged_cache() { return charged; }
reslab_cache* constructed_charged_cache() { return constructed_charged; }
const Nest& the_nest() { return nest; }

void* plain_malloc(size_t bytes) {
  reslab_cache* cache = typed_cache(bytes);
  return cache != nullptr ? reslab_cache_alloc(cache) : reslab_malloc(bytes);
}

size_t object_bytes(size_t bytes) { return typed_cache(bytes) != nullptr ? bytes : reslab_good_size(bytes); }

void* charge(reslab_group* group, size_t bytes) {
  void* object = reslab_group_malloc(group, bytes);
  if (object == nullptr) fail("no budget to prepare with");
  return object;
}

void* charge_scope(reslab_group* group, size_t bytes) {
  reslab_group_enter(group);
  void* object = reslab_malloc(bytes);
  reslab_group_leave();
  if (object == nullptr) fail("no budget to prepare with");
  return object;
}

}  // namespace reentry
