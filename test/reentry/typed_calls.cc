// SPDX-License-Identifier: Apache-2.0
// What first.cc walks of typed caches, groups and bounds: what cannot be had back in a process that lives on.
#include <reslab/reslab.h>

#include "deeds.h"
#include "first_calls.h"
#include "first_states.h"
#include "heap_states.h"
#include "typed.h"
#include "typed_states.h"

namespace reentry {
namespace {

constexpr uintptr_t kIt = kTheSubject;
constexpr auto kObject = Gives::kObject;
constexpr auto kNothing = Gives::kNothing;
constexpr size_t kLong = size_t{68} << 20, kMiddle = size_t{38} << 20;
constexpr const char kCharge[] = "reslab_group_malloc", kAlloc[] = "reslab_cache_alloc", kFree[] = "reslab_cache_free";

using namespace fresh;

const std::vector<FirstCall>& made_at_run_time() {
  static const std::vector<FirstCall> all = {
      {{"first charge of a class", kCharge, kTheGroup, 64, 0, kObject, 64, with_groups, "charged_twin",
        kFaults | kRare}},
      {{"first charge of a large class", kCharge, kTheGroup, 230000, 0, kObject, 230000, with_groups, "charged_twin",
        kRare}},
      {{"first charge of a class with a tail", kCharge, kTheGroup, 28000, 0, kObject, 28000, with_groups,
        "charged_twin", kRare}},
      {{"first charge, a handler makes the twin", kCharge, kTheGroup, 64, 0, kObject, 64, with_groups, "charged_twin",
        0, "charged_twin", deed::handler_charges}},
      {{"first charge, a class has gone", kCharge, kTheGroup, 64, 0, kObject, 64, class_gone, "class_claimed", kRare}},
      {{"first charge, little room for magazines", kCharge, kTheGroup, 64, 0, kObject, 64, many_classes,
        "class_claimed", kRare}},
      {{"first charge, no class left", kCharge, kTheGroup, 64, 0, kObject, 64, no_class_left, "run_claimed", kRare}},
      {{"first charge, a class of another size has gone", kCharge, kTheGroup, 64, 0, kObject, 64,
        class_of_other_size_left, "class_claimed", kRare}},
      {{"first charge, nolock", "reslab_group_malloc_nolock", kTheGroup, 64, 0, kObject, 64, with_groups,
        "charged_twin", kMayFail | kStrict}},
      {{"first of a typed cache, objects are retired", kAlloc, kTheCache, 0, 0, kObject, kTyped, retiring_typed,
        "slab_create", 0}},
      {{"first of a dense typed cache, objects are retired", kAlloc, kTheCache, 0, 0, kObject, kConstructed,
        retiring_dense, "slab_create", 0}},
      {{"flush of empty slabs with readers", "free", kIt, 0, 0, kNothing, kTypeSafe, type_safe_slabs_empty,
        "slab_retire", kOwnSubject | kRare}},
      {{"flush of empty slabs whose readers have gone", "free", kIt, 0, 0, kNothing, kTypeSafe, type_safe_slabs_over,
        "slab_retired", kOwnSubject | kRare}},
  };
  return all;
}

// May fail, those that allocate: in a storm what is nested in front of each instruction charges the same group, so that a
// charge can lose all of its races and gives up (guarantee 14 of docs/guarantees.md); calloc's does with seed 1.
const std::vector<FirstCall>& scopes() {
  static const std::vector<FirstCall> all = {
      {{"malloc, scopes are in use", "malloc", 64, 0, 0, kObject, 64, scope_was_open, nullptr, 0}},
      {{"malloc of none cached, scopes are in use", "malloc", 96, 0, 0, kObject, 96, scope_was_open, "refill", 0}},
      {{"malloc beyond the table, scopes are in use", "malloc", 10000, 0, 0, kObject, 10000, scope_was_open, nullptr,
        0}},
      {{"malloc_nolock, scopes are in use", "reslab_malloc_nolock", 64, RESLAB_ZERO, 0, kObject, 64, scope_was_open,
        nullptr, kStrict | kMayFail | kZeroes}},
      {{"malloc in a scope", "malloc", 64, 0, 0, kObject, 64, scope_is_open, "group_charged", kMayFail}},
      {{"calloc in a scope", "calloc", 1, 64, 0, kObject, 64, scope_is_open, "group_charged", kZeroes | kMayFail}},
      {{"aligned_alloc in a scope", "aligned_alloc", 64, 64, 0, kObject, 64, scope_is_open, "group_charged", kMayFail}},
      {{"posix_memalign in a scope", "posix_memalign", out_pointer(), 64, 64, Gives::kObjectThroughPointer, 64,
        scope_is_open, "group_charged", kMayFail}},
      {{"realloc in a scope", "realloc", kIt, 400, 0, kObject, 64, subject_in_scope, nullptr, kOwnSubject | kMayFail}},
      {{"free in a scope", "free", kIt, 0, 0, kNothing, 64, subject_in_scope, "charged_release", kOwnSubject}},
      {{"malloc_nolock in a scope", "reslab_malloc_nolock", 64, 0, 0, kObject, 64, scope_is_open, nullptr,
        kStrict | kMayFail}},
  };
  return all;
}

const std::vector<FirstCall>& repairs() {
  constexpr auto kChild = Place::kChildOfUser;
  static const std::vector<FirstCall> all = {
      {{"group malloc, a repair was left", kCharge, kTheGroup, 64, 0, kObject, 96, groups_and_repair_left,
        "group_charged", 0},
       kChild},
      {{"typed cache, a repair was left", kAlloc, kTheCache, 0, 0, kObject, 96, groups_and_repair_left, "run_claimed",
        0},
       kChild},
      {{"typed cache, constructed, a repair was left", kAlloc, kTheCache, 0, 0, kObject, 96,
        constructed_and_repair_left, "run_claimed", 0},
       kChild},
      {{"typed cache, constructed, nolock, a repair was left", "reslab_cache_alloc_nolock", kTheCache, 0, 0, kObject,
        96, constructed_and_repair_left, nullptr, kMayFail | kMustFail | kStrict},
       kChild},
      {{"typed cache, charged, a repair was left", kAlloc, kTheCache, 0, 0, kObject, 96, charged_and_repair_left,
        "group_charged", 0},
       kChild},
      {{"free of a constructed object, a repair was left", kFree, kTheCache, kIt, 0, kNothing, 96,
        constructed_out_and_repair_left, "aside_freed", kOwnSubject},
       kChild},
      {{"typed free, a repair was left", "free", kIt, 0, 0, kNothing, 96, constructed_out_and_repair_left,
        "aside_freed", kOwnSubject},
       kChild},
      {{"small free, a repair was left", "free", kIt, 0, 0, kNothing, 96, small_out_and_repair_left, "aside_freed",
        kOwnSubject},
       kChild},
      {{"free of a run in the place of a typed object, a repair was left", kFree, kTheCache, kIt, 0, kNothing, 96,
        run_of_cache_and_repair_left, "aside_freed", kOwnSubject},
       kChild},
      {{"typed cache, charged and constructed, nolock, a repair was left", "reslab_cache_alloc_nolock", kTheCache, 0, 0,
        kObject, 96, constructed_charged_and_repair_left, nullptr, kMayFail | kStrict},
       kChild},
      {{"first call of a thread, a charge", kCharge, kTheGroup, 64, 0, kObject, 64, typed_of_another, "group_charged",
        0}},
      {{"first call of a thread, of a typed cache", kAlloc, kTheCache, 0, 0, kObject, kTyped, typed_of_another, nullptr,
        0}},
      {{"first call of a thread, a free of a typed object", "free", kIt, 0, 0, kNothing, kTyped, typed_of_another,
        nullptr, kOwnSubject}},
      {{"free of a constructed object, a repair ends meanwhile", kFree, kTheCache, kIt, 0, kNothing, 96,
        constructed_out_and_repair_left, "aside_freed", kOwnSubject, "aside_freed", deed::handler_ends_repair},
       kChild},
  };
  return all;
}

const std::vector<FirstCall>& bounds() {
  static const std::vector<FirstCall> all = {
      {{"flush that takes from another large class", "free", kIt, 0, 0, kNothing, 49152, large_budget_used_up, "flush",
        kOwnSubject | kRare}},
      {{"flush that takes from no other large class", "free", kIt, 0, 0, kNothing, 49152, large_budget_just_taken,
        "flush", kOwnSubject | kRare}},
      {{"typed flush that takes from another large class", "free", kIt, 0, 0, kNothing, kTypedHuge,
        typed_large_budget_used_up, "flush", kOwnSubject | kRare}},
      {{"flush that takes nothing from classes with little", "free", kIt, 0, 0, kNothing, size_t{256} << 10,
        large_budget_spread, "flush", kOwnSubject | kRare}},
      {{"free of a long run in a heap that rises again", "free", kIt, 0, 0, kNothing, kLong, fallen, "run_free",
        kOwnSubject | kRare}},
      {{"free of a kept run in a heap that rises again", "free", kIt, 0, 0, kNothing, kMiddle, fallen_and_risen,
        "run_put", kOwnSubject | kRare}},
      {{"free of a long run after as much", "free", kIt, 0, 0, kNothing, kLong, much_released, "run_free",
        kOwnSubject | kRare}},
      {{"free of a kept run after as much", "free", kIt, 0, 0, kNothing, kMiddle, much_released, "run_free",
        kOwnSubject}},
  };
  return all;
}

}  // namespace

std::vector<FirstCall> first_typed_calls() {
  std::vector<FirstCall> made;
  for (const auto* part : {&made_at_run_time(), &scopes(), &repairs(), &bounds()}) {
    made.insert(made.end(), part->begin(), part->end());
  }
  return made;
}

}  // namespace reentry
