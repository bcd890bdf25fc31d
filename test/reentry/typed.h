// SPDX-License-Identifier: Apache-2.0
// The typed caches and groups of the walks. The sizes below are none that a class of malloc has: states and nested
// operations for one of them use its cache, so that whatever is prepared for malloc's classes can be prepared for those
// made at run time.
#pragma once

#include <reslab/reslab.h>

#include <cstddef>

namespace reentry {

constexpr size_t kTyped = 528, kTypedMiddle = 2112, kTypedLarge = 20016;
constexpr size_t kLone = 1000;       // the last word of a slab's bitmap has one bit; not what the debug tables ask for
constexpr size_t kUnlinkable = 520;  // not a multiple of 16: its free objects are on no list
constexpr size_t kConstructed = 80;
constexpr size_t kTypeSafe = 544, kTypedHuge = 100016;  // only where a state makes their cache

// All of them, once; needs the root.
void make_typed();

// The cache of a size; nullptr: malloc serves it.
reslab_cache* typed_cache(size_t bytes);
void serve_by(size_t bytes, reslab_cache* cache);  // from now on
reslab_cache* constructed_cache();
// Its objects are charged to the_group.
reslab_cache* charged_cache();
reslab_cache* constructed_charged_cache();

// malloc, or an object of the cache of that size.
void* plain_malloc(size_t bytes);
// Bytes of the object that it gives.
size_t object_bytes(size_t bytes);

// What rows name by kTheGroup and kTheCache: each state says which it means, where it does not mean the first of them.
extern reslab_group* the_group;
extern reslab_cache* the_cache;

// `inner` and `sibling` lie in `outer`.
struct Nest {
  static constexpr size_t kLimit = 128 << 10;
  reslab_group *outer, *inner, *sibling;
};
const Nest& the_nest();

void* charge(reslab_group* group, size_t bytes);
// By plain malloc of a thread that has entered the group: with a heap profile such an object may be sampled.
void* charge_scope(reslab_group* group, size_t bytes);

}  // namespace reentry
