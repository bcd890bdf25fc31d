// SPDX-License-Identifier: Apache-2.0
#include "tenant.h"

#include <reslab/rcu.h>

#include <algorithm>
#include <bit>

namespace cache_server {
namespace {

constexpr size_t kBudgetForABucket = 256;  // so that chains are short even where values are
constexpr int kGracePeriods = 3;           // that a writer waits for at most
constexpr size_t kExpiryShares = 4;

size_t buckets_for(size_t budget) { return std::bit_floor(std::max(budget / kBudgetForABucket, size_t{1})); }

}  // namespace

Tenant::Tenant(const std::string& name, size_t budget)
    : budget_(budget),
      group_(name.c_str(), budget),
      entries_(name.c_str(), group_.handle),
      table_(group_.handle, buckets_for(budget)),
      goal_(budget - budget / 16),
      held_(table_.bytes()) {}

bool Tenant::could_hold(size_t key_bytes, size_t data_bytes) const {
  return data_bytes <= kMaxDataBytes &&
         table_.bytes() + sizeof(Entry) + reslab_good_size(Value::bytes_for(key_bytes, data_bytes)) <= goal_;
}

Value* Tenant::make_value(std::string_view key, Attributes attributes, uint32_t data_bytes) {
  const size_t bytes = Value::bytes_for(key.size(), data_bytes);
  void* memory = charge(bytes, [&] { return reslab_group_malloc(group_.handle, bytes); });
  return memory == nullptr ? nullptr : new (memory) Value(key, attributes, data_bytes);
}

void Tenant::discard(Value& value) { release(&value); }

Outcome Tenant::store(Value& fresh, Condition condition, uint64_t cas) {
  Entry* spare = nullptr;
  Outcome outcome = try_to_store(fresh, condition, cas, spare);
  // The key is new. Its entry is not allocated under the lock: that may evict, and wait.
  while (outcome == Outcome::kOutOfMemory) {
    spare = static_cast<Entry*>(charge(sizeof(Entry), [this] { return reslab_cache_alloc(entries_.handle()); }));
    if (spare == nullptr) break;
    outcome = try_to_store(fresh, condition, cas, spare);
  }
  if (spare != nullptr) release(spare);
  if (outcome != Outcome::kStored) release(&fresh);
  return outcome;
}

// kOutOfMemory: it takes an entry, and there is no spare one. Takes `spare` if it is needed.
Outcome Tenant::try_to_store(Value& fresh, Condition condition, uint64_t cas, Entry*& spare) {
  Table::Chain chain(table_, hash_of(fresh.key()));
  Entry* entry = chain.find(fresh.key());
  Value* old = entry == nullptr ? nullptr : entry->value.load(std::memory_order_relaxed);
  const bool is_there = old != nullptr && !old->has_expired();
  if (condition == Condition::kSame && !is_there) return Outcome::kNotFound;
  if (condition == Condition::kSame && old->cas != cas) return Outcome::kExists;
  if (condition == (is_there ? Condition::kAbsent : Condition::kPresent)) return Outcome::kNotStored;
  if (entry == nullptr && spare == nullptr) return Outcome::kOutOfMemory;

  fresh.cas = last_cas_.fetch_add(1, std::memory_order_relaxed) + 1;
  if (entry != nullptr) {
    entry->value.store(&fresh, std::memory_order_release);
    retire(old);
  } else {
    chain.push(*new (spare) Entry{nullptr, &fresh, hash_of(fresh.key()), false});
    spare = nullptr;
    items_.fetch_add(1, std::memory_order_relaxed);
  }
  return Outcome::kStored;
}

bool Tenant::erase(std::string_view key) {
  bool was_there = false;
  const uint32_t hash = hash_of(key);
  remove_if(hash, [&](const Entry& entry) {
    const Value& value = *entry.value.load(std::memory_order_relaxed);
    if (entry.hash != hash || value.key() != key) return false;
    was_there = !value.has_expired();
    return true;
  });
  return was_there;
}

bool Tenant::touch(std::string_view key, uint32_t expires) {
  const Table::Chain chain(table_, hash_of(key));
  Entry* entry = chain.find(key);
  if (entry == nullptr) return false;
  Value& value = *entry->value.load(std::memory_order_relaxed);
  if (value.has_expired()) return false;
  value.expires.store(expires, std::memory_order_relaxed);
  return true;
}

void Tenant::clear() {
  for (size_t bucket = 0; bucket < table_.buckets(); ++bucket) remove_if(bucket, [](const Entry&) { return true; });
}

void Tenant::remove_expired() {
  const size_t share = std::max(table_.buckets() / kExpiryShares, size_t{1});
  const size_t begin = expiry_hand_.fetch_add(share, std::memory_order_relaxed);
  for (size_t bucket = begin; bucket < begin + share; ++bucket) {
    remove_if(bucket, [](const Entry& entry) { return entry.value.load(std::memory_order_relaxed)->has_expired(); });
  }
}

// What `allocate` gives; nullptr: over the budget, whatever is evicted.
template <class Allocate>
void* Tenant::charge(size_t bytes, Allocate allocate) {
  // Where values that are being received hold the budget there is nothing to wait for.
  const bool will_have_room = make_room(bytes);
  void* memory = allocate();
  for (int waited = 0; memory == nullptr && will_have_room && waited < kGracePeriods; ++waited) {
    if (reslab_rcu_barrier() != 0) return nullptr;
    memory = allocate();
  }
  if (memory != nullptr) held_.fetch_add(reslab_usable_size(memory), std::memory_order_relaxed);
  return memory;
}

// CLOCK: the hand passes what has been read since it came by last, once. In two turns it meets everything.
// False: even so there is no room.
bool Tenant::make_room(size_t bytes) {
  const auto has_room = [&] { return held_.load(std::memory_order_relaxed) + bytes <= goal_; };
  for (size_t steps = 2 * table_.buckets(); steps > 0 && !has_room(); --steps)
    evict_from(hand_.fetch_add(1, std::memory_order_relaxed));
  return has_room();
}

void Tenant::evict_from(size_t bucket) {
  const size_t evicted =
      remove_if(bucket, [](Entry& entry) { return !entry.is_used.exchange(false, std::memory_order_relaxed); });
  if (evicted > 0) evictions_.fetch_add(evicted, std::memory_order_relaxed);
}

// How many they were.
template <class Unwanted>
size_t Tenant::remove_if(size_t bucket, Unwanted unwanted) {
  if (table_.is_empty(bucket)) return 0;
  size_t removed = 0;
  Table::Chain(table_, bucket).remove_if(unwanted, [&](Entry& entry) {
    retire(entry.value.load(std::memory_order_relaxed));
    retire(&entry);
    ++removed;
  });
  items_.fetch_sub(removed, std::memory_order_relaxed);
  return removed;
}

// Readers may be in it.
void Tenant::retire(void* object) {
  held_.fetch_sub(reslab_usable_size(object), std::memory_order_relaxed);
  reslab_free_rcu(object);
}

// Nobody has seen it.
void Tenant::release(void* object) {
  held_.fetch_sub(reslab_usable_size(object), std::memory_order_relaxed);
  reslab_free(object);
}

}  // namespace cache_server
