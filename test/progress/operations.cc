// SPDX-License-Identifier: Apache-2.0
#include "operations.h"

#include <reslab/reslab.h>
#include <sys/resource.h>

#include "failure.h"
#include "scripted_cpu.h"

namespace progress {

using namespace support;

namespace {

// --- ways to bring the heap somewhere ------------------------------------------------------------------------------

uint64_t objects_in_magazines() {
  constexpr size_t kEnough = 16;  // classes come in the order of their sizes, and kBytes is among the first
  static thread_local reslab_class_stats classes[kEnough];
  reslab_get_class_stats(classes, kEnough, sizeof classes[0]);
  for (const reslab_class_stats& one : classes) {
    if (one.object_bytes == kBytes) return one.in_magazines;
  }
  expect(false, "there is no class of %zu bytes", kBytes);
  return 0;
}

void nothing(Hand&) {}
void clean(Hand&) { reslab_trim(0); }

// The next allocation finds nothing in the magazine.
void empty_magazine(Hand& hand) {
  hand.fill(1);
  for (uint64_t left; (left = objects_in_magazines()) > 0;) hand.fill(left);
}

// Frees `step` objects at a time until a free has flushed the magazine; how many it had before.
uint64_t free_until_flushed(Hand& hand, size_t step) {
  uint64_t last = 0;
  for (uint64_t now = objects_in_magazines(); now >= last; now = objects_in_magazines()) {
    last = now;
    hand.free_last(step);
  }
  return last;
}

// The next free finds no room in the magazine: it has as many objects as when a free flushed it. To get there fast it
// is first flushed by steps.
void fill_magazine(Hand& hand) {
  free_until_flushed(hand, 16);
  const uint64_t most = free_until_flushed(hand, 1);
  hand.free_last(most - objects_in_magazines());
}

void full_magazine(Hand& hand) {
  clean(hand);
  hand.fill(1500);
  fill_magazine(hand);
}

void free_nolock(Hand& hand, size_t count) {
  for (size_t i = 0; i < count; ++i) reslab_free_nolock(hand.take_last());
}

void deferred(Hand& hand, size_t count) {
  full_magazine(hand);
  free_nolock(hand, count);
}

void half_freed_slabs(Hand& hand) {
  clean(hand);
  hand.fill(700);
  hand.thin(2);
  clean(hand);
}

void full_depot(Hand& hand) {
  clean(hand);
  hand.fill(16'000);
  hand.free_last(13'000);  // of these, 2 MiB stay in the depot
  fill_magazine(hand);
}

// A class that holds much more than is live; its magazine has just been flushed, and has room for less than 70 again.
void sparse_class(Hand& hand) {
  clean(hand);
  hand.fill(16'000);
  hand.thin(16);
  clean(hand);
  free_until_flushed(hand, 1);
}

void dirty_to_the_bound(Hand& hand) {
  clean(hand);
  hand.fill(8, kRunBytes);
  hand.free_last(3);
}

constexpr double kClosedMagazinePace = 0.02, kColdCachesPace = 0.1;
// Units on their way back count as dirty already, and may take the room in which runs of the others are kept whole:
// these go by way of the bitmaps then, at some three times the cost.
constexpr double kUnkeptRunsPace = 0.2;

// --- the operations ------------------------------------------------------------------------------------------------

void allocate(Hand& hand) { hand.add(reslab_malloc(kBytes), kBytes); }
void release(Hand& hand) { reslab_free(hand.take_last()); }
void release_nolock(Hand& hand) { reslab_free_nolock(hand.take_last()); }
void flush_deferred(Hand&) { reslab_flush_deferred(); }
void trim(Hand&) { reslab_trim(0); }

// NULL is an answer: there may be no memory at hand.
void allocate_nolock(Hand& hand) {
  void* object = reslab_malloc_nolock(kBytes, 0);
  if (object != nullptr) hand.add(object, kBytes);
}

template <size_t bytes>
void allocate_run(Hand& hand) {
  hand.add(reslab_malloc(bytes), bytes);
}

template <size_t bytes>
void reallocate(Hand& hand) {
  void* object = hand.take_last();
  void* moved = reslab_realloc(object, bytes);
  expect(moved != nullptr && carries_stamp(moved, object), "realloc to %zu bytes lost what was in the object", bytes);
  hand.add(moved, bytes);
}

void allocate_zeroed(Hand& hand) {
  auto* object = static_cast<unsigned char*>(reslab_calloc(1, kRunBytes));
  expect(object != nullptr && object[0] == 0 && object[kRunBytes - 1] == 0, "calloc's memory is not zero");
  hand.add(object, kRunBytes);
}

void allocate_aligned(Hand& hand) { hand.add(reslab_aligned_alloc(4096, 4096), 4096); }

void become_unregistered(Hand& hand) {
  hand.fill(400);
  hand.thin(2);
  support::take_over_rseq();
  support::be_unregistered();
}

// --- pages, scopes, reserves ---------------------------------------------------------------------------------------

constexpr unsigned kOrder = 3;
constexpr size_t kReserveObjects = 8;
reslab_reserve* reserve;

void allocate_pages(Hand& hand) {
  void* pages = reslab_pages_alloc_nolock(kOrder, 0);
  if (pages != nullptr) hand.add(pages, reslab_page_size() << kOrder);
}

void release_pages(Hand& hand) {
  if (hand.count() > 0) reslab_pages_free_nolock(hand.take_last(), kOrder);
}

void allocate_in_scope(Hand& hand) {
  const unsigned saved = reslab_nolock_save();
  void* object = reslab_malloc(kBytes);
  reslab_nolock_restore(saved);
  if (object != nullptr) hand.add(object, kBytes);
}

void make_reserve(Hand& hand) {
  clean(hand);
  reserve = reslab_reserve_create(kBytes, kReserveObjects);
  expect(reserve != nullptr, "no memory for a reserve");
}

void allocate_from_reserve(Hand& hand) { hand.add(reslab_reserve_alloc(reserve, kBytes, RESLAB_NORETRY), kBytes); }

void refill_reserve(Hand&) { expect(reslab_reserve_refill(reserve) == 0, "a reserve cannot be refilled"); }

void destroy_reserve() { expect(reslab_reserve_destroy(reserve) == 0, "a reserve cannot be destroyed"); }

// --- typed caches and groups ---------------------------------------------------------------------------------------

constexpr size_t kBudget = 1 << 20;
reslab_group* group;
reslab_cache* cache;

void construct(void* object) { *static_cast<uint64_t*>(object) = 0; }

void make_group(Hand& hand) {
  clean(hand);
  if (group == nullptr) group = reslab_group_create("progress", kBudget);
  expect(group != nullptr, "no place for a group");
}

void make_cache(Hand& hand) {
  clean(hand);
  const reslab_cache_args args = {kBytes, 0, RESLAB_CACHE_NO_MERGE, construct, nullptr};
  if (cache == nullptr) cache = reslab_cache_create("progress", &args);
  expect(cache != nullptr, "no place for a cache");
}

void allocate_charged(Hand& hand) { hand.add(reslab_group_malloc(group, kBytes), kBytes); }

void allocate_charged_nolock(Hand& hand) {
  void* object = reslab_group_malloc_nolock(group, kBytes, 0);
  if (object != nullptr) hand.add(object, kBytes);
}

void allocate_in_group_scope(Hand& hand) {
  reslab_group_enter(group);
  void* object = reslab_malloc(kBytes);
  reslab_group_leave();
  hand.add(object, kBytes);
}

// All of the budget is used but for what frees have put into a stock.
void use_up_budget(Hand& hand) {
  make_group(hand);
  for (void* object; (object = reslab_group_malloc(group, kBytes)) != nullptr;) hand.add(object, kBytes);
  hand.free_last(20);
}

void allocate_typed(Hand& hand) { hand.add(reslab_cache_alloc(cache), kBytes); }
void release_typed(Hand& hand) { reslab_cache_free(cache, hand.take_last()); }

// NULL is an answer: a constructor runs in plain calls alone.
void allocate_typed_nolock(Hand& hand) {
  void* object = reslab_cache_alloc_nolock(cache, 0);
  if (object != nullptr) hand.add(object, kBytes);
}

constexpr uint32_t kBulk = 8;

void allocate_typed_bulk(Hand& hand) {
  void* objects[kBulk];
  const size_t got = reslab_cache_alloc_bulk(cache, kBulk, objects);
  for (size_t i = 0; i < got; ++i) hand.add(objects[i], kBytes);
}

// The library has taken over setrlimit, and gives back what it had reserved; later growth reserves anew.
void limit_address_space(Hand&) {
  constexpr rlim_t kPlenty = rlim_t{1} << 44;
  const rlimit limit = {.rlim_cur = kPlenty, .rlim_max = RLIM_INFINITY};
  expect(setrlimit(RLIMIT_AS, &limit) == 0, "the address space cannot be limited");
}

// --- the table -----------------------------------------------------------------------------------------------------

constexpr Operation kOperations[] = {
    {.name = "malloc, hit",
     .prepare = [](Hand& hand) { clean(hand), hand.fill(2), hand.free_last(1); },
     .run = allocate},
    {.name = "free, hit", .prepare = [](Hand& hand) { clean(hand), hand.fill(2); }, .run = release},
    {.name = "nolock malloc, hit",
     .prepare = [](Hand& hand) { clean(hand), hand.fill(2), hand.free_last(1); },
     .run = allocate_nolock},
    {.name = "nolock free, hit", .prepare = [](Hand& hand) { clean(hand), hand.fill(2); }, .run = release_nolock},
    {.name = "first malloc of a class", .prepare = clean, .run = allocate},
    {.name = "refill from the active slab",
     .prepare = [](Hand& hand) { clean(hand), hand.fill(40), empty_magazine(hand); },
     .run = allocate},
    {.name = "refill from a partial slab", .prepare = half_freed_slabs, .run = allocate},
    {.name = "refill from the depot",
     .prepare = [](Hand& hand) { full_magazine(hand), hand.free_last(500), empty_magazine(hand); },
     .run = allocate},
    {.name = "refill with deferred frees",
     .prepare = [](Hand& hand) { deferred(hand, 20), empty_magazine(hand); },
     .run = allocate},
    {.name = "nolock refill from the active slab",
     .prepare = [](Hand& hand) { clean(hand), hand.fill(40), empty_magazine(hand); },
     .run = allocate_nolock},
    {.name = "nolock malloc, nothing cached", .prepare = clean, .run = allocate_nolock},
    {.name = "malloc in a nolock scope", .prepare = clean, .run = allocate_in_scope},
    {.name = "flush to the depot", .prepare = full_magazine, .run = release},
    {.name = "flush to the slabs", .prepare = full_depot, .run = release},
    // Whether the caches of such a class are cold is decided anew at each flush, on the border by a slab more or less.
    {.name = "flush of a sparse class",
     .prepare = sparse_class,
     .run = [](Hand& hand) { hand.free_last(70); },
     .least_pace = kColdCachesPace},
    {.name = "nolock free, deferred", .prepare = full_magazine, .run = release_nolock},
    {.name = "nolock free, list full",
     .prepare = [](Hand& hand) { clean(hand), hand.fill(3000), fill_magazine(hand), free_nolock(hand, 1024); },
     .run = release_nolock},
    {.name = "flush of deferred frees", .prepare = [](Hand& hand) { deferred(hand, 20); }, .run = flush_deferred},
    {.name = "large malloc", .prepare = clean, .run = allocate_run<kRunBytes>, .units_added = 5},
    {.name = "large free",
     .prepare = [](Hand& hand) { hand.fill(1, kRunBytes); },
     .run = release,
     .least_pace = kUnkeptRunsPace},
    {.name = "nolock free of a large block",
     .prepare = [](Hand& hand) { hand.fill(1, kRunBytes); },
     .run = release_nolock,
     .least_pace = kUnkeptRunsPace},
    {.name = "calloc of dirty memory",
     .prepare = [](Hand& hand) { hand.fill(1, kRunBytes), hand.free_last(1); },
     .run = allocate_zeroed,
     .units_added = 5},
    {.name = "aligned_alloc", .prepare = clean, .run = allocate_aligned},
    {.name = "realloc to a larger class", .prepare = [](Hand& hand) { hand.fill(1); }, .run = reallocate<1000>},
    {.name = "growth of a large block in place",
     .prepare = [](Hand& hand) { clean(hand), hand.fill(2, kRunBytes), hand.free_last(1); },
     .run = reallocate<kRunBytes + (64 << 10)>,
     .units_added = 6},  // it moves if another thread has taken the units behind
    {.name = "growth of a large block by copying",
     .prepare = [](Hand& hand) { clean(hand), hand.fill(1, kRunBytes); },
     .run = reallocate<2 * kRunBytes>,
     .units_added = 10,
     .least_pace = kUnkeptRunsPace},
    {.name = "growth of a large block by moving",
     .prepare = [](Hand& hand) { clean(hand), hand.fill(1, 1 << 20); },
     .run = reallocate<(2 << 20)>,
     .units_added = 32,
     .least_pace = kUnkeptRunsPace},
    {.name = "shrinking of a large block",
     .prepare = [](Hand& hand) { clean(hand), hand.fill(1, 2 * kRunBytes); },
     .run = reallocate<kRunBytes>,
     .least_pace = kUnkeptRunsPace},
    {.name = "growth of the arena", .prepare = clean, .run = allocate_run<(48 << 20)>, .units_added = 768},
    {.name = "a limit on the address space", .prepare = clean, .run = limit_address_space},
    {.name = "growth under a limit",
     .prepare = [](Hand& hand) { clean(hand), limit_address_space(hand); },
     .run = allocate_run<(48 << 20)>,
     .units_added = 768},
    {.name = "pages", .prepare = clean, .run = allocate_pages, .units_added = 1},
    {.name = "free of pages", .prepare = [](Hand& hand) { clean(hand), allocate_pages(hand); }, .run = release_pages},
    {.name = "reserve", .prepare = make_reserve, .run = allocate_from_reserve, .clean_up = destroy_reserve},
    {.name = "refill of a reserve",
     .prepare = [](Hand& hand) { make_reserve(hand), allocate_from_reserve(hand); },
     .run = refill_reserve,
     .clean_up = destroy_reserve},
    {.name = "malloc for a group", .prepare = make_group, .run = allocate_charged},
    {.name = "nolock malloc for a group",
     .prepare = [](Hand& hand) { make_group(hand), allocate_charged(hand); },
     .run = allocate_charged_nolock},
    {.name = "malloc in the scope of a group", .prepare = make_group, .run = allocate_in_group_scope},
    {.name = "malloc for a group out of stocks", .prepare = use_up_budget, .run = allocate_charged},
    {.name = "free of a charged object",
     .prepare = [](Hand& hand) { make_group(hand), allocate_charged(hand); },
     .run = release},
    {.name = "typed cache, first object", .prepare = make_cache, .run = allocate_typed},
    {.name = "typed cache, hit",
     .prepare = [](Hand& hand) { make_cache(hand), allocate_typed(hand), allocate_typed(hand), hand.free_last(1); },
     .run = allocate_typed},
    {.name = "typed cache, nolock",
     .prepare = [](Hand& hand) { make_cache(hand), allocate_typed(hand); },
     .run = allocate_typed_nolock},
    {.name = "typed cache, bulk", .prepare = make_cache, .run = allocate_typed_bulk, .objects_added = kBulk},
    {.name = "typed cache, free",
     .prepare = [](Hand& hand) { make_cache(hand), allocate_typed(hand); },
     .run = release_typed},
    {.name = "purge", .prepare = dirty_to_the_bound, .run = release},
    // While a trim empties a magazine that magazine is closed, so a trim that never goes on leaves one class on one CPU
    // to the depot, at some ten times the cost: maintenance, on no path of an allocation or a free. Nobody waits.
    {.name = "trim",
     .prepare = [](Hand& hand) { full_magazine(hand), hand.free_last(500); },
     .run = trim,
     .least_pace = kClosedMagazinePace},
    {.name = "malloc without rseq", .prepare = become_unregistered, .run = allocate, .where = Where::kUnregistered},
    {.name = "free without rseq", .prepare = become_unregistered, .run = release, .where = Where::kUnregistered},
    {.name = "first call on a CPU", .prepare = nothing, .run = allocate, .where = Where::kNewCpu},
};

}  // namespace

std::span<const Operation> operations() { return kOperations; }

constinit const Operation kFirstCall = {
    .name = "first call of the process", .prepare = nothing, .run = allocate, .where = Where::kNewProcess};

}  // namespace progress
