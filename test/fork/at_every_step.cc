// SPDX-License-Identifier: Apache-2.0
// A fork at the instructions of every operation, by the thread that is in the middle of it: from a handler on top of
// it. At addresses where there has been none yet first, in whatever operation; the quick form takes a sample of them,
// the long one all that it has time for, and then any steps.
//
// In the child the frame below is alive and will go on, while everything says "forked". The child works there, forks a
// child of its own that works as well, goes back into the operation, finishes it, and audits: nothing is lost (22). Two
// of the operations are the repair of a child (heap/fork.h): there the grandchild is forked in the middle of it; and the
// child's parent may have had a thread in the middle of something, of which a block's worth may be lost.
//
// In rseq mode the CPU is a scripted one (support/scripted_cpu.h), because stepping aborts every section that the
// kernel knows of, and no slow path behind one would be reached. In the middle of a section nothing is done: the kernel
// would have sent the thread out of it before its handler ran. For lesson 22 of docs/lessons.md.
#include <errno.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstring>
#include <utility>
#include <vector>

#include "child.h"
#include "deceased.h"
#include "failure.h"
#include "heir.h"
#include "library_map.h"
#include "operations.h"
#include "others.h"
#include "random.h"
#include "scripted_cpu.h"
#include "settings.h"
#include "single_step.h"

namespace {

using namespace progress;
using namespace support;

constexpr unsigned kMostSeconds = 60;   // for one child
constexpr size_t kOperations = 1'000;   // of a kind
constexpr uint64_t kSampleGap = 64;     // one of so many addresses that an operation meets, where there was no fork yet
constexpr uint64_t kMostSteps = 2'000;  // that the quick form looks at: some walk over the whole heap
constexpr uint64_t kMostStepsOfRepair = 50'000;  // all of a malloc's; trim has ten times as many
constexpr size_t kOtherBytes = 480;              // what a forker leaves is of a class of its own
constexpr int kDeaths = 6, kDeathsQuick = 2;     // for each way to repair

const Operation* operation;
char name_of_play[160];
const Settings* given;
Hand hand_of_forker;

// --- in a child ------------------------------------------------------------------------------------------------------

void work_and_look_after_the_hand() {
  for (size_t kind = 0; kind < kKinds; ++kind) work(static_cast<Kind>(kind), kOperations);
  hand_of_forker.check();
}

void live(int generations) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  limit_time(kMostSeconds);
  set_stage("a child works in the handler");
  work_and_look_after_the_hand();
  if (generations == 0) return;
  const pid_t child = fork();
  if (child == 0) {
    live(generations - 1);
    return;
  }
  expect_good_end_of(child);
  work_and_look_after_the_hand();
  set_stage("a child finishes what it was forked in");
}

// --- at an instruction -----------------------------------------------------------------------------------------------

// Addresses of the library's code. What has been seen is shared by all processes, and written by one at a time; what
// this process has come by is its own.
class Places {
 public:
  explicit Places(const LibraryMap& map)
      : first_(map.text()),
        count_(map.text_bytes()),
        seen_(bytes<Seen>(MAP_SHARED)),
        passed_(bytes<bool>(MAP_PRIVATE)) {}

  void meet(uintptr_t pc) { at(pc) = std::max(at(pc), Seen::kMet); }
  // Whether this process has not been there before.
  bool pass_first(uintptr_t pc) { return !std::exchange(passed_[pc - first_], true); }
  void fork_at(uintptr_t pc) { at(pc) = Seen::kForkedAt; }
  bool is_forked_at(uintptr_t pc) { return at(pc) == Seen::kForkedAt; }

  uint64_t met() const { return count_ - count(Seen::kNot); }
  uint64_t forked_at() const { return count(Seen::kForkedAt); }

 private:
  enum class Seen : uint8_t { kNot, kMet, kForkedAt };

  template <class T>
  T* bytes(int sharing) const {
    void* memory = mmap(nullptr, count_, PROT_READ | PROT_WRITE, sharing | MAP_ANONYMOUS, -1, 0);
    expect(memory != MAP_FAILED, "no memory for a list of places");
    return static_cast<T*>(memory);
  }

