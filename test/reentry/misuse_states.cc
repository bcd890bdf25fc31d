// SPDX-License-Identifier: Apache-2.0
#include "misuse_states.h"

#include <reslab/reslab.h>

#include <cstring>

#include "nested.h"
#include "stock.h"
#include "typed.h"

namespace reentry::misuse {
namespace {

constexpr size_t kBytes = 64, kInSlab = 1024, kRunBytes = 300000;
constexpr size_t kDeferred = 1024;  // objects that a deferred list takes

char here[64];

// The magazine is full: an object that is freed now leaves with others in a flush, or goes on the deferred list. The stock
// begins with the objects of some slabs, one behind the other. Nothing may be allocated from now on: it might be what was
// freed.
void full_magazine() {
  release_stock();
  warm_up(kBytes);
  reslab_trim(0);
  reslab_free(allocate(kAside));  // or nested ones would refill, and look at the list
  stock.take(kBytes, 10 * kInSlab);
  stock.give(stock.count - (slots_of(kBytes) - class_of(kBytes).in_magazines));
  the_subject = stock.pick(stock.count - 1);
}

// One object, and `others` around it, that are free in their slabs.
void* freed_into_slab(size_t others) {
  constexpr size_t kFirst = 2 * kInSlab;
  void* object = stock.pick(kFirst + others / 2);
  reslab_free_nolock(object);
  for (size_t i = others; i > 0; --i) {
    if (i % kDeferred == 0) reslab_flush_deferred();
    reslab_free_nolock(stock.pick(kFirst + i - 1));
  }
  reslab_flush_deferred();
  return object;
}

// So that a flush goes to the slabs.
void fill_depot() {
  constexpr size_t kLarge = 8192, kCount = 400;
  const size_t before = stock.count;
  stock.take(kLarge, kCount);
  stock.give(before);
}

void fill_deferred_list() { stock.give_nolock(stock.count - kDeferred); }

}  // namespace

void foreign(size_t) { the_subject = here; }
void interior(size_t) { the_subject = static_cast<char*>(allocate(kBytes)) + 16; }
void inside_run(size_t) { the_subject = static_cast<char*>(allocate(kRunBytes)) + 100000; }
void small_object(size_t) { the_subject = allocate(kBytes); }

void freed_run(size_t) {
  reslab_free(allocate(kAside));  // or nested ones would make a slab, of the units of the run
  the_subject = allocate(kRunBytes);
  reslab_free(the_subject);
}

void of_malloc(size_t) {
  make_typed();
  the_subject = allocate(kBytes);
}

void on_top(size_t) {
  the_subject = allocate(kBytes);
  reslab_free(the_subject);
}

void twice_in_magazine(size_t) {
  full_magazine();
  void* taken[3];
  for (void*& one : taken) one = allocate(kBytes);
  reslab_free(taken[0]);
  reslab_free(taken[1]);
  reslab_free(taken[0]);
  fill_depot();
}

void in_slab_and_magazine(size_t) {
  full_magazine();
  void* others[2] = {allocate(kBytes), allocate(kBytes)};
  void* object = stock.pick(kInSlab);
  reslab_free(object);  // there is room for two
  reslab_free(others[0]);
  stock.objects[stock.count++] = others[1];
  reslab_free_nolock(object);
  reslab_flush_deferred();
  fill_depot();
}

void in_slab_of_full_class(size_t) {
  full_magazine();
  stock.objects[stock.count++] = the_subject;
  the_subject = freed_into_slab(0);
  fill_deferred_list();
}

void in_empty_slab_of_full_class(size_t) {
  full_magazine();
  stock.objects[stock.count++] = the_subject;
  the_subject = freed_into_slab(3 * kInSlab);
  fill_deferred_list();
}

void in_slab_and_deferred(size_t) {
  full_magazine();
  reslab_free_nolock(freed_into_slab(0));
}

// Flushes look for empty slabs; they do not look at the list.
void in_no_slab_and_deferred(size_t) {
  full_magazine();
  reslab_free_nolock(freed_into_slab(4 * kInSlab));
  stock.give(stock.count - 2 * kInSlab);
}

void written_in_deferred(size_t) {
  full_magazine();
  void* object = stock.pick(0);
  reslab_free_nolock(object);
  memset(object, 0x5a, 8);
}

}  // namespace reentry::misuse
