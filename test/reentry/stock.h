// SPDX-License-Identifier: Apache-2.0
// What preparations hold while they bring the heap into a state: a stock of objects, the subject that the walked
// operation will be given, a reserve, and a hoard that is kept until the walk is over. Fixed in size; plain calls only.
#pragma once

#include <reslab/reslab.h>

#include <cstddef>

namespace reentry {

constexpr size_t kMagazine = 1024;  // no class has more slots
constexpr size_t kBlock = 128;      // objects in a block
constexpr size_t kBulk = 40;        // objects of a call in bulk

struct Stock {
  static constexpr size_t kMost = 60000;
  void* objects[kMost];
  size_t count;

  void take(size_t bytes, size_t n);
  // Frees all but the first `keep`.
  void give(size_t keep);
  void give_nolock(size_t keep);
  // Takes one out; the last one comes in its place.
  void* pick(size_t index) {
    void* object = objects[index];
    objects[index] = objects[--count];
    return object;
  }
  // Frees what there is from `first` on, but for one object of each `group`, by nolock frees.
  void give_all_but_one_in(size_t group, size_t first);
};
extern Stock stock;

extern void* the_subject;
extern void* the_last;  // one object that a state has left in the middle of a slab
extern reslab_reserve* reserve;
extern void* bulk[kBulk];  // what calls in bulk give or take
extern size_t bulk_count;

void* allocate(size_t bytes);
// Statistics of the class that serves `bytes`.
reslab_class_stats class_of(size_t bytes);
// Slots of a magazine at its largest.
size_t slots_of(size_t bytes);
// Objects in this slot's magazine go to the stock; the other slot's is empty after a trim.
void empty_magazine(size_t bytes);

// Calls malloc until it passes the hook, and leaves it there by a jump. What other calls give goes to the stock.
void jump_out_of_malloc(size_t bytes, const char* hook);

// From now on the system refuses to make memory writable, until the stock is released.
void limit_data();

// Makes the magazines of a class as large as they get, so that states can be repeated.
void warm_up(size_t bytes);

// Lifts the limit; gives back the stock, the reserve, and the subject, if it is still there; then all caches.
void release_stock();

// Keeps an object until the walk is over: the next one of its kind finds the heap grown.
void hoard(void* object);
// Hoards whatever is free and whatever is writable ahead, by calls that may not ask the system for more.
void hoard_units();
bool is_hoarding();
// There was so much of it that states which hoard all that is free would soon not find room for it: each of their calls
// leaves more memory writable than the one before. Time for another process.
bool has_hoarded_much();
void release_hoard();

}  // namespace reentry