  Seen& at(uintptr_t pc) { return seen_[pc - first_]; }
  uint64_t count(Seen what) const { return static_cast<uint64_t>(std::count(seen_, seen_ + count_, what)); }

  uintptr_t first_;
  size_t count_;
  Seen* seen_;
  bool* passed_;
};

using Clock = std::chrono::steady_clock;
enum class Choice { kNew, kAny };

struct Progress {
  uint64_t steps, forks;
  uint64_t forks_in_repair;  // before the units of the heap were settled
  bool died_inside;          // the deceased, in the middle of his deed
};
// Of the process that steps.
Progress done;
Choice choice;
uint64_t gap;               // candidates between two forks, on average
uint64_t candidates, next;  // how many there were, and which one is forked at
uint64_t most_steps;        // behind them the operation runs at full speed
Clock::time_point latest;   // for a fork
Random dice(0);
const LibraryMap* library;
Places* places;

uint64_t draw_distance() { return 1 + dice.below(2 * gap - 1); }

bool is_a_step(uintptr_t pc) {
  if (!library->contains(pc) || library->section_around(pc) != nullptr) return false;
  places->meet(pc);
  if (++done.steps >= most_steps) stop_stepping();
  return true;
}

bool is_next_fork(uintptr_t pc) {
  if (choice == Choice::kNew && (places->is_forked_at(pc) || !places->pass_first(pc))) return false;
  if (++candidates < next) return false;
  next = candidates + draw_distance();
  return Clock::now() < latest;
}

void only_count(uint64_t, void*) { is_a_step(stepped_pc()); }

bool is_in_repair;

void fork_here(uint64_t, void*) {
  const uintptr_t pc = stepped_pc();
  if (!is_a_step(pc)) return;
  const char* const hook = library->hook_at(pc);
  if (hook != nullptr && strcmp(hook, "fork_repair") == 0) is_in_repair = true;
  if (hook != nullptr && strcmp(hook, "fork_units_settled") == 0) is_in_repair = false;
  if (!is_next_fork(pc)) return;
  places->fork_at(pc);
  ++done.forks;
  if (is_in_repair) ++done.forks_in_repair;
  set_scene("%s, forked at step %llu, at %#lx in the library, seed %llu", name_of_play,
            static_cast<unsigned long long>(done.steps), library->link_address(pc),
            static_cast<unsigned long long>(given->seed));
  const pid_t child = fork();
  if (child != 0) return expect_good_end_of(child);
  live(1);
  stop_stepping();
}

// --- the repair ------------------------------------------------------------------------------------------------------

Deceased deceased;
const Operation* last_deed;  // nullptr: nobody dies
uint64_t steps_to_death;

// From here on it is a child's first steps that are taken; the process that has forked it waits for its end.
void become_a_child() {
  const pid_t child = fork();
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    return;
  }
  expect_good_end_of(child);
  _exit(0);
}

uint64_t deferred_now() {
  reslab_stats stats = {};
  reslab_get_stats(&stats, sizeof stats);
  return stats.deferred_pending;
}

// Of each kind of thing that a repair looks at: half-freed slabs, a depot, deferred frees, runs.
void leave_something_to_repair(Hand& hand) {
  if (last_deed != nullptr) deceased.begin(*last_deed, *library, steps_to_death, strcmp(given->mode, "rseq") == 0);
  hand.fill(3000, kOtherBytes);
  hand.thin(2);
  for (int i = 0; i < 300; ++i) reslab_free_nolock(hand.take_last());
  expect(deferred_now() > 0, "no free was deferred");
  hand.fill(3, kRunBytes);
  hand.free_last(1);
  if (last_deed != nullptr) done.died_inside = deceased.die();
  become_a_child();
}

constexpr Operation kRepairs[] = {
    {.name = "repair of a child, by a malloc",
     .prepare = leave_something_to_repair,
     .run = [](Hand& hand) { hand.fill(1, kRunBytes); }},
    {.name = "repair of a child, by trim", .prepare = leave_something_to_repair, .run = [](Hand&) { reslab_trim(0); }},
};

