// SPDX-License-Identifier: Apache-2.0
// The states of a slab: active, listed, retired, made again as another. Every step here is one of the slab layer's own.
#include "slab/slab.h"

#include <reslab/reslab.h>

#include "cache/active_slab.h"
#include "cache/lost_slabs.h"
#include "cases.h"
#include "heap/root.h"
#include "scheduler.h"
#include "workload.h"

namespace schedules {
namespace {

using namespace reslab;

constexpr size_t kBytes = 16384;  // eight to a slab of two units
constexpr size_t kOther = 14336;  // of another class, in slabs of other sizes
constexpr ClassId kClass = class_of_size(kBytes);

uint32_t the_slab;
SlabIdentity the_identity;

void again(void (*work)()) {
  for (int left = settings().repeat; left > 0; --left) work();
}

// A slab of which `held_objects` objects are on the table, on its list unless all are.
void make_slab(uint32_t held_objects) {
  the_slab = slab_create(kClass, 0, Contract::kPlain);
  if (the_slab == 0) violation("no slab");
  the_identity = slab_identity(the_slab);
  void* objects[8];
  const uint32_t got = slab_take(the_slab, the_identity, objects, held_objects);
  if (got != held_objects) violation("a fresh slab gave %u objects of %u", got, held_objects);
  for (uint32_t i = 0; i < got; ++i) hold(objects[i], kBytes, kTable);
  slab_let_go(the_slab, the_identity);
}

void one_out() { make_slab(1); }
void two_out() { make_slab(2); }
void none_out() { make_slab(0); }
void all_out() { make_slab(class_info(kClass).capacity); }

void give_back_one() {
  void* object = let_go(kTable);
  if (object != nullptr && !slab_give_object(object)) violation("a first free was called a double one");
}

void give_two() {
  again([] {
    give_back_one();
    give_back_one();
  });
}

void give_and_sweep() {
  again([] {
    give_back_one();
    slab_sweep(kClass, 4);
    slab_sweep(kClass, 4);
  });
}

void sweep_twice() {
  again([] {
    slab_sweep(kClass, 4);
    slab_sweep(kClass, 4);
  });
}

// With an identity from before: it may be retired by now, or be another.
void take_from_it() {
  again([] {
    void* objects[4];
    const uint32_t got = slab_take(the_slab, the_identity, objects, 2);
    for (uint32_t i = 0; i < got; ++i) hold(objects[i], kBytes);
  });
}

void take_one_from_it() {
  again([] {
    void* object = slab_take_one(the_slab, the_identity);
    if (object != nullptr) hold(object, kBytes);
  });
}

void take_by_the_list() {
  again([] {
    SlabIdentity identity;
    const uint32_t unit = slab_pop_partial(kClass, 0, &identity);
    if (unit == 0) return;
    void* objects[4];
    const uint32_t got = slab_take(unit, identity, objects, 3);
    for (uint32_t i = 0; i < got; ++i) hold(objects[i], kBytes);
    slab_let_go(unit, identity);
  });
}

// Retires it, then makes the same units a slab of another class and takes objects there.
void retire_and_reuse() {
  again([] {
    slab_sweep(kClass, 4);
    slab_sweep(kClass, 4);
    take(8192);
    take(8192);
  });
}

void use_as_active() {
  again([] {
    SlabIdentity identity;
    const uint32_t unit = slab_pop_partial(kClass, 0, &identity);
    if (unit == 0) return;
    if (!slab_activate(unit, identity, 0)) return;
    void* objects[8];
    const uint32_t got = slab_take(unit, identity, objects, 8);
    for (uint32_t i = 0; i < got; ++i) hold(objects[i], kBytes);
    slab_deactivate(unit, identity, 0);
  });
}

// The active slab of slot 0 comes and goes.
void install_it() {
  SlabIdentity identity;
  const uint32_t unit = slab_pop_partial(kClass, 0, &identity);
  if (unit != 0) install_active(0, unit, identity);
}

void install_and_release() {
  again([] {
    install_it();
    release_active(0, kClass);
  });
}

void find_lost_and_install() {
  again([] {
    relist_lost_slabs(arena().frontier());
    install_it();
  });
}

// Where it stood before, another slab of the same class.
void find_lost_and_make_again() {
  again([] {
    relist_lost_slabs(arena().frontier());
    slab_sweep(kClass, 4);
    slab_sweep(kClass, 4);
    SlabIdentity identity;
    const uint32_t unit = slab_create(kClass, 0, Contract::kPlain, &identity);
    if (unit != 0) install_active(0, unit, identity);
  });
}

void allocate_one() {
  again([] { take(kBytes); });
}

void allocate_two() {
  again([] {
    take(kBytes);
    take(kBytes);
  });
}

void free_two() {
  again([] {
    give(kTable);
    give(kTable);
  });
}

void allocate_another() {
  again([] { take(kOther); });
}

void trim_everything() {
  again([] { reslab_trim(0); });
}

// The block it has had in hand for its refill is pooled again, and the next one who needs a block has that.
void refill_and_trim() {
  again([] {
    take(kBytes);
    reslab_trim(0);
  });
}

void refill_another_class() {
  constexpr size_t kOtherBytes = 3000;
  again([] {
    take(kOtherBytes);
    give(kTable);
  });
}

constexpr Case kCases[] = {
    {.name = "last_frees_against_sweep",
     .what = "the last two objects of a slab freed while it is swept, retired or relisted",
     .setup = two_out,
     .threads = {give_two, sweep_twice, sweep_twice}},
    {.name = "first_free_of_a_full_slab",
     .what = "a slab on no list gets its first free objects, from two sides",
     .setup = all_out,
     .threads = {give_two, give_two, use_as_active}},
    {.name = "take_against_retire",
     .what = "a claim by a stale identity while the slab is retired and becomes another's",
     .setup = none_out,
     .threads = {take_from_it, retire_and_reuse, take_one_from_it}},
    {.name = "take_one_against_retire",
     .what = "the same, by one bit",
     .setup = none_out,
     .threads = {take_one_from_it, retire_and_reuse, take_from_it}},
    {.name = "take_against_take",
     .what = "two claims of one word, with more in it than is wanted",
     .setup = two_out,
     .threads = {take_from_it, take_by_the_list, take_one_from_it}},
    {.name = "active_against_give",
     .what = "a slab that is activated, emptied and deactivated while objects come back",
     .setup = two_out,
     .threads = {use_as_active, give_two, sweep_twice}},
    {.name = "active_against_active",
     .what = "two that pop, activate and deactivate, and one that gives",
     .setup = two_out,
     .threads = {use_as_active, use_as_active, give_two}},
    {.name = "release_against_lost",
     .what = "the active slab of a slot is released, and meanwhile found as lost and made active again there",
     .setup = two_out,
     .threads = {install_and_release, find_lost_and_install, install_and_release}},
    {.name = "release_against_reuse",
     .what = "the same, and it is retired and its units are the next active slab",
     .setup = none_out,
     .threads = {install_and_release, find_lost_and_make_again, find_lost_and_install}},
    {.name = "refill_against_retire",
     .what = "a refill that has popped a slab which somebody else empties, sweeps and retires",
     .setup = one_out,
     .threads = {allocate_one, give_and_sweep, sweep_twice},
     .bound_of_three = 2},
    {.name = "slabs_by_the_front_door",
     .what = "allocations and frees of a class without magazines",
     .setup = two_out,
     .threads = {allocate_two, free_two, allocate_another},
     .bound = 2,
     .bound_of_three = 2},
    {.name = "trim_against_frees",
     .what = "reslab_trim against frees and allocations",
     .setup = two_out,
     .threads = {free_two, trim_everything, allocate_two},
     .bound = 2,
     .bound_of_three = 2},
    {.name = "trim_against_refill",
     .what = "reslab_trim, which looks for blocks that were left in hand, against refills with the same blocks",
     .setup = none_out,
     .threads = {refill_and_trim, refill_another_class, refill_another_class},
     .bound = 2,
     .bound_of_three = 1},
};

}  // namespace

std::span<const Case> slab_cases() { return kCases; }

}  // namespace schedules
