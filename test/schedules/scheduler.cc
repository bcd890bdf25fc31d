// SPDX-License-Identifier: Apache-2.0
#include "scheduler.h"

#include <unistd.h>

#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <ctime>

#include "base/thread_line.h"
#include "cache/cpu_state.h"
#include "contexts.h"
#include "heap/fork.h"
#include "heap/root.h"
#include "hooks.h"
#include "ledger.h"
#include "random.h"
#include "scripted_cpu.h"
#include "sections.h"
#include "workload.h"

namespace schedules {
namespace {

constexpr unsigned kSeconds = 20;  // for one schedule, which takes milliseconds

// --- who runs --------------------------------------------------------------------------------------------------------

struct {
  const Case* played;
  Settings settings;
  Record* record;
  uint8_t enabled;
  support::Random dice{0};
  uint32_t slot[kMostThreads];
  Stand stands[kMostThreads];  // of those that are stopped, or have yet to begin
} game;

StateSet* states;  // of the explorer

thread_local int self = -1;  // the main thread, which sets up and checks, is not scheduled

std::vector<std::string>& names() {
  static std::vector<std::string> all;
  return all;
}

uint8_t lowest_of(uint8_t mask) { return static_cast<uint8_t>(__builtin_ctz(mask)); }

uint8_t choose(uint8_t thread) {
  const Record& record = *game.record;
  const bool can_go_on = thread != kNobody && (game.enabled >> thread & 1) != 0;
  if (record.length < record.prefix_length) return record.prefix[record.length];
  for (uint32_t i = 0; i < record.deviation_count; ++i) {
    if (record.deviations[i].stop == record.length) return record.deviations[i].chosen;
  }
  if (record.seed == 0) return can_go_on ? thread : lowest_of(game.enabled);
  if (can_go_on && game.dice.below(1024) >= record.switches_in_1024) return thread;
  uint8_t others = game.enabled;
  for (auto skip = static_cast<int>(game.dice.below(static_cast<size_t>(__builtin_popcount(others)))); skip > 0;
       --skip) {
    others = static_cast<uint8_t>(others & (others - 1));
  }
  return lowest_of(others);
}

// --- states ----------------------------------------------------------------------------------------------------------

uint64_t hash_of_state(uint8_t thread) {
  uint64_t hash = mix(mix(hash_of_memory(), thread), game.enabled);
  for (int i = 0; i < game.settings.threads; ++i) {
    if ((game.enabled >> i & 1) != 0 && game.stands[i].from != nullptr) hash = mix(hash, hash_of_stand(game.stands[i]));
  }
  return hash;
}

[[noreturn]] void end_merged() {
  game.record->merged = true;
  _exit(0);
}

// The stop is behind the last deviation, so that no earlier schedule has looked there. Where one thread is left there
// is nothing to choose: what it does to the end is cheaper than a look.
bool is_to_be_looked_up(uint8_t thread) {
  const Record& record = *game.record;
  const uint32_t first = record.deviation_count == 0 ? 0 : record.deviations[record.deviation_count - 1].stop + 1u;
  if (record.length < first || (game.enabled & (game.enabled - 1)) == 0) return false;
  if (record.lookup == Lookup::kEverywhere) return true;
  return record.lookup == Lookup::kAtSwitches && (record.length == first || thread == kNobody);
}

uint8_t decide(uint8_t thread, uint8_t point) {
  Record& record = *game.record;
  const bool can_go_on = thread != kNobody && (game.enabled >> thread & 1) != 0;
  const uint8_t goes_on = can_go_on ? thread : kNobody;
  if (is_to_be_looked_up(goes_on) && !states->add(hash_of_state(goes_on))) end_merged();
  if (record.length == kMostDecisions) violation("still no end after %u stops: a loop without a bound", kMostDecisions);
  const uint8_t chosen = choose(thread);
  if (chosen >= kMostThreads || (game.enabled >> chosen & 1) == 0) {
    violation("the schedule names thread %u, which cannot run at stop %u", chosen, record.length);
  }
  record.decisions[record.length++] = {thread, point, game.enabled, chosen};
  return chosen;
}

// --- what the kernel would do ----------------------------------------------------------------------------------------

// So that it does not depend on the order in which the threads come to draw one.
void number_thread() { reslab::thread_line.id.store(static_cast<uint64_t>(1000 + self), std::memory_order_relaxed); }

// In mode fallback a thread keeps the slot that it has drawn.
void be_on(uint32_t slot) {
  game.slot[self] = slot;
  if (game.settings.rseq) support::be_on_slot(slot);
  if (game.played->first_calls) return;
  if (!game.settings.rseq) reslab::thread_line.slot.store(static_cast<uint16_t>(slot + 1), std::memory_order_relaxed);
  const uint32_t found = reslab::slot_index();
  if (found != slot) violation("thread %d is on slot %u and not on %u: this case tests nothing", self, found, slot);
}

uint32_t slot_count() { return game.played->first_calls ? 2 : reslab::slots().count(); }

uint32_t first_slot_of(int thread) {
  return game.played->slots == Slot::kShared ? 0 : static_cast<uint32_t>(thread) % slot_count();
}

// Before `thread` runs: a section of somebody else on its slot has been preempted.
void preempt_for(int thread) {
  for (int other = 0; other < kMostThreads; ++other) {
    if (other != thread && game.slot[other] == game.slot[thread]) abort_section_of(other);
  }
}

// A thread that was stopped goes on wherever the kernel likes. In mode fallback threads do not move.
void move_on() {
  if (game.played->slots != Slot::kMoving || !game.settings.rseq) return;
  abort_section_of(self);
  be_on((game.slot[self] + 1) % slot_count());
  preempt_for(self);
}

// --- the stops -------------------------------------------------------------------------------------------------------

// What a stop has left behind on the stack would make states differ in what nobody reads.
[[gnu::noinline]] void clear_below() {
  char below[6 << 10];
  memset(below, 0, sizeof below);
  asm volatile("" : : "r"(below) : "memory");
}

[[gnu::always_inline]] inline void take_stand() {
  Stand& stand = game.stands[self];
  stand.thread_pointer = static_cast<const char*>(__builtin_thread_pointer());
  stand.is_scripted = game.settings.rseq;
  asm volatile(
      "movq %%rbx, 0(%0)\n movq %%rbp, 8(%0)\n movq %%r12, 16(%0)\n"
      "movq %%r13, 24(%0)\n movq %%r14, 32(%0)\n movq %%r15, 40(%0)\n movq %%rsp, 48(%0)\n"
      :
      : "r"(&stand)
      : "memory");
}

void stop_at(uint8_t point) {
  const uint8_t next = decide(static_cast<uint8_t>(self), point);
  if (next != self) {
    preempt_for(next);
    switch_to_context(next);
    move_on();
  }
}

[[gnu::noinline]] void at_hook(void* number) {
  if (self < 0) return;
  stop_stepping();
  take_stand();
  stop_at(static_cast<uint8_t>(reinterpret_cast<uintptr_t>(number)));
  clear_below();
}

[[gnu::noinline]] void at_instruction() {
  take_stand();
  stop_at(kInSection);
  clear_below();
}

// Calls `work` with zeros in all registers, and notes where its stack begins: how the thread has come here would be
// part of each of its states.
extern "C" void schedules_call_afresh(void (*work)(), const char** stack_begins);
asm(R"(
  .text
  .type schedules_call_afresh, @function
schedules_call_afresh:
  pushq %rbx
  pushq %rbp
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  subq $8, %rsp
  movq %rsp, (%rsi)
  movq %rdi, %rax
  xorl %ebx, %ebx
  xorl %ecx, %ecx
  xorl %edx, %edx
  xorl %esi, %esi
  xorl %edi, %edi
  xorl %ebp, %ebp
  xorl %r8d, %r8d
  xorl %r9d, %r9d
  xorl %r10d, %r10d
  xorl %r11d, %r11d
  xorl %r12d, %r12d
  xorl %r13d, %r13d
  xorl %r14d, %r14d
  xorl %r15d, %r15d
  .irp number, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
  pxor %xmm\number, %xmm\number
  .endr
  call *%rax
  addq $8, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbp
  popq %rbx
  ret
  .size schedules_call_afresh, . - schedules_call_afresh
)");

void run_thread(int number) {
  self = number;
  be_on(game.slot[self]);
  if (!game.played->first_calls) number_thread();
  clear_below();
  schedules_call_afresh(game.played->threads[self], &game.stands[self].to);

  game.enabled = static_cast<uint8_t>(game.enabled & ~(1u << self));
  game.stands[self] = {};
  const auto me = static_cast<uint8_t>(self);
  self = -1;
  if (game.enabled == 0) switch_to_context(kMainContext);
  const uint8_t next = decide(me, kAtEnd);
  preempt_for(next);
  switch_to_context(next);
}

void run_threads() {
  for (int i = 0; i < game.settings.threads; ++i) {
    game.slot[i] = first_slot_of(i);
    game.enabled = static_cast<uint8_t>(game.enabled | 1u << i);
  }
  if (game.settings.rseq) leave_last_section();
  ready_contexts(run_thread);
  switch_to_context(decide(kNobody, kAtStart));
}

// An end that has been reached before has been checked, too.
void note_the_end() {
  Record& record = *game.record;
  record.is_at_end = true;
  leave_sections_alone();
  if (record.lookup == Lookup::kNowhere) return;
  record.end_state = hash_of_state(kNobody);
  if (!states->add(record.end_state)) end_merged();
}

// What the kernel has wiped in a child.
struct {
  uint32_t word, frontier;
  uint64_t first_number;