bool is_repair(const Operation& one) { return &one == &kRepairs[0] || &one == &kRepairs[1]; }

// --- an operation, in a process of its own ---------------------------------------------------------------------------

Ledger before, after;
using AtStep = void (*)(uint64_t step, void*);

// In a child that was forked on the way this is where it ends, too.
[[noreturn]] void play(AtStep at_step, int answer) {
  if (strcmp(given->mode, "rseq") == 0) support::take_over_rseq();
  for (size_t kind = 0; kind < kKinds; ++kind) work(static_cast<Kind>(kind), kOperations);
  before.take();
  operation->prepare(hand_of_forker);
  const pid_t self = getpid();
  single_step([](void*) { operation->run(hand_of_forker); }, at_step, nullptr);
  hand_of_forker.check();
  hand_of_forker.free_all();
  if (operation->clean_up != nullptr) operation->clean_up();
  if (last_deed != nullptr) {
    // A child that was forked before the repair had its mark has repaired a part, in the handler, and owes the rest, and
    // what that finds lost, to its next plain allocation.
    reslab_free(reslab_malloc(kRunBytes));
    deceased.expect_its_estate();
  } else {
    after.take();
    after.expect_same(before, "with the operation done");
  }
  expect_sound_heap("with the operation done");
  if (getpid() == self) expect(write(answer, &done, sizeof done) == sizeof done, "the pipe is broken");
  _exit(0);
}

Progress play_in_child(AtStep at_step) {
  int ends[2];
  done = {};
  expect(pipe(ends) == 0, "no pipe");
  const pid_t process = fork();
  if (process == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    play(at_step, ends[1]);
  }
  close(ends[1]);
  expect_good_end_of(process);
  Progress progress;
  expect(read(ends[0], &progress, sizeof progress) == sizeof progress, "the operation said nothing");
  close(ends[0]);
  return progress;
}

// --- all operations --------------------------------------------------------------------------------------------------

struct Row {
  const Operation* operation;
  Progress sum;
  uint64_t deaths_inside = 0;
};

std::vector<Row> chosen_operations() {
  std::vector<Row> rows;
  const auto add_if_chosen = [&](const Operation& one) {
    if (given->operation == nullptr || strcmp(given->operation, one.name) == 0) rows.push_back({&one, {}});
  };
  for (const Operation& one : operations()) {
    if (one.where == Where::kAnywhere) add_if_chosen(one);
  }
  for (const Operation& one : kRepairs) add_if_chosen(one);
  expect(!rows.empty(), "there is no such operation");
  return rows;
}

void begin(const Row& row) {
  operation = row.operation;
  most_steps = !given->quick() ? UINT64_MAX : is_repair(*operation) ? kMostStepsOfRepair : kMostSteps;
  snprintf(name_of_play, sizeof name_of_play, "%s%s%s", operation->name,
           last_deed == nullptr ? "" : ", somebody died in ", last_deed == nullptr ? "" : last_deed->name);
  set_scene("%s, seed %llu", name_of_play, static_cast<unsigned long long>(given->seed));
}

void count_steps(Row& row) {
  begin(row);
  row.sum.steps = play_in_child(only_count).steps;
  expect(row.sum.steps > 0, "the operation never came into the library");
}

uint64_t fork_in(Row& row, Choice wanted, uint64_t one_in) {
  begin(row);
  choice = wanted, gap = one_in, candidates = 0, next = draw_distance();
  const Progress progress = play_in_child(fork_here);
  row.sum.forks += progress.forks;
  row.sum.forks_in_repair += progress.forks_in_repair;
  row.deaths_inside += progress.died_inside ? 1 : 0;
  return progress.forks;
}

// What an operation meets that others have been forked at may leave it without a fork: then at one of its steps, in the
// first half, since another time there may be fewer of them.
void fork_at_least_once(Row& row) {
  if (row.sum.forks > 0) return;
  begin(row);
  choice = Choice::kAny, gap = row.sum.steps, candidates = 0, next = 1 + dice.below((row.sum.steps + 1) / 2);
  row.sum.forks = play_in_child(fork_here).forks;
  expect(row.sum.forks > 0, "nothing was forked");
}

