#include "heap/charged.h"

#include "base/hooks.h"
#include "base/text.h"
#include "group/group.h"
#include "heap/aside.h"
#include "heap/heap.h"
#include "heap/run.h"

namespace reslab {
namespace {

constinit std::atomic<uint32_t> twins[kMallocClasses] = {};

// The class of charged objects of a class of malloc, made when first asked for. kNoClass: no place for it.
ClassId twin_of(ClassId cls) {
  uint32_t twin = twins[cls].load(std::memory_order_acquire);
  if (twin != kNoClass) return twin;
  Line name;
  name.text("charged ").dec(class_info(cls).object_bytes);
  const ClassId made = class_table().make({class_info(cls).object_bytes, kCharged, nullptr, name.c_str()});
  if (made == kNoClass) return kNoClass;
  RESLAB_HOOK("charged_twin");
  if (twins[cls].compare_exchange_strong(twin, made, std::memory_order_acq_rel)) return made;
  class_table().retire(made);  // nobody has seen it
  return twin;
}

std::atomic<uint16_t>& tag_of(const ObjectPlace& place) {
  const ClassInfo& info = class_info(place.cls);
  return charge_tags(place.unit, info)[object_index(info, place.offset)];
}

// `allocate` gives an object of a charged class, or a run in place of one.
template <class Allocate>
void* charge_and_allocate(uint32_t group, size_t bytes, Allocate allocate) {
  if (!group_charge(group, bytes)) return nullptr;
  RESLAB_HOOK("group_charged");
  void* object = allocate();
  if (object == nullptr) {
    group_uncharge(group, bytes);
    return nullptr;
  }
  RESLAB_HOOK("charged_untagged");
  const ObjectPlace place = place_of(object);
  // relaxed: the object's user is this call's, and hands it on himself.
  if (place.cls == kRunClass) slab_at(place.unit).group.store(group, std::memory_order_relaxed);
  else tag_of(place).store(static_cast<uint16_t>(group), std::memory_order_relaxed);
  return object;
}

void* allocate_run(const Request& request) {
  const size_t bytes = units_for(request.bytes == 0 ? 1 : request.bytes) << kUnitShift;
  return charge_and_allocate(request.group, bytes,
                             [&] { return must_keep_aside() ? aside_allocate(request) : run_allocate(request); });
}

}  // namespace

void* charged_allocate(const Request& request, ClassId cls) {
  const ClassId twin = cls == kNoClass || must_keep_aside() ? kNoClass : twin_of(cls);
  if (twin == kNoClass) return allocate_run(request);
  return charge_and_allocate(request.group, class_info(twin).object_bytes,
                             [&] { return cache_alloc_slow(twin, request.contract, Retry::kOwnBucket); });
}

void* charged_allocate_of(ClassId cls, uint32_t group, Contract contract) {
  const bool aside = must_keep_aside();
  const size_t bytes = class_info(cls).object_bytes;
  return charge_and_allocate(group, aside ? units_for(bytes) << kUnitShift : bytes, [&] {
    return aside ? aside_allocate_of(cls, contract) : cache_alloc_slow(cls, contract, Retry::kOwnBucket);
  });
}

bool charged_release(const ObjectPlace& place) {
  const uint32_t group = tag_of(place).exchange(0, std::memory_order_relaxed);
  RESLAB_HOOK("charged_release");
  if (group == 0 || group >= kMaxGroups) return false;
  group_uncharge(group, class_info(place.cls).object_bytes);
  return true;
}

void charged_release_bits(uint32_t unit, ClassId cls, uint32_t word, uint64_t bits) {
  const size_t each = class_info(cls).object_bytes;
  for (; bits != 0; bits &= bits - 1) {  // ends: a bit goes
    charged_release({cls, unit, (size_t{word} * 64 + static_cast<size_t>(__builtin_ctzll(bits))) * each});
  }
}

uint32_t charged_group(const ObjectPlace& place) {
  if (place.cls == kRunClass) return slab_at(place.unit).group.load(std::memory_order_relaxed);
  return class_info(place.cls).is(kCharged) ? tag_of(place).load(std::memory_order_relaxed) : 0;
}

}  // namespace reslab
