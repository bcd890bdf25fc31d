// SPDX-License-Identifier: Apache-2.0
#include "scheduler.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <ctime>

#include "base/thread_line.h"
#include "cache/cpu_state.h"
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

// Opened by the one who hands over, passed by the one who is meant. Not a semaphore of libc, since a thread may wait
// inside a signal handler.
class Gate {
 public:
  void open() {
    open_.store(1, std::memory_order_release);
    syscall(SYS_futex, &open_, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
  }
  void pass() {
    while (open_.exchange(0, std::memory_order_acquire) == 0) {
      syscall(SYS_futex, &open_, FUTEX_WAIT_PRIVATE, 0, nullptr, nullptr, 0);
    }
  }

 private:
  std::atomic<uint32_t> open_{0};
};

// Only the thread that runs writes here; the gates order it.
struct {
  const Case* played;
  Settings settings;
  Record* record;
  Gate gates[kMostThreads];
  Gate ended;
  uint8_t enabled;
  support::Random dice{0};
  uint32_t slot[kMostThreads];
} game;

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
  if (record.seed == 0) return can_go_on ? thread : lowest_of(game.enabled);
  if (can_go_on && game.dice.below(1024) >= record.switches_in_1024) return thread;
  uint8_t others = game.enabled;
  for (auto skip = static_cast<int>(game.dice.below(static_cast<size_t>(__builtin_popcount(others)))); skip > 0;
       --skip) {
    others = static_cast<uint8_t>(others & (others - 1));
  }
  return lowest_of(others);
}

uint8_t decide(uint8_t thread, uint8_t point) {
  Record& record = *game.record;
  if (record.length == kMostDecisions) violation("still no end after %u stops: a loop without a bound", kMostDecisions);
  const uint8_t chosen = choose(thread);
  if (chosen >= kMostThreads || (game.enabled >> chosen & 1) == 0) {
    violation("the schedule names thread %u, which cannot run at stop %u", chosen, record.length);
  }
  record.decisions[record.length++] = {thread, point, game.enabled, chosen};
  return chosen;
}

// --- what the kernel would do ----------------------------------------------------------------------------------------

// In mode fallback a thread keeps the slot that it was given first: its number there is one more.
void be_on(uint32_t slot) {
  game.slot[self] = slot;
  if (game.settings.rseq) {
    support::be_on_slot(slot);
  } else if (!game.played->first_calls) {
    reslab::thread_line.slot.store(static_cast<uint16_t>(slot + 1), std::memory_order_relaxed);
    if (reslab::slot_index() != slot) violation("a thread is not on the slot where its case wants it");
  }
}

uint32_t slot_count() { return game.played->first_calls ? 2 : reslab::slots().count(); }

uint32_t first_slot_of(int thread) {
  return game.played->slots == Slot::kShared ? 0 : static_cast<uint32_t>(thread) % slot_count();
}

void take_first_slot() {
  if (game.settings.rseq) support::take_over_rseq();
  be_on(game.slot[self]);
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
  be_on((game.slot[self] + 1) % slot_count());
  preempt_for(self);
}

// --- the stops -------------------------------------------------------------------------------------------------------

void stop_at(uint8_t point) {
  const uint8_t next = decide(static_cast<uint8_t>(self), point);
  if (next != self) {
    preempt_for(next);
    game.gates[next].open();
    game.gates[self].pass();
    move_on();
  }
}

void at_hook(void* number) {
  if (self < 0) return;
  stop_stepping();
  stop_at(static_cast<uint8_t>(reinterpret_cast<uintptr_t>(number)));
}

void* run_thread(void* number) {
  self = static_cast<int>(reinterpret_cast<intptr_t>(number));
  game.gates[self].pass();
  take_first_slot();
  game.played->threads[self]();

  game.enabled = static_cast<uint8_t>(game.enabled & ~(1u << self));
  const auto me = static_cast<uint8_t>(self);
  self = -1;
  if (game.enabled == 0) {
    game.ended.open();
    return nullptr;
  }
  const uint8_t next = decide(me, kAtEnd);
  preempt_for(next);
  game.gates[next].open();
  return nullptr;
}

void run_threads() {
  pthread_t threads[kMostThreads];
  pthread_attr_t small;
  pthread_attr_init(&small);
  pthread_attr_setstacksize(&small, 256 << 10);
  for (intptr_t i = 0; i < game.settings.threads; ++i) {
    game.slot[i] = first_slot_of(static_cast<int>(i));
    game.enabled = static_cast<uint8_t>(game.enabled | 1u << i);
    if (pthread_create(&threads[i], &small, run_thread, reinterpret_cast<void*>(i)) != 0) violation("no thread");
  }
  game.gates[decide(kNobody, kAtStart)].open();
  game.ended.pass();
  for (int i = 0; i < game.settings.threads; ++i) pthread_join(threads[i], nullptr);
}

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
  if (game.settings.rseq) step_through(work, self, [] { stop_at(kInSection); });
  else work();
}

void arm_hooks() {
  if (!names().empty()) return;
  names() = support::hook_names();
  for (size_t i = 0; i < names().size(); ++i) {
    new support::Hook(names()[i].c_str(), at_hook, reinterpret_cast<void*>(i));  // for the life of the process
  }
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
  vsnprintf(game.record->violation, sizeof game.record->violation, format, arguments);
  va_end(arguments);
  _exit(1);
}

void play(const Case& played, const Settings& with, Record& record) {
  alarm(kSeconds);
  game.played = &played;
  game.settings = with;
  game.record = &record;
  game.dice = support::Random(record.seed);
  if (with.rseq && !played.first_calls) play_the_fence();
  static support::Ledger before, after;
  if (!played.first_calls) {
    reslab_free(reslab_malloc(1));  // the child notices that it is one
    before.take();
  }
  if (played.setup != nullptr) played.setup();
  run_threads();
  require_settings_mode();
  if (played.check != nullptr) played.check();
  expect_sound("with objects in hand");
  release_everything();
  reslab_trim(0);
  expect_sound("with all objects freed");
  after.take();
  const auto lost = after.against(before);
  if (lost.class_name != nullptr) {
    violation("class %s: %lu objects handed out, %lu before", lost.class_name, lost.now, lost.before);
  }
}

}  // namespace schedules
