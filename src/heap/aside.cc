// SPDX-License-Identifier: Apache-2.0
#include "heap/aside.h"

#include "base/counters.h"
#include "base/hooks.h"
#include "base/thread_line.h"
#include "heap/root.h"
#include "heap/run.h"

namespace reslab {

bool must_keep_aside() { return root().fork_page->word.load(std::memory_order_acquire) == kForkRepairing; }

void* aside_allocate(const Request& request) {
  const SlowFrame frame;  // a grandchild that a handler makes must not take the units in its hand for lost ones
  return run_allocate_fresh(request);
}

void* aside_allocate_of(ClassId cls, Contract contract) {
  const ClassInfo& info = cache_class_info(cls);
  if (info.is(kTypeSafe) || (info.is(kConstructed) && contract != Contract::kPlain)) return nullptr;
  void* object = aside_allocate({info.object_bytes, 16, contract, Fill::kAny, Retry::kOwnBucket});
  if (object != nullptr && info.is(kConstructed)) class_table().constructor(cls)(object);
  return object;
}

namespace {

bool is_linkable(const void* object) {
  const ClassId cls = place_of(object).cls;
  return cls == kRunClass || class_info(cls).linkable();
}

bool keep_unlinked(void* object) {
  for (std::atomic<void*>& kept : root().aside_unlinked) {
    void* none = nullptr;
    // release: the last stores to the object are before whoever takes it.
    if (kept.compare_exchange_strong(none, object, std::memory_order_release)) return true;
  }
  return false;
}

}  // namespace

// Without a bound on its length: that is for lists which nobody may be serving. When the tries are used up the object is
// lost, and counted.
void aside_free(void* object, Contract contract) {
  DeferredList& kept = root().aside;
  const bool is_kept = is_linkable(object) ? kept.push(object, UINT32_MAX) : keep_unlinked(object);
  if (!is_kept) counters.add(Counter::kForkLostObjects);
  RESLAB_HOOK("aside_freed");
  // The end of the repair sets the word, then empties the list; here the list comes first. A fence between the two on both
  // sides, so that one of them finds the object.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (!must_keep_aside()) aside_give_back(kept, contract);
}

void aside_give_back(DeferredList& kept, Contract contract) {
  std::atomic_thread_fence(std::memory_order_seq_cst);  // see aside_free
  for (std::atomic<void*>& place : root().aside_unlinked) {
    void* object =
        place.load(std::memory_order_relaxed) != nullptr ? place.exchange(nullptr, std::memory_order_acquire) : nullptr;
    if (object != nullptr) heap_free(object, contract, "free");
  }
  for (uint32_t left = contract == Contract::kPlain ? kept.length() : 1; left > 0; --left) {
    void* object = kept.pop();
    if (object == nullptr) return;
    heap_free(object, contract, "free");
  }
}

}  // namespace reslab
