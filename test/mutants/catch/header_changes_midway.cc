// SPDX-License-Identifier: Apache-2.0
// Another CPU opens or closes a magazine while a section is under way on it (1, 3). Each is one 64-bit store or
// exchange, so it may fall between any two instructions of the section, and this lets it fall between each two in turn.
// Either the section saw the header of before and committed in time or over the new one, as if it had come first; or it
// did nothing. It never writes to a place that no header of the two allows.

#include "cache/magazine.h"
#include "catcher.h"
#include "scripted_cpu.h"
#include "single_step.h"

using namespace catcher;
using namespace reslab;

namespace {

constexpr ClassId kClass = 4;  // 64 bytes
constexpr uint32_t kSlots = 8;
constexpr uint32_t kSlotsAfterResize = 6;
constexpr uint32_t kObjects = 3;

uint32_t begin() { return class_info(kClass).begin; }
void* object_number(uintptr_t n) { return reinterpret_cast<void*>(n * 64 + 64); }

// --- the sections ----------------------------------------------------------------------------------------------------

struct Operation {
  const char* name;
  bool (*run)(void*& object);  // true: committed; `object` goes in or comes out
  int top_change;
};

const Operation kOperations[] = {
    {"push", [](void*& object) { return section_push(kClass, object) == Section::kDone; }, 1},
    {"pop",
     [](void*& object) {
       const PopResult result = section_pop(kClass);
       object = result.object;
       return result.section == Section::kDone;
     },
     -1},
    {"push_batch", [](void*& object) { return section_push_batch(kClass, &object, 1).count == 1; }, 1},
    {"pop_batch", [](void*& object) { return section_pop_batch(kClass, begin(), &object, 1).count == 1; }, -1},
    {"resize", [](void*&) { return section_resize(kClass, begin() + kSlotsAfterResize) == Section::kDone; }, 0},
};

// --- what happens meanwhile ------------------------------------------------------------------------------------------

struct Change {
  const char* name;
  uint64_t from, to;
};

struct Schedule {
  const Operation& operation;
  const Change& change;
  uint64_t change_at;
  void* object;
  bool done;
  uint64_t replaced;  // the header that the change has found
};

void run_operation(void* context) {
  auto& schedule = *static_cast<Schedule*>(context);
  schedule.done = schedule.operation.run(schedule.object);
}

void change_in_time(uint64_t step, void* context) {
  auto& schedule = *static_cast<Schedule*>(context);
  if (step == schedule.change_at) schedule.replaced = header_word(0, kClass).exchange(schedule.change.to);
}

// The words that no section may touch: around the magazine, and where closed and untouched headers point.
struct Outside {
  void* words[6];

  static Outside look() {
    std::atomic<void*>* all = slot_words(0);
    return {{all[0].load(), all[begin() - 1].load(), all[begin() + kSlots].load(), all[kClosedTop - 1].load(),
             all[kClosedTop].load(), all[kClosedTop + 1].load()}};
  }
  bool operator==(const Outside&) const = default;
};

void expect_outcome(const Schedule& schedule) {
  const Operation& operation = schedule.operation;
  const uint64_t header = header_word(0, kClass).load();
  const uint64_t from = schedule.change.from;
  const auto shown = static_cast<size_t>(header);
  if (!schedule.done) {
    expect(schedule.replaced == from && header == schedule.change.to, "it did nothing, but the header is %#zx", shown);
    return;
  }
  // An opened magazine is empty; a closed one had its objects, and the section has seen them.
  const uint32_t top_before = header_end(from) == 0 ? begin() : header_top(from);
  const uint32_t top_after = top_before + static_cast<uint32_t>(operation.top_change);
  const uint32_t end_after = operation.top_change == 0 ? begin() + kSlotsAfterResize : header_end(schedule.change.to);
  const bool in_time = schedule.replaced != from;
  const uint64_t wanted = in_time ? schedule.change.to : header_of(top_after, end_after);
  expect(header == wanted, "it was done, and the header is %#zx, not %#zx", shown, static_cast<size_t>(wanted));
  expect(!in_time || header_top(schedule.replaced) == top_after, "it was done, and the other CPU has found %#zx",
         static_cast<size_t>(schedule.replaced));
  if (operation.top_change > 0) expect(slot_words(0)[top_before].load() == schedule.object, "the object is nowhere");
  if (operation.top_change < 0)
    expect(schedule.object == object_number(top_after - begin()), "it has got another object");
}

// False: the section has fewer instructions than that.
bool try_schedule(const Operation& operation, const Change& change, uint64_t change_at) {
  for (uint32_t i = 0; i < kSlots; ++i) slot_words(0)[begin() + i].store(i < kObjects ? object_number(i) : nullptr);
  header_word(0, kClass).store(change.from);
  const Outside before = Outside::look();
  Schedule schedule = {operation, change, change_at, object_number(100), false, 0};
  const uint64_t steps = support::single_step(run_operation, change_in_time, &schedule);
  if (steps <= change_at) return false;
  expect(Outside::look() == before, "a word outside of the magazine has changed");
  expect_outcome(schedule);
  return true;
}

void try_all_schedules(const Operation& operation, const Change& change) {
  uint64_t step = 0;
  do {
    set_scene("%s, %s at step %u", operation.name, change.name, static_cast<unsigned>(step));
  } while (try_schedule(operation, change, step++));
  expect(step > 10, "only %u instructions were seen", static_cast<unsigned>(step));
}

}  // namespace

int main(int argc, char** argv) {
  start(argc, argv);
  expect(with_rseq(), "sections are what this is about");
  support::take_over_rseq();
  reslab_free(reslab_malloc(64));  // slot 0 is in use from now on
  const Change changes[] = {
      {"opened for the first time", 0, header_of(begin(), begin() + kSlots)},
      {"opened again", kClosedHeader, header_of(begin(), begin() + kSlots)},
      {"closed", header_of(begin() + kObjects, begin() + kSlots), kClosedHeader},
  };
  for (const Operation& operation : kOperations) {
    for (const Change& change : changes) try_all_schedules(operation, change);
  }
}
