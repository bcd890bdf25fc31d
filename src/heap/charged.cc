// SPDX-License-Identifier: Apache-2.0
#include "heap/charged.h"

#include "base/hooks.h"
#include "base/text.h"
#include "heap/account.h"
#include "heap/aside.h"
#include "heap/heap.h"
#include "heap/run.h"

namespace reslab {
namespace {

constinit std::atomic<uint32_t> twins[kMallocClasses] = {};

// Once a class, and out of line: the name's text is not to lie in every charged call's frame.
[[gnu::cold, gnu::noinline]] ClassId make_twin_of(ClassId cls) {
  Line name;
  name.text("charged ").dec(malloc_class_info(cls).object_bytes);
  const ClassId made = class_table().make({malloc_class_info(cls).object_bytes, kCharged, nullptr, name.c_str()});
  if (made == kNoClass) return kNoClass;
  RESLAB_HOOK("charged_twin");
  uint32_t first = kNoClass;
  if (twins[cls].compare_exchange_strong(first, made, std::memory_order_acq_rel)) return made;
  class_table().retire(made);  // nobody has seen it
  return first;
}

// The class of charged objects of a class of malloc, made when first asked for. kNoClass: no place for it.
ClassId twin_of(ClassId cls) {
  const uint32_t twin = twins[cls].load(std::memory_order_acquire);
  return twin != kNoClass ? twin : make_twin_of(cls);
}

std::atomic<uint16_t>& tag_of(const ObjectPlace& place) {
  const ClassInfo& info = cache_class_info(place.cls);
  return charge_tags(place.unit, info)[object_index(info, place.offset)];
}

// nullptr: over a limit, or `allocate` gave nothing.
template <class Allocate>
void* charge_and_allocate(uint32_t account, size_t bytes, Allocate allocate) {
  if (!account_open(account, bytes)) return nullptr;
  RESLAB_HOOK("group_charged");
  void* object = allocate();
  if (object == nullptr) {
    account_close(account, bytes);
    return nullptr;
  }
  RESLAB_HOOK("charged_untagged");
  return object;
}

// The two ways to say who is charged. relaxed: the user of either is this call's, and hands it on himself.
void* tag_run(void* run, uint32_t account) {
  if (run != nullptr) slab_at(unit_of(run)).account.store(account, std::memory_order_relaxed);
  return run;
}
void* tag_object(void* object, uint32_t account) {
  if (object != nullptr) tag_of(place_of(object)).store(static_cast<uint16_t>(account), std::memory_order_relaxed);
  return object;
}

size_t bytes_of_run(size_t bytes) { return units_for(bytes == 0 ? 1 : bytes) << kUnitShift; }

}  // namespace

void* charged_allocate(const Request& request, ClassId cls) {
  const bool aside = must_keep_aside();
  const ClassId twin = cls == kNoClass || aside ? kNoClass : twin_of(cls);
  if (twin == kNoClass) {
    void* run = charge_and_allocate(request.account, bytes_of_run(request.bytes),
                                    [&] { return aside ? aside_allocate(request) : run_allocate(request); });
    return tag_run(run, request.account);
  }
  void* object = charge_and_allocate(request.account, cache_class_info(twin).object_bytes,
                                     [&] { return cache_alloc_slow(twin, request.contract, Retry::kOwnBucket); });
  return tag_object(object, request.account);
}

void* charged_allocate_of(ClassId cls, uint32_t account, Contract contract) {
  const size_t bytes = cache_class_info(cls).object_bytes;
  if (must_keep_aside()) {
    return tag_run(charge_and_allocate(account, bytes_of_run(bytes), [&] { return aside_allocate_of(cls, contract); }),
                   account);
  }
  void* object =
      charge_and_allocate(account, bytes, [&] { return cache_alloc_slow(cls, contract, Retry::kOwnBucket); });
  return tag_object(object, account);
}

bool charged_release(const ObjectPlace& place) {
  const uint32_t account = tag_of(place).exchange(0, std::memory_order_relaxed);
  RESLAB_HOOK("charged_release");
  if (!account_exists(account)) return false;
  account_close(account, cache_class_info(place.cls).object_bytes);
  return true;
}

void charged_release_bits(uint32_t unit, ClassId cls, uint32_t word, uint64_t bits) {
  const size_t each = cache_class_info(cls).object_bytes;
  for (; bits != 0; bits &= bits - 1) {  // ends: a bit goes
    charged_release({cls, unit, (size_t{word} * 64 + static_cast<size_t>(__builtin_ctzll(bits))) * each});
  }
}

uint32_t charged_account(const ObjectPlace& place) {
  if (place.cls == kRunClass) return slab_at(place.unit).account.load(std::memory_order_relaxed);
  return class_info(place.cls).is(kCharged) ? tag_of(place).load(std::memory_order_relaxed) : 0;
}

}  // namespace reslab