  void keep() {
    const reslab::ForkPage& page = *reslab::root().fork_page;
    word = page.word.load(std::memory_order_relaxed);
    frontier = page.frontier.load(std::memory_order_relaxed);
    first_number = page.first_number.load(std::memory_order_relaxed);
  }
  void restore() const {
    reslab::ForkPage& page = *reslab::root().fork_page;
    page.word.store(word, std::memory_order_relaxed);
    page.frontier.store(frontier, std::memory_order_relaxed);
    page.first_number.store(first_number, std::memory_order_relaxed);
  }
} fork_page_was;

support::Ledger* ledger_before;
support::Ledger* ledger_after;

void require_settings_mode() {
  reslab_status status = {};
  reslab_get_status(&status, sizeof status);
  if ((status.mode == RESLAB_MODE_RSEQ) != game.settings.rseq) violation("the library is in another mode");
}

void expect_sound(const char* when) {
  const int violations = reslab_check(STDERR_FILENO);
  if (violations != 0) violation("%s: reslab_check finds %d violations", when, violations);
}

}  // namespace

int thread_number() { return self; }
const Settings& settings() { return game.settings; }

void step_sections(void (*work)()) {
  if (game.settings.rseq) step_through(work, self, at_instruction);
  else work();
}

void prepare(const Settings& settings, bool first_calls) {
  if (names().empty()) {
    ledger_before = new support::Ledger;  // in libc's heap, which is part of no state
    ledger_after = new support::Ledger;
    names() = support::hook_names();
    for (size_t i = 0; i < names().size(); ++i) {
      new support::Hook(names()[i].c_str(), at_hook, reinterpret_cast<void*>(i));  // for the life of the process
    }
    if (settings.rseq) arm_sections();
  }
  if (settings.rseq && !first_calls) play_the_fence();
}

std::string point_name(uint8_t point) {
  if (point == kAtStart) return "start";
  if (point == kAtEnd) return "end";
  if (point == kInSection) return "section";
  return names().at(point);
}

void violation(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  if (game.record != nullptr) vsnprintf(game.record->violation, sizeof game.record->violation, format, arguments);
  else vfprintf(stderr, format, arguments);  // before any schedule
  va_end(arguments);
  _exit(1);
}

void set_up(const Case& played, const Settings& with) {
  game.played = &played;
  game.settings = with;
  if (!played.first_calls) {
    reslab_free(reslab_malloc(1));  // this process notices that it is a child itself
    ledger_before->take();
    if (played.setup != nullptr) played.setup();
    fork_page_was.keep();
  }
  make_contexts(with.threads, with.rseq);
}

void play(Record& record, StateSet& seen) {
  alarm(kSeconds);
  open_states();
  states = &seen;
  game.record = &record;
  game.dice = support::Random(record.seed);
  const Case& played = *game.played;
  if (!played.first_calls) fork_page_was.restore();
  run_threads();
  note_the_end();
  require_settings_mode();
  if (played.check != nullptr) played.check();
  expect_sound("with objects in hand");
  release_everything();
  reslab_trim(0);
  expect_sound("with all objects freed");
  ledger_after->take();
  const auto lost = ledger_after->against(*ledger_before);
  if (lost.class_name != nullptr) {
    violation("class %s: %lu objects handed out, %lu before", lost.class_name, lost.now, lost.before);
  }
}

}  // namespace schedules
