// SPDX-License-Identifier: Apache-2.0
// A fork at the instructions of every operation, by the thread that is in the middle of it: from a handler on top of it.
// In the child the frame below is alive and will go on, while everything says "forked". The child works there, forks a
// child of its own that works as well, goes back into the operation, finishes it, and audits: nothing is lost (22).
//
// In rseq mode the CPU is a scripted one (support/scripted_cpu.h), because stepping aborts every section that the kernel
// knows of, and no slow path behind one would be reached. In the middle of a section nothing is done: the kernel would
// have sent the thread out of it before its handler ran. For lesson 22 of docs/lessons.md.
#include <errno.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstring>

#include "child.h"
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
constexpr uint64_t kFewForks = 6;       // to see what one costs
constexpr uint64_t kMostSteps = 2'000;  // that the quick form looks at: some walk over the whole heap

const Operation* operation;
const Settings* given;
Hand hand_of_forker;

// --- in a child --------------------------------------------------------------------------------------------------------

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

// --- at an instruction -------------------------------------------------------------------------------------------------

struct Progress {
  uint64_t steps, forks;
};
// Of the process that steps; the place to fork next, by the number of the step in the library.
Progress done;
uint64_t gap;         // steps between two forks, on average
uint64_t most_steps;  // behind them the operation runs at full speed
uint64_t next_fork;
Random dice(0);
const LibraryMap* library;

// In the quick form ever further apart: how many steps there will be is not known, and most operations have few.
void draw_next_fork() {
  const uint64_t most = given->quick() ? 3 * done.steps + 4 : 2 * gap - 1;
  next_fork = done.steps + 1 + dice.below(most);
}

bool is_a_step(uintptr_t pc) {
  if (!library->contains(pc) || library->section_around(pc) != nullptr) return false;
  if (++done.steps >= most_steps) stop_stepping();
  return true;
}

void only_count(uint64_t, void*) { is_a_step(stepped_pc()); }

void fork_here(uint64_t, void*) {
  const uintptr_t pc = stepped_pc();
  if (!is_a_step(pc) || done.steps < next_fork) return;
  draw_next_fork();
  ++done.forks;
  set_scene("%s, forked at step %llu, at %#lx in the library, seed %llu", operation->name,
            static_cast<unsigned long long>(done.steps), library->link_address(pc),
            static_cast<unsigned long long>(given->seed));
  const pid_t child = fork();
  if (child != 0) return expect_good_end_of(child);
  live(1);
  stop_stepping();
}

// --- an operation, in a process of its own -----------------------------------------------------------------------------

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
  after.take();
  after.expect_same(before, "with the operation done");
  expect_sound_heap("with the operation done");
  if (getpid() == self) expect(write(answer, &done, sizeof done) == sizeof done, "the pipe is broken");
  _exit(0);
}

Progress play_in_child(AtStep at_step) {
  int ends[2];
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

bool is_chosen(const Operation& one) {
  return one.where == Where::kAnywhere && (given->operation == nullptr || strcmp(given->operation, one.name) == 0);
}

uint64_t chosen_operations() {
  const auto all = operations();
  return static_cast<uint64_t>(std::count_if(all.begin(), all.end(), is_chosen));
}

Progress fork_with_gap(uint64_t steps) {
  gap = steps;
  draw_next_fork();
  const Progress progress = play_in_child(fork_here);
  expect(progress.steps > 0, "the operation never came into the library");
  return progress;
}

// A few forks; in the long form then as many as its share of the time allows, every step if it does.
Progress fork_in(const Operation& one) {
  using Clock = std::chrono::steady_clock;
  operation = &one;
  set_scene("%s, seed %llu", one.name, static_cast<unsigned long long>(given->seed));
  most_steps = given->quick() ? kMostSteps : UINT64_MAX;
  if (given->quick()) return fork_with_gap(0);
  const uint64_t steps = play_in_child(only_count).steps;
  const auto begin = Clock::now();
  const Progress few = fork_with_gap(steps / kFewForks + 1);
  const std::chrono::duration<double> taken = Clock::now() - begin;
  const double share = 60 * given->minutes / static_cast<double>(chosen_operations());
  const double all_forks = taken.count() / static_cast<double>(few.forks + 1) * static_cast<double>(steps);
  return fork_with_gap(static_cast<uint64_t>(all_forks / share) + 1);
}

}  // namespace

int main(int argc, char** argv) {
  const Settings settings =
      read_settings(argc, argv, "a fork at any instruction, by the thread itself, leaves a child that works");
  require(settings);
  const LibraryMap map = LibraryMap::of("reslab_malloc");
  given = &settings, library = &map, dice = Random(settings.seed);
  uint64_t forks = 0, whole = 0;
  for (const Operation& one : operations()) {
    if (!is_chosen(one)) continue;
    const Progress progress = fork_in(one);
    settings.log.line("%s: %llu forks at %llu steps", one.name, static_cast<unsigned long long>(progress.forks),
                      static_cast<unsigned long long>(progress.steps));
    forks += progress.forks;
    whole += progress.forks == progress.steps ? 1 : 0;
  }
  expect(forks > 0, "nothing was forked");
  settings.log.line("ok, %llu forks, %llu operations at every step, seed %llu", static_cast<unsigned long long>(forks),
                    static_cast<unsigned long long>(whole), static_cast<unsigned long long>(settings.seed));
}