const Operation& draw_deed() {
  for (;;) {  // ends: most of them are
    const Operation& one = operations()[dice.below(operations().size())];
    if (one.where == Where::kAnywhere) return one;
  }
}

// The child's parent had one more thread, which was in the middle of some operation.
uint64_t fork_in_repairs_behind_a_death(Row& row, Choice wanted, uint64_t one_in) {
  uint64_t forks = 0;
  for (int i = 0; i < (given->quick() ? kDeathsQuick : kDeaths); ++i) {
    Row rehearsal = {&draw_deed(), {}};
    count_steps(rehearsal);
    steps_to_death = dice.below(rehearsal.sum.steps);
    last_deed = rehearsal.operation;
    forks += fork_in(row, wanted, one_in);
    last_deed = nullptr;
  }
  return forks;
}

uint64_t fork_in_all(std::vector<Row>& rows, Choice wanted, uint64_t one_in) {
  uint64_t forks = 0;
  for (Row& row : rows) {
    forks += fork_in(row, wanted, one_in);
    if (is_repair(*row.operation)) forks += fork_in_repairs_behind_a_death(row, wanted, one_in);
  }
  return forks;
}

// Until `end`: at the addresses that are left, or as many of them as there is time for, then at any step. How long a
// fork takes is what those so far took.
void go_on_until(Clock::time_point end, std::vector<Row>& rows, double seconds_for_one) {
  latest = end;
  const auto affordable = [&] {
    const double left = std::chrono::duration<double>(end - Clock::now()).count();
    return static_cast<uint64_t>(std::max(1.0, left / seconds_for_one));
  };
  const uint64_t new_places = places->met() - places->forked_at();
  fork_in_all(rows, Choice::kNew, new_places / affordable() + 1);
  uint64_t steps = 0;
  for (const Row& row : rows) steps += row.sum.steps;
  while (Clock::now() < end && fork_in_all(rows, Choice::kAny, steps / affordable() + 1) > 0) {}
}

}  // namespace

int main(int argc, char** argv) {
  const Settings settings =
      read_settings(argc, argv, "a fork at any instruction, by the thread itself, leaves a child that works");
  require(settings);
  const LibraryMap map = LibraryMap::of("reslab_malloc");
  Places all_places(map);
  given = &settings, library = &map, places = &all_places, dice = Random(settings.seed);
  latest = Clock::time_point::max();
  std::vector<Row> rows = chosen_operations();

  const auto start = Clock::now();
  for (Row& row : rows) count_steps(row);
  const auto first_fork = Clock::now();
  fork_in_all(rows, Choice::kNew, kSampleGap);
  for (Row& row : rows) fork_at_least_once(row);
  uint64_t forks = 0;
  for (const Row& row : rows) forks += row.sum.forks;
  if (!settings.quick()) {
    const std::chrono::duration<double> taken = Clock::now() - first_fork;
    const auto length =
        std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(60 * settings.minutes));
    go_on_until(start + length, rows, taken.count() / static_cast<double>(forks));
  }

  forks = 0;
  for (const Row& row : rows) {
    settings.log.line("%s: %llu forks at %llu steps", row.operation->name,
                      static_cast<unsigned long long>(row.sum.forks), static_cast<unsigned long long>(row.sum.steps));
    forks += row.sum.forks;
    if (!is_repair(*row.operation)) continue;
    settings.log.line(
        "  %llu of them before the heap's units were settled; %llu threads died in the middle of something",
        static_cast<unsigned long long>(row.sum.forks_in_repair), static_cast<unsigned long long>(row.deaths_inside));
    expect(row.sum.forks_in_repair > 0, "no fork was in the middle of a repair");
    expect(row.deaths_inside > 0, "nobody died in the middle of anything");
  }
  settings.log.line("ok, %llu forks, at %llu of the %llu addresses that were met, seed %llu",
                    static_cast<unsigned long long>(forks), static_cast<unsigned long long>(places->forked_at()),
                    static_cast<unsigned long long>(places->met()), static_cast<unsigned long long>(settings.seed));
}
