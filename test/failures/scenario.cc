// SPDX-License-Identifier: Apache-2.0
#include "scenario.h"

#include <pthread.h>
#include <reslab/reslab.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <initializer_list>

#include "failure.h"
#include "opaque.h"

namespace failures {

using namespace support;

namespace {

constexpr size_t kKiB = 1024, kMiB = 1024 * kKiB;
constexpr int kMark = 4242;  // an errno that nobody sets

struct Object {
  unsigned char* start;
  size_t bytes;
  unsigned char pattern;
};

// Whatever is allocated now. A plain array: the heap of libc would be the scenario's own doing.
constexpr size_t kMost = 120'000;
Object objects[kMost];
size_t count;
Outcome outcome;

size_t pattern_bytes(size_t bytes) { return bytes < 32 ? bytes : 32; }

// Both ends: the whole would cost a page fault for each page.
void fill(const Object& object) {
  const size_t n = pattern_bytes(object.bytes);
  memset(object.start, object.pattern, n);
  memset(object.start + object.bytes - n, object.pattern, n);
}

void expect_intact(const Object& object) {
  const size_t n = pattern_bytes(object.bytes);
  for (size_t i = 0; i < n; ++i) {
    if (object.start[i] == object.pattern && object.start[object.bytes - 1 - i] == object.pattern) continue;
    fail("an object of %zu bytes has lost its contents", object.bytes);
  }
}

bool keep(void* fresh, size_t bytes) {
  ++outcome.allocations;
  auto* start = static_cast<unsigned char*>(opaque(fresh));
  if (start == nullptr) {
    ++outcome.refused;
    return false;
  }
  if (count == kMost) fail("the scenario holds more than it has room for");
  objects[count] = {start, bytes, static_cast<unsigned char>(count * 7 + 1)};
  fill(objects[count++]);
  return true;
}

void plain(void* (*allocate)(size_t), size_t bytes) {
  errno = kMark;
  if (!keep(allocate(bytes), bytes) && errno != ENOMEM) fail("no %zu bytes, and errno %d", bytes, errno);
}

void nolock(size_t bytes, unsigned flags) {
  errno = kMark;
  keep(reslab_malloc_nolock(bytes, flags), bytes);
  if (errno != kMark) fail("a nolock allocation has set errno to %d", errno);
}

void allocate(size_t bytes) { plain(reslab_malloc, bytes); }
void allocate_aligned(size_t bytes) {
  plain([](size_t n) { return reslab_aligned_alloc(128 * kKiB, n); }, bytes);
}

void* allocate_zeroed(size_t bytes) {
  auto* start = static_cast<unsigned char*>(reslab_calloc(1, bytes));
  for (size_t i = 0; start != nullptr && i < bytes; i += 16) {
    if (start[i] != 0) fail("reslab_calloc gave memory that is not zero");
  }
  return start;
}

enum class Free : uint8_t { kPlain, kNolock };

void free_last(Free how) {
  if (count == 0) return;
  const Object object = objects[--count];
  expect_intact(object);
  errno = kMark;
  if (how == Free::kPlain) reslab_free(opaque(object.start));
  else reslab_free_nolock(opaque(object.start));
  if (errno != kMark) fail("a free has set errno to %d", errno);
}

void free_down_to(size_t left, Free how) {
  while (count > left) free_last(how);
}

// --- the parts -------------------------------------------------------------------------------------------------------

void many_small() {
  for (size_t i = 0; i < 3000; ++i) allocate(16 + i % 96 * 80);
  const size_t before = count;
  const uint32_t patience = outcome.refused + 100;  // each refusal costs several signals
  for (size_t i = 0; i < 90'000 && outcome.refused < patience; ++i) allocate(16);
  free_down_to(before, Free::kPlain);  // so many that the blocks for them need memory
}

void large() {
  for (const size_t bytes : {300 * kKiB, 3 * kMiB, 90 * kMiB}) allocate(bytes);
  allocate_aligned(kMiB);
  plain(allocate_zeroed, 5 * kMiB);
}

void reallocate_last(size_t bytes) {
  if (count == 0) return;
  Object& object = objects[count - 1];
  errno = kMark;
  ++outcome.allocations;
  auto* moved = static_cast<unsigned char*>(reslab_realloc(opaque(object.start), bytes));
  if (moved == nullptr) {
    ++outcome.refused;
    if (errno != ENOMEM) fail("a reallocation to %zu bytes has failed with errno %d", bytes, errno);
    expect_intact(object);
    return;
  }
  const size_t n = pattern_bytes(object.bytes < bytes ? object.bytes : bytes);
  for (size_t i = 0; i < n; ++i) {
    if (moved[i] != object.pattern) fail("a reallocation to %zu bytes has lost the contents", bytes);
  }
  object = {moved, bytes, object.pattern};
  fill(object);
}

void reallocations() {
  allocate(100);
  for (const size_t bytes : {5000 * kKiB, 300 * kKiB, 12 * kKiB}) reallocate_last(bytes);
  allocate(2 * kMiB);
  reallocate_last(6 * kMiB);  // in place
  allocate(2 * kMiB);
  if (count < 2) return;
  const Object behind = objects[count - 1];  // stays where it is, so that the one before it has to move
  objects[count - 1] = objects[count - 2];
  objects[count - 2] = behind;
  reallocate_last(20 * kMiB);
}

void purges() {
  const size_t before = count;
  for (int i = 0; i < 12; ++i) allocate(2 * kMiB);
  free_down_to(before, Free::kPlain);
  for (int i = 0; i < 600; ++i) allocate(60 * kKiB);
  free_down_to(before, Free::kPlain);
}

void nolock_calls() {
  const size_t before = count;
  for (size_t i = 0; i < 400; ++i) nolock(64 + i % 16 * 2000, i % 3 == 0 ? RESLAB_GROW : 0);
  for (size_t i = 0; i < 40; ++i) nolock(200 * kKiB, RESLAB_GROW);
  free_down_to(before, Free::kNolock);
}

// Another thread, on a slot of its own where the number of threads says so: nothing is ready there yet.
void* on_another_slot(void*) {
  for (size_t i = 0; i < 200; ++i) allocate(16 + i * 40);
  return nullptr;
}

void another_slot() {
  pthread_t thread;
  if (pthread_create(&thread, nullptr, on_another_slot, nullptr) != 0) fail("no thread");
  pthread_join(thread, nullptr);
}

}  // namespace

Outcome run_scenario(Upkeep upkeep, Threads threads) {
  outcome = {};
  many_small();
  large();
  reallocations();
  purges();
  nolock_calls();
  if (threads == Threads::kYes) another_slot();
  reslab_flush_deferred();
  free_down_to(1000, Free::kPlain);
  if (upkeep == Upkeep::kYes) reslab_trim(0);
  purges();
  free_down_to(0, Free::kNolock);
  reslab_flush_deferred();
  if (upkeep == Upkeep::kYes) reslab_trim(0);
  return outcome;
}

}  // namespace failures
