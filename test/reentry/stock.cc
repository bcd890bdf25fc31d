// SPDX-License-Identifier: Apache-2.0
#include "stock.h"

#include <setjmp.h>
#include <sys/resource.h>

#include "failure.h"
#include "hooks.h"
#include "typed.h"

namespace reentry {

Stock stock;
void* the_subject;
void* the_last;
reslab_reserve* reserve;
void* bulk[kBulk];
size_t bulk_count;

namespace {
void* hoarded[131072];
size_t hoarded_count;
size_t hoarded_in_all;
}  // namespace

void* allocate(size_t bytes) {
  void* object = plain_malloc(bytes);
  if (object == nullptr) fail("no memory to prepare with");
  return object;
}

void Stock::take(size_t bytes, size_t n) {
  for (size_t i = 0; i < n && count < kMost; ++i) objects[count++] = allocate(bytes);
}

void Stock::give(size_t keep) {
  while (count > keep) reslab_free(objects[--count]);
}

void Stock::give_nolock(size_t keep) {
  while (count > keep) reslab_free_nolock(objects[--count]);
}

void Stock::give_all_but_one_in(size_t group, size_t first) {
  size_t kept = first;
  for (size_t i = first; i < count; ++i) {
    if ((i - first) % group == 0) objects[kept++] = objects[i];
    else reslab_free_nolock(objects[i]);
  }
  count = kept;
}

// Asks for classes up to it only: each costs a walk of the heap.
reslab_class_stats class_of(size_t bytes) {
  static reslab_class_stats classes[256];
  const size_t wanted = object_bytes(bytes);
  for (size_t n = 8; n <= 128; n *= 2) {
    reslab_get_class_stats(classes, n, sizeof classes[0]);
    for (size_t i = n == 8 ? 0 : n / 2; i < n; ++i) {
      if (classes[i].object_bytes == wanted) return classes[i];
    }
  }
  fail("there is no class of %zu bytes", wanted);
}

void empty_magazine(size_t bytes) { stock.take(bytes, class_of(bytes).in_magazines); }

size_t slots_of(size_t bytes) {
  const size_t slots = (size_t{64} << 10) / object_bytes(bytes);
  return slots < kMagazine ? slots : kMagazine;
}

void hoard(void* object) {
  if (object == nullptr) return;
  if (hoarded_count == sizeof hoarded / sizeof hoarded[0]) fail("too much is hoarded");
  hoarded[hoarded_count++] = object;
  ++hoarded_in_all;
}

// The long ones first: looking for several units at once takes long where free ones lie scattered.
void hoard_units() {
  constexpr size_t kOneUnit = 8 << 10;
  for (const unsigned order : {9u, 7u}) {
    for (void* object; (object = reslab_pages_alloc_nolock(order, 0)) != nullptr;) hoard(object);
  }
  for (void* object; (object = reslab_malloc_nolock(kOneUnit, RESLAB_NORETRY)) != nullptr;) hoard(object);
}

bool is_hoarding() { return hoarded_count > 0; }

bool has_hoarded_much() {
  constexpr size_t kMuch = 4000;
  return hoarded_in_all > kMuch;
}

void release_hoard() {
  while (hoarded_count > 0) reslab_free(hoarded[--hoarded_count]);
}

namespace {

rlimit data_limit;
bool is_limited;

void unlimit_data() {
  if (is_limited && setrlimit(RLIMIT_DATA, &data_limit) != 0) fail("the limit of data cannot be lifted");
  is_limited = false;
}

}  // namespace

void limit_data() {
  if (is_limited) return;
  getrlimit(RLIMIT_DATA, &data_limit);
  const rlimit none = {1, data_limit.rlim_max};
  if (setrlimit(RLIMIT_DATA, &none) != 0) fail("data cannot be limited");
  is_limited = true;
}

// On a stack deeper than that of any call to come: what is left behind can be told from what is alive.
[[gnu::noinline]] void jump_out_of_malloc(size_t bytes, const char* hook) {
  volatile char deep[16384] = {};
  static_cast<void>(deep[0]);
  constexpr int kTries = 20000;
  static jmp_buf out;
  const support::Hook leave(hook, [](void*) { longjmp(out, 1); });
  if (setjmp(out) != 0) return;
  for (int i = 0; i < kTries; ++i) stock.take(bytes, 1);
  fail("no malloc of %zu bytes passes the hook '%s'", bytes, hook);
}

void release_stock() {
  unlimit_data();
  stock.give(0);
  while (bulk_count > 0) reslab_free(bulk[--bulk_count]);
  if (the_subject != nullptr) reslab_free(the_subject);
  the_subject = nullptr;
  if (the_last != nullptr) reslab_free(the_last);
  the_last = nullptr;
  if (reslab_reserve_destroy(reserve) != 0) fail("the reserve cannot be destroyed");
  reserve = nullptr;
  reslab_trim(0);
}

void warm_up(size_t bytes) {
  const size_t most = (size_t{256} << 10) / bytes;  // more would make the class sparse, and its magazine cold again
  for (int burst = 0; burst < 12; ++burst) {
    stock.take(bytes, most < 3 * kMagazine ? most : 3 * kMagazine);
    stock.give(0);
  }
}

}  // namespace reentry
