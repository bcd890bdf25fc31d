// SPDX-License-Identifier: Apache-2.0
#include "rival.h"

#include <reslab/reslab.h>

#include "arena/arena.h"
#include "cache/block.h"
#include "cache/cache.h"
#include "cache/cpu_state.h"
#include "cache/depot.h"
#include "opaque.h"
#include "scenario.h"
#include "slab/slab.h"

namespace failures {

using support::opaque;

namespace {

using namespace reslab;

constexpr size_t kMostKept = 6000;

struct {
  void* kept[kMostKept];
  size_t count;
  void* tokens[2];     // objects that go on deferred lists and come off again
  uint32_t spares[3];  // slabs that go on partial lists and come off again
  UnitRun units[kMostKept];
  size_t unit_count;
  int far_runs;
  uint64_t refusals;
} rival;

ClassId contested_class(size_t index) { return class_of_size(kContested[index]); }
constexpr size_t kSmallContested = 3;  // the others are runs

void keep_or_return(void* object, Grip grip) {
  if (object == nullptr) {
    ++rival.refusals;
  } else if (grip == Grip::kKeeps && rival.count < kMostKept) {
    rival.kept[rival.count++] = object;
  } else {
    reslab_free_nolock(object);
  }
}

// The pool's and the depot's stacks are not what they were, though they may look it.
void move_blocks(ClassId cls) {
  const uint32_t block = blocks().take(cls, Contract::kAny);
  if (block == 0) return;
  if (!depot().put(cls, 0, block)) {
    blocks().recycle(block);
    return;
  }
  const uint32_t back = depot().take(cls, 0);
  if (back == 0) return;
  if (blocks().count(back) == 0) blocks().recycle(back);
  else depot().put(cls, 0, back);
}

// Which slab comes off does not matter: whoever pops one owns it.
void move_lists(ClassId cls, uint32_t& spare) {
  if (spare != 0) slab_let_go(spare, slab_identity(spare));
  spare = slab_pop_partial(cls, 0);
}

void move_deferred() {
  for (uint32_t slot = 0; slot < slots().count() && slot < 2; ++slot) {
    if (!slots().is_ready(slot) || rival.tokens[slot] == nullptr) continue;
    DeferredList& list = cpu_state(slot).deferred;
    if (!list.push(rival.tokens[slot])) continue;
    rival.tokens[slot] = list.pop();
  }
}

void claim(uint32_t count, Grip grip) {
  const UnitRun run = arena().claim(count, 1, Contract::kAnyGrow);
  if (run.first == 0) return;
  if (grip == Grip::kKeeps && rival.unit_count < kMostKept) rival.units[rival.unit_count++] = run;
  else arena().release(run.first, run.count, Arena::Content::kDirty);
}

// The first free unit, and what only the frontier has.
void move_units(Grip grip) {
  constexpr int kMostFarRuns = 6;
  claim(1, grip);
  if (rival.far_runs++ < kMostFarRuns) claim(2000, Grip::kKeeps);
  keep_or_return(opaque(reslab_aligned_alloc_nolock(16, 262'144, RESLAB_GROW)), grip);
}

}  // namespace

void prepare_rival() {
  for (void*& token : rival.tokens) token = opaque(reslab_malloc(16384));
  for (size_t i = 0; i < kSmallContested; ++i) rival.spares[i] = slab_create(contested_class(i), 0, Contract::kPlain);
}

void rival_moves(Grip grip) {
  for (size_t i = 0; i < kSmallContested; ++i) {
    const ClassId cls = contested_class(i);
    move_blocks(cls);
    move_lists(cls, rival.spares[i]);
    for (int n = 0; n < 2; ++n) keep_or_return(opaque(reslab_malloc_nolock(kContested[i], RESLAB_GROW)), grip);
  }
  move_deferred();
  move_units(grip);
}

void dismiss_rival() {
  while (rival.count > 0) reslab_free(rival.kept[--rival.count]);
  for (void*& token : rival.tokens) {
    reslab_free(token);
    token = nullptr;
  }
  while (rival.unit_count > 0) {
    const UnitRun& run = rival.units[--rival.unit_count];
    arena().release(run.first, run.count, Arena::Content::kDirty);
  }
  for (uint32_t& spare : rival.spares) {
    if (spare != 0) slab_let_go(spare, slab_identity(spare));
    spare = 0;
  }
}

uint64_t rival_refusals() { return rival.refusals; }

}  // namespace failures
