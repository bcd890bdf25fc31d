// SPDX-License-Identifier: Apache-2.0
// Magazines against the drain of another CPU (3), and against preemption on their own: in mode rseq with a stop at
// every instruction of the sections, in mode fallback at the hooks between their steps.
#include "cache/drain.h"
#include "cache/magazine.h"

#include <reslab/reslab.h>

#include "cases.h"
#include "scheduler.h"
#include "slab/slab.h"
#include "workload.h"

namespace schedules {
namespace {

using namespace reslab;

constexpr size_t kBytes = 64;
constexpr ClassId kClass = class_of_size(kBytes);
constexpr uint32_t kSlot = 0;  // of the thread whose magazine is drained
constexpr uint32_t kRoom = 4;

void again(void (*work)()) {
  for (int left = settings().repeat; left > 0; --left) work();
}

void give_to_slab(ClassId, void* object) {
  if (!slab_give_object(object)) violation("the drain has visited %p twice, or it is free", object);
}

void open() {
  again([] { magazine_open(kSlot, kClass); });
}

void drain() {
  again([] { magazine_drain(kSlot, kClass, give_to_slab); });
}

// `count` objects in the magazine of slot 0, and three on the table.
void fill_magazine(uint32_t count) {
  for (uint32_t slot = 0; slot < slots().count(); ++slot) {
    if (!slots().make_ready(slot)) violation("no memory for a region");
  }
  take_many(kBytes, count + 3);
  magazine_open(kSlot, kClass);
  magazine_drain(kSlot, kClass, give_to_slab);
  const uint32_t begin = class_info(kClass).begin;
  for (uint32_t i = 0; i < count; ++i) slot_words(kSlot)[begin + i].store(let_go(kTable));
  header_word(kSlot, kClass).store(header_of(begin + count, begin + kRoom));
}

void with_none() { fill_magazine(0); }
void with_one() { fill_magazine(1); }
void with_two() { fill_magazine(2); }
void with_no_magazine() {
  fill_magazine(0);
  header_word(kSlot, kClass).store(0);
}
void with_room_for_one() { fill_magazine(kRoom - 1); }

// --- the calls, stepped alone: the test's own work has no stops ------------------------------------------------------

struct {
  void* objects[4];
  uint32_t count;
} in_call[kMostThreads];

auto& mine() { return in_call[thread_number()]; }

void pop() {
  again([] {
    step_sections([] { mine().objects[0] = reslab_malloc(kBytes); });
    hold(mine().objects[0], kBytes);
  });
}

void push() {
  again([] {
    mine().objects[0] = let_go(kTable);
    step_sections([] { reslab_free(mine().objects[0]); });
  });
}

// Not stepped: what stands in a section sees it happen at once.
void push_whole() {
  again([] { give(kTable); });
}

// Into the magazine that its own drain has opened again.
void drain_and_push() {
  again([] {
    magazine_drain(kSlot, kClass, give_to_slab);
    mine().objects[0] = let_go(kTable);
    step_sections([] { reslab_free(mine().objects[0]); });
  });
}

void push_and_pop() {
  again([] {
    mine().objects[0] = let_go(kTable);
    step_sections([] {
      reslab_free(mine().objects[0]);
      mine().objects[0] = reslab_malloc(kBytes);
    });
    hold(mine().objects[0], kBytes);
  });
}

void pop_batch() {
  again([] {
    step_sections([] { mine().count = magazine_pop_batch(kClass, mine().objects, 2); });
    for (uint32_t i = 0; i < mine().count; ++i) hold(mine().objects[i], kBytes);
  });
}

void push_batch() {
  again([] {
    uint32_t have = 0;
    for (; have < 2 && held(kTable) > 0; ++have) mine().objects[have] = let_go(kTable);
    mine().count = have;
    step_sections([] { mine().count -= magazine_push_batch(kClass, mine().objects, mine().count); });
    for (uint32_t i = 0; i < mine().count; ++i) hold(mine().objects[have - mine().count + i], kBytes);
  });
}

void resize() {
  again([] { step_sections([] { magazine_resize(kClass, kRoom - 2); }); });
}

void push_nolock() {
  again([] {
    mine().objects[0] = let_go(kTable);
    step_sections([] { reslab_free_nolock(mine().objects[0]); });
  });
}

constexpr Case kCases[] = {
    {.name = "pop_against_drain",
     .what = "an allocation from a magazine that another CPU drains",
     .setup = with_one,
     .threads = {pop, drain, push},
     .bound = 2,
     .bound_of_three = 2},
    {.name = "push_against_drain",
     .what = "a free into a magazine that another CPU drains",
     .setup = with_one,
     .threads = {push, drain, pop},
     .bound_of_three = 2},
    {.name = "last_room_against_drain",
     .what = "the free that fills a magazine which another CPU drains",
     .setup = with_room_for_one,
     .threads = {push_nolock, drain, push_nolock},
     .bound_of_three = 2},
    {.name = "both_against_drain",
     .what = "a free and an allocation against a drain",
     .setup = with_none,
     .threads = {push_and_pop, drain, drain}},
    {.name = "pop_batch_against_drain",
     .what = "a batch out of a magazine that another CPU drains",
     .setup = with_two,
     .threads = {pop_batch, drain, pop_batch}},
    {.name = "push_against_open",
     .what = "a free into a magazine that another CPU opens, for a thread that was on this one",
     .setup = with_no_magazine,
     .threads = {push, open, open}},
    {.name = "push_batch_against_drain",
     .what = "a batch into a magazine that another CPU drains",
     .setup = with_one,
     .threads = {push_batch, drain, push_batch},
     .bound_of_three = 2},
    {.name = "resize_against_drain",
     .what = "a magazine made smaller while another CPU drains it",
     .setup = with_two,
     .threads = {resize, drain, push}},
    {.name = "drain_against_drain",
     .what = "two drains of one magazine, and frees into it",
     .setup = with_two,
     .threads = {drain_and_push, drain, push},
     .bound_of_three = 2},
    {.name = "preempted_pop",
     .what = "an allocation that is preempted for another one on its CPU",
     .setup = with_two,
     .threads = {pop, pop, push},
     .slots = Slot::kShared,
     .bound_of_three = 2},
    {.name = "preempted_push",
     .what = "a free that is preempted for an allocation on its CPU",
     .setup = with_one,
     .threads = {push, pop, push},
     .slots = Slot::kShared,
     .bound_of_three = 2},
    {.name = "preempted_by_push",
     .what = "a free that is preempted for another one on its CPU",
     .setup = with_one,
     .threads = {push, push_whole, push_whole},
     .slots = Slot::kShared},
    {.name = "migrated_push",
     .what = "a free that goes on at another CPU, which is in a free as well",
     .setup = with_one,
     .threads = {push_nolock, push, pop},
     .slots = Slot::kMoving,
     .bound = 2,
     .bound_of_three = 2},
};

}  // namespace

std::span<const Case> magazine_cases() { return kCases; }

}  // namespace schedules
