// SPDX-License-Identifier: Apache-2.0
// A hash table that is read without a lock, a store, or a wait, and changed from anywhere, signal handlers included.
//
// Each bucket is one immutable array of entries behind one pointer. Whoever changes something copies the array, puts the
// copy in its place by one compare-and-swap, and retires the old one: readers that are still in it keep it. The arrays are
// of any size and have no room for a list head; reslab_free_rcu needs none.
//
// Callers of find() are inside a read section of liburcu; so are callers of the others, which look before they copy.
#pragma once

#include <reslab/rcu.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <new>

namespace rcu_table {

struct Entry {
  uint64_t key;
  uint64_t value;
};

class Table {
 public:
  static constexpr size_t kBuckets = 4096;

  // Whether there is one; its value in `value`.
  bool find(uint64_t key, uint64_t& value) const {
    const Bucket* bucket = bucket_of(key).load(std::memory_order_acquire);
    for (uint64_t i = 0; bucket != nullptr && i < bucket->count; ++i) {
      if (bucket->entries()[i].key != key) continue;
      value = bucket->entries()[i].value;
      return true;
    }
    return false;
  }

  // False: no memory at this moment, or `tries` races lost; nothing has changed.
  bool set(uint64_t key, uint64_t value, int tries) {
    return change(key, tries, [&](const Bucket* old, Bucket& fresh) {
      copy_without(key, old, fresh);
      fresh.entries()[fresh.count++] = {key, value};
    });
  }
  bool erase(uint64_t key, int tries) {
    return change(key, tries, [&](const Bucket* old, Bucket& fresh) { copy_without(key, old, fresh); });
  }

  // Nobody reads any more.
  void clear() {
    for (auto& bucket : buckets_) reslab_free_rcu(bucket.exchange(nullptr, std::memory_order_acq_rel));
  }

 private:
  // The entries follow it.
  struct Bucket {
    uint64_t count;
    Entry* entries() { return reinterpret_cast<Entry*>(this + 1); }
    const Entry* entries() const { return reinterpret_cast<const Entry*>(this + 1); }
  };

  template <class Edit>
  bool change(uint64_t key, int tries, Edit edit) {
    std::atomic<Bucket*>& place = bucket_of(key);
    for (; tries > 0; --tries) {
      Bucket* old = place.load(std::memory_order_acquire);
      const size_t entries = (old == nullptr ? 0 : old->count) + 1;
      void* memory = reslab_malloc_nolock(sizeof(Bucket) + entries * sizeof(Entry), 0);
      if (memory == nullptr) return false;
      auto* fresh = new (memory) Bucket{0};
      edit(old, *fresh);
      if (place.compare_exchange_strong(old, fresh, std::memory_order_acq_rel)) {
        reslab_free_rcu(old);  // readers may be in it
        return true;
      }
      reslab_free_nolock(fresh);  // nobody has seen it
    }
    return false;
  }

  static void copy_without(uint64_t key, const Bucket* old, Bucket& fresh) {
    for (uint64_t i = 0; old != nullptr && i < old->count; ++i) {
      if (old->entries()[i].key != key) fresh.entries()[fresh.count++] = old->entries()[i];
    }
  }

  std::atomic<Bucket*>& bucket_of(uint64_t key) { return buckets_[(key * 0x9e3779b97f4a7c15) >> 52]; }
  const std::atomic<Bucket*>& bucket_of(uint64_t key) const { return buckets_[(key * 0x9e3779b97f4a7c15) >> 52]; }

  std::atomic<Bucket*> buckets_[kBuckets] = {};
};

}  // namespace rcu_table
