// SPDX-License-Identifier: Apache-2.0
#include "nested.h"

#include <reslab/reslab.h>

#include <cerrno>

#include "failure.h"
#include "objects.h"
#include "typed.h"

namespace reentry {
namespace {

constexpr size_t kMostHeld = 48;
Held held[kMostHeld];
size_t next_held;
int nested_depth;

bool may_fail = false;

void expect(bool holds, const char* what) {
  if (!holds && !may_fail) fail("nested: %s", what);
}

void plain_pair(size_t bytes) {
  Held object;
  object.take(plain_malloc(bytes), bytes, "nested malloc");
  expect(object.is_there(), "malloc failed");
  reslab_free(object.give());
}

// May fail, by contract; then there is nothing to free.
void nolock_pair_with(size_t bytes, unsigned flags) {
  Held object;
  void* got = reslab_malloc_nolock(bytes, flags);
  if (got != nullptr && (flags & RESLAB_ZERO) != 0) expect_zero(got, bytes, "nested nolock malloc with RESLAB_ZERO");
  object.take(got, bytes, "nested nolock malloc");
  reslab_free_nolock(object.give());
}
void nolock_pair(size_t bytes) { nolock_pair_with(bytes, 0); }
void nolock_zeroed(size_t bytes) { nolock_pair_with(bytes, RESLAB_ZERO | RESLAB_GROW); }
void nolock_own_bucket(size_t bytes) { nolock_pair_with(bytes, RESLAB_NORETRY); }

void zeroed(size_t bytes) {
  Held object;
  void* got = reslab_calloc(1, bytes);
  expect(got != nullptr, "calloc failed");
  if (got != nullptr) expect_zero(got, bytes, "nested calloc");
  object.take(got, bytes, "nested calloc");
  reslab_free_nolock(object.give());
}

void grown(size_t bytes) {
  Held small, large;
  small.take(reslab_malloc(bytes), bytes, "nested malloc");
  expect(small.is_there(), "malloc failed");
  if (!small.is_there()) return;
  void* object = small.give();
  void* moved = reslab_realloc(object, bytes * 3);
  expect(moved != nullptr, "realloc failed");
  if (moved == nullptr) return reslab_free(object);
  large.take(moved, bytes * 3, "nested realloc");
  reslab_free_sized(large.give(), bytes * 3);
}

void aligned(size_t bytes) {
  Held object;
  void* got = reslab_aligned_alloc(256, bytes);
  expect(got != nullptr, "aligned_alloc failed");
  if (reinterpret_cast<uintptr_t>(got) % 256 != 0) fail("nested: aligned_alloc gave %p", got);
  object.take(got, bytes, "nested aligned_alloc");
  reslab_free(object.give());
}

void run_of_units(size_t) {
  constexpr size_t kBytes = 300000;
  Held object;
  object.take(reslab_malloc(kBytes), kBytes, "nested large malloc");
  expect(object.is_there(), "a large malloc failed");
  reslab_free(object.give());
}

// Objects that outlive the handler; the oldest of them goes, half of the time by the other family.
void kept(size_t bytes) {
  Held& place = held[next_held++ % kMostHeld];
  if (place.is_there()) {
    if (next_held % 2 == 0) reslab_free(place.give());
    else reslab_free_nolock(place.give());
  }
  place.take(next_held % 3 == 0 ? reslab_malloc_nolock(bytes, 0) : plain_malloc(bytes), bytes, "nested, kept");
}

// Enough of them to empty a magazine and to fill it again: refills and flushes inside whatever was interrupted.
void many(size_t bytes) {
  constexpr size_t kCount = 40;
  Held objects[kCount];
  for (Held& one : objects) {
    one.take(plain_malloc(bytes), bytes, "nested malloc of many");
    expect(one.is_there(), "one of many mallocs failed");
  }
  for (Held& one : objects) reslab_free(one.give());
}

void upkeep(size_t bytes) {
  plain_pair(bytes);
  reslab_flush_deferred();
}

// Refused inside a slow path, with EDEADLK; done elsewhere.
void trimmed(size_t bytes) {
  plain_pair(bytes);
  const int before = errno;
  reslab_trim(0);
  errno = before;
}

void looked_at(size_t) {
  static reslab_stats stats;
  expect(reslab_get_stats(&stats, sizeof stats) == 0, "reslab_get_stats failed");
}

}  // namespace

const Nested kNested[] = {
    {"many", many},
    {"a run", run_of_units},
    {"kept", kept},
    {"malloc, free", plain_pair},
    {"malloc_nolock, free_nolock", nolock_pair},
    {"calloc, free_nolock", zeroed},
    {"malloc_nolock with ZERO and GROW", nolock_zeroed},
    {"realloc", grown},
    {"aligned_alloc", aligned},
    {"malloc_nolock with NORETRY", nolock_own_bucket},
    {"flush_deferred", upkeep},
    {"trim", trimmed},
    {"get_stats", looked_at},
};

size_t nested_count() { return sizeof kNested / sizeof kNested[0]; }

void let_nested_fail(bool may) { may_fail = may; }

bool is_in_nested() { return nested_depth > 0; }

namespace {

void run(const Nested& nested, size_t bytes) {
  const char* outer = scene.nested;
  scene.nested = nested.name;
  ++nested_depth;
  errno = 4711;
  nested.run(bytes);
  if (errno != 4711) fail("errno is %d behind a nested operation that succeeded", errno);
  --nested_depth;
  scene.nested = outer;
}

}  // namespace

void run_nested(size_t index, size_t bytes) { run(kNested[index], bytes); }

void run_nested_aside() { run({"malloc, free aside", plain_pair}, kAside); }

void release_nested() {
  for (Held& one : held) {
    if (one.is_there()) reslab_free(one.give());
  }
}

}  // namespace reentry
