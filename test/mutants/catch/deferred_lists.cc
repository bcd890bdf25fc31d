// SPDX-License-Identifier: Apache-2.0
// Deferred frees (16): a list has a bound and the frees past it go elsewhere; refills take from the own list, and from
// those of other CPUs before they make a slab.
#include <thread>
#include <vector>

#include "catcher.h"
#include "scripted_cpu.h"

using namespace catcher;

namespace {

constexpr size_t kBytes = 64;
constexpr size_t kObjects = 4000;
constexpr uint64_t kBound = 1024;

using Objects = std::vector<void*>;

Objects allocate(size_t count) {
  Objects objects;
  for (size_t i = 0; i < count; ++i) objects.push_back(reslab_malloc(kBytes));
  return objects;
}

void free_nolock(const Objects& objects) {
  for (void* object : objects) reslab_free_nolock(object);
}

// On another slot than this thread's.
void free_elsewhere(const Objects& objects) {
  if (with_rseq()) {
    support::be_on_slot(1);
    reslab_free(reslab_malloc(kBytes));  // the slot's region is ready from now on
    free_nolock(objects);
    support::be_on_slot(0);
  } else {
    std::thread([&] {
      reslab_free(reslab_malloc(kBytes));
      free_nolock(objects);
    }).join();
  }
}

void expect_bound() {
  const uint64_t pending = stats().deferred_pending;
  expect(pending > 0, "nothing was deferred");
  expect(pending <= kBound, "%zu frees are deferred on one list", static_cast<size_t>(pending));
}

// Any refill takes some of the own list, not only one that finds nothing else.
void expect_flush_by_refill() {
  const reslab_stats before = stats();
  Objects objects;
  while (stats().refills == before.refills) objects.push_back(reslab_malloc(kBytes));
  expect(stats().deferred_pending < before.deferred_pending, "a refill has left the deferred frees where they were");
  for (void* object : objects) reslab_free(object);
}

// The objects that were freed serve again, so no slab is made.
void expect_reuse(const char* whose) {
  const size_t before = class_stats(kBytes).capacity;
  const Objects again = allocate(kObjects - kBound / 4);  // some lie in the magazine where they were freed
  const size_t after = class_stats(kBytes).capacity;
  expect(after == before, "with %s list full, slabs were made for %zu more objects", whose, after - before);
  for (void* object : again) reslab_free(object);
  reslab_trim(0);
}

}  // namespace

int main(int argc, char** argv) {
  start(argc, argv);
  reslab_status status = {};
  reslab_get_status(&status, sizeof status);
  expect(status.slots > 1, "this test needs a machine with two CPUs");
  if (with_rseq()) support::take_over_rseq();

  free_nolock(allocate(kObjects));
  expect_bound();
  expect_flush_by_refill();
  expect_reuse("the own");

  free_elsewhere(allocate(kObjects));
  expect_bound();
  expect_reuse("another CPU's");
  expect_sound_heap();
}
