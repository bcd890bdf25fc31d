// SPDX-License-Identifier: Apache-2.0
// A tenant: a table, and the budget that all of it is charged to. A tenant that needs room evicts items of its own and
// never anybody else's; where that does not help it is refused.
//
// What has been evicted or replaced stays charged until its last reader has gone. So eviction begins at 15/16 of the
// budget, which lets writers go on meanwhile, and a writer that is faster than that waits for a grace period.
//
// Every member may be called by every thread, but for construction and destruction.
#pragma once

#include <reslab/reslab.h>
#define URCU_API_MAP
#include <urcu/urcu-memb.h>

#include <optional>
#include <reslab/reslab.hpp>
#include <string>
#include <string_view>

#include "table.h"

namespace cache_server {

// Readers of a table are inside one.
class ReadSection {
 public:
  ReadSection() { urcu_memb_read_lock(); }
  ~ReadSection() { urcu_memb_read_unlock(); }
  ReadSection(const ReadSection&) = delete;
  ReadSection& operator=(const ReadSection&) = delete;
};

enum class Condition { kAlways, kAbsent, kPresent, kSame };
enum class Outcome { kStored, kNotStored, kExists, kNotFound, kRefused, kTooLarge, kOutOfMemory };

// A group of reslab's that is destroyed last: members are destroyed in the opposite order.
struct Group {
  Group(const char* name, size_t limit, reslab_group* parent = nullptr)
      : handle(parent == nullptr ? reslab_group_create(name, limit) : reslab_group_create_in(parent, name, limit)) {
    if (handle == nullptr) throw std::bad_alloc();
  }
  ~Group() {
    const int left = reslab_group_destroy(handle);
    static_cast<void>(left);  // whoever looks for what is left asks for the usage before
  }
  Group(const Group&) = delete;
  Group& operator=(const Group&) = delete;

  reslab_group* const handle;
};

class Tenant {
 public:
  // Throws std::bad_alloc where the budget is too small for an empty table.
  Tenant(const std::string& name, size_t budget);

  // Calls use(const Value&) with the value of now; false: there is none.
  template <class Use>
  bool get(std::string_view key, Use use) const {
    const ReadSection section;
    const Value* value = table_.find(key);
    if (value != nullptr) use(*value);
    return value != nullptr;
  }

  // A value to be filled and stored; nullptr: no room, whatever is evicted. Not inside a read section: it may wait for
  // readers.
  Value* make_value(std::string_view key, Attributes attributes, uint32_t data_bytes);
  void discard(Value& value);  // that was not stored
  bool could_hold(size_t key_bytes, size_t data_bytes) const;

  // Whatever the outcome, `fresh` is no longer the caller's. `cas` is for kSame.
  Outcome store(Value& fresh, Condition condition, uint64_t cas = 0);

  // Stores what `fill(old, fresh)` makes of the old value, in as many bytes as `plan(old)` has asked for. kRefused: for
  // none.
  template <class Plan, class Fill>
  Outcome edit(std::string_view key, Plan plan, Fill fill);

  bool erase(std::string_view key);
  bool touch(std::string_view key, uint32_t expires);
  void clear();
  void remove_expired();  // a share of them; often enough called, all

  size_t items() const { return items_.load(std::memory_order_relaxed); }
  size_t evictions() const { return evictions_.load(std::memory_order_relaxed); }
  size_t usage() const { return reslab_group_usage(group_.handle); }
  size_t budget() const { return budget_; }
  bool is_empty() const { return usage() == table_.bytes(); }

 private:
  template <class Allocate>
  void* charge(size_t bytes, Allocate allocate);
  Outcome try_to_store(Value& fresh, Condition condition, uint64_t cas, Entry*& spare);
  bool make_room(size_t bytes);
  void evict_from(size_t bucket);
  template <class Unwanted>
  size_t remove_if(size_t bucket, Unwanted unwanted);
  void retire(void* object);
  void release(void* object);

  const size_t budget_;
  const Group group_;
  reslab::cache<Entry> entries_;
  Table table_;
  const size_t goal_;  // of held_

  // Counts that nothing else rests on: relaxed.
  std::atomic<size_t> held_;  // bytes charged, but for those of retired objects
  std::atomic<size_t> items_{0}, evictions_{0};
  std::atomic<size_t> hand_{0}, expiry_hand_{0};
  std::atomic<uint64_t> last_cas_{0};
};

// Like any compare-and-swap: once more as long as somebody else was faster. Each time around one of the others is done.
template <class Plan, class Fill>
Outcome Tenant::edit(std::string_view key, Plan plan, Fill fill) {
  for (;;) {
    uint64_t cas = 0;
    Attributes attributes;
    std::optional<uint32_t> bytes;
    const bool is_there = get(key, [&](const Value& old) {
      cas = old.cas;
      attributes = old.attributes();
      bytes = plan(old);
    });
    if (!is_there) return Outcome::kNotFound;
    if (!bytes) return Outcome::kRefused;
    if (!could_hold(key.size(), *bytes)) return Outcome::kTooLarge;
    Value* fresh = make_value(key, attributes, *bytes);
    if (fresh == nullptr) return Outcome::kOutOfMemory;
    bool is_same = false;
    get(key, [&](const Value& old) {
      is_same = old.cas == cas;
      if (is_same) fill(old, *fresh);
    });
    if (!is_same) {
      discard(*fresh);
      continue;
    }
    const Outcome outcome = store(*fresh, Condition::kSame, cas);
    if (outcome != Outcome::kExists) return outcome;
  }
}

}  // namespace cache_server
