// SPDX-License-Identifier: Apache-2.0
#include "nolock_states.h"

#include <reslab/reslab.h>

#include <initializer_list>

#include "cache/cache.h"
#include "cache/cpu_state.h"
#include "cache/magazine.h"
#include "failure.h"
#include "heap/root.h"
#include "opaque.h"
#include "scenario.h"
#include "scripted_cpu.h"

namespace failures {

using support::fail;
using support::opaque;

Stock stock;
reslab_reserve* reserve = nullptr;

namespace {

using namespace reslab;

constexpr size_t kSizes[] = {16, 64, 1000, 8192, 16384, 100'000, 262'144, 300'000, 3'000'000};

// The slot stays what it is from here on, and no section is aborted: each state is the same every time.
void settle_on_slot(uint32_t slot) {
  if (in_rseq_mode()) {
    support::take_over_rseq();
    support::be_on_slot(slot);
  } else {
    thread_line.id.store(1000 * slots().count() + slot, std::memory_order_relaxed);
  }
}

void* allocate(size_t bytes) {
  void* object = opaque(reslab_malloc(bytes));
  if (object == nullptr) fail("no memory for %zu bytes", bytes);
  return object;
}

// Objects of all sizes in the stock, for those that free.
void start() {
  if (!ensure_root(Contract::kPlain)) fail("no root");
  settle_on_slot(0);
  reserve = reslab_reserve_create(kReserveBytes, kReserveObjects);
  if (reserve == nullptr) fail("no reserve");
  for (const size_t bytes : kSizes) {
    for (int i = 0; i < 8; ++i) stock.keep(allocate(bytes));
  }
}

// Allocated and freed again: `free` decides where the objects are then.
void churn(void (*free)(void*), int times) {
  static void* objects[4096];
  for (const size_t bytes : kSizes) {
    const int n = bytes <= 1000 ? times : times / 16;
    for (int i = 0; i < n; ++i) objects[i] = allocate(bytes);
    for (int i = 0; i < n; ++i) free(objects[i]);
  }
}

template <class Visit>
void for_each_class(Visit visit) {
  for (ClassId cls = 1; cls < kMallocClasses; ++cls) visit(cls);
}

// What is in the magazine goes into the stock.
void empty_magazines() {
  for_each_class([](ClassId cls) {
    for (PopResult popped; (popped = magazine_pop(cls)).section == Section::kDone;) stock.keep(popped.object);
  });
}

void warm() {
  start();
  churn(reslab_free, 600);
}

void depot_only() {
  start();
  churn(reslab_free, 4096);
  empty_magazines();
}

void slabs_only() {
  start();
  churn(reslab_free, 600);
  reslab_trim(0);
  for (const size_t bytes : kSizes) stock.keep(allocate(bytes));  // one slab each, active or listed
  empty_magazines();
}

void deferred_only() {
  start();
  for (int i = 0; i < 200; ++i) {
    void* object = allocate(64);
    if (!cpu_state(0).deferred.push(object)) reslab_free(object);
  }
  empty_magazines();
}

void deferred_elsewhere() {
  start();
  const uint32_t other = slots().count() - 1;
  if (!slots().make_ready(other)) fail("no memory for a region");
  for (int i = 0; i < 200; ++i) {
    void* object = allocate(64);
    if (!cpu_state(other).deferred.push(object)) reslab_free(object);
  }
  empty_magazines();
}

// Every list is as long as it may be: a free that comes now sets its bit.
void deferred_full() {
  start();
  for (size_t i = 0; i < DeferredList::kMaxLength; ++i) {
    void* object = allocate(16384);
    if (!cpu_state(0).deferred.push(object)) reslab_free(object);
  }
  for_each_class([](ClassId cls) { magazine_resize(cls, 0); });
}

// A thread comes to a CPU that has never run one: its region is not writable.
void first_call_on_a_cpu() {
  start();
  const uint32_t other = slots().count() - 1;
  if (in_rseq_mode()) support::be_on_slot(other);
  else thread_line.id.store(2000 * slots().count() + other, std::memory_order_relaxed);
}
bool has_one_slot() { return slots().count() == 1; }

// As if the frames that this one has interrupted held all locks.
void all_locks_held() {
  warm();
  for_each_class([](ClassId cls) {
    uint64_t word;
    class_slot(0, cls).lock.try_lock(word, LocalLockOption::kTry);
  });
  empty_magazines();
}

void unregistered() {
  warm();
  support::be_unregistered();
}
bool is_fallback() { return !in_rseq_mode(); }

// Nothing that is committed is left.
void exhausted() {
  start();
  while (void* object = reslab_malloc_nolock(262'144, 0)) stock.keep(opaque(object));
  for (const size_t bytes : {16384, 1000, 64, 16}) {
    while (void* object = reslab_malloc_nolock(bytes, 0)) stock.keep(opaque(object));
  }
}

constexpr State kNoRoot[] = {{"no root yet", nullptr, 0}};

constexpr State kAll[] = {
    {"empty heap", empty_heap, 0},
    {"magazines full", warm, 100},
    {"objects in the depot only", depot_only, 100},
    {"objects in slabs only", slabs_only, 50},
    {"objects on the own deferred list", deferred_only, 20},
    {"objects on another deferred list", deferred_elsewhere, 20},
    {"deferred list and magazines full", deferred_full, 0},
    {"first call on a CPU", first_call_on_a_cpu, 0, has_one_slot},
    {"all local locks held", all_locks_held, 20},
    {"thread without rseq", unregistered, 20, is_fallback},
    {"committed memory used up", exhausted, 0},
};

}  // namespace

void empty_heap() {
  if (!ensure_root(Contract::kPlain)) fail("no root");
  settle_on_slot(0);
}

const std::span<const State> kBeforeTheStart = kNoRoot;
const std::span<const State> kStates = kAll;

}  // namespace failures
