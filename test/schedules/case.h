// SPDX-License-Identifier: Apache-2.0
// A case: what two or three threads do at the same time, small enough for all its schedules.
#pragma once

#include <cstdint>

namespace schedules {

struct Settings {
  int threads = 2;   // how many of the case's threads run
  int repeat = 1;    // how often each does what it does
  bool rseq = true;  // the mode of the library
};

enum class Slot : uint8_t {
  kOwn,
  kShared,
  kMoving
};  // thread i on slot i; all on slot 0; another slot after each stop

struct Case {
  const char* name;
  const char* what;           // one line
  void (*setup)() = nullptr;  // before the threads
  void (*threads[3])() = {};  // the third runs in the long form only
  void (*check)() = nullptr;  // behind them, before all objects go back and are counted
  Slot slots = Slot::kOwn;
  const char* passes[4] = {};  // hooks that some schedule must pass, or the case has become empty
  bool first_calls = false;    // the process has not called the library yet
  uint8_t bound = 3;           // preemptions, in the quick form
  // In the full form, by the number of threads.
  uint8_t bound_of_two = 3;
  uint8_t bound_of_three = 3;
};

// The number of the calling thread in its case, from 0.
int thread_number();
const Settings& settings();

// In mode rseq, with a stop at each instruction of the restartable sections that `work` runs through.
void step_sections(void (*work)());

}  // namespace schedules
