// SPDX-License-Identifier: Apache-2.0
// A hash table of entries that is read without a lock and written under the lock of a bucket.
//
//            reader                              writer
//   lock     none; inside a read section         Chain: one of 256 locks, by the number of the bucket
//   sees     each entry whole, its value of      the bucket as it is
//            now or of a moment ago
//
// An entry that is taken out keeps its `next`: a reader that stands on it goes on from there.
#pragma once

#include <reslab/reslab.h>

#include <cstddef>
#include <mutex>
#include <new>

#include "item.h"

namespace cache_server {

class Table {
 public:
  class Chain;

  // `buckets`: a power of two; they never become more. Charged to the group. Throws std::bad_alloc.
  Table(reslab_group* group, size_t buckets) : mask_(buckets - 1) {
    reslab_group_enter(group);
    // Of a large table only those pages are touched that are used: fresh memory is not cleared again.
    buckets_ = static_cast<Bucket*>(reslab_calloc(buckets, sizeof(Bucket)));
    reslab_group_leave();
    if (buckets_ == nullptr) throw std::bad_alloc();
  }
  ~Table() { reslab_free(buckets_); }  // the entries have been taken out
  Table(const Table&) = delete;
  Table& operator=(const Table&) = delete;

  size_t buckets() const { return mask_ + 1; }
  size_t bytes() const { return reslab_usable_size(buckets_); }
  bool is_empty(size_t bucket) const { return buckets_[bucket & mask_].load(std::memory_order_relaxed) == nullptr; }

  // The caller is inside a read section, and done with the value when that ends; nullptr: not there.
  const Value* find(std::string_view key) const {
    const uint32_t hash = hash_of(key);
    for (Entry* entry = buckets_[hash & mask_].load(std::memory_order_acquire); entry != nullptr;
         entry = entry->next.load(std::memory_order_acquire)) {
      const Value* value = entry->value.load(std::memory_order_acquire);
      if (entry->hash != hash || value->key() != key || value->has_expired()) continue;
      if (!entry->is_used.load(std::memory_order_relaxed)) entry->is_used.store(true, std::memory_order_relaxed);
      return value;
    }
    return nullptr;
  }

 private:
  using Bucket = std::atomic<Entry*>;
  static constexpr size_t kLocks = 256;

  const size_t mask_;
  Bucket* buckets_;
  std::mutex locks_[kLocks];
};

// One bucket, locked as long as this lives. What it reads nobody else can write, so relaxed does.
class Table::Chain {
 public:
  // A hash names its bucket.
  Chain(Table& table, size_t bucket)
      : lock_(table.locks_[bucket & table.mask_ & (kLocks - 1)]), first_(table.buckets_[bucket & table.mask_]) {}

  // Expired or not; nullptr: not there.
  Entry* find(std::string_view key) const {
    const uint32_t hash = hash_of(key);
    for (Entry* entry = first_.load(std::memory_order_relaxed); entry != nullptr;
         entry = entry->next.load(std::memory_order_relaxed)) {
      if (entry->hash == hash && entry->value.load(std::memory_order_relaxed)->key() == key) return entry;
    }
    return nullptr;
  }

  void push(Entry& entry) {
    entry.next.store(first_.load(std::memory_order_relaxed), std::memory_order_relaxed);
    first_.store(&entry, std::memory_order_release);
  }

  // Takes out the entries that are `unwanted` and gives each to `gone`, which may retire it.
  template <class Unwanted, class Gone>
  void remove_if(Unwanted unwanted, Gone gone) {
    std::atomic<Entry*>* link = &first_;
    while (Entry* entry = link->load(std::memory_order_relaxed)) {
      if (!unwanted(*entry)) {
        link = &entry->next;
        continue;
      }
      link->store(entry->next.load(std::memory_order_relaxed), std::memory_order_release);
      gone(*entry);
    }
  }

 private:
  const std::lock_guard<std::mutex> lock_;
  Bucket& first_;
};

}  // namespace cache_server
