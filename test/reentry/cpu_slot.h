// SPDX-License-Identifier: Apache-2.0
// On which slot (magazines of one CPU) this thread works, as the walks need it.
//
//   Undisturbed     while it lives, the sections of this thread run as plain code: its rseq area is taken over from the
//                   kernel, on the slot it was on, and given back. In fallback mode there is nothing to do.
//   on_other_slot   runs a job as if on another CPU: on another scripted slot, or in fallback mode, where slots go by
//                   thread, on another thread.
//   on_other_thread runs a job on another thread, and another slot, while this one stands still; ..._here: in rseq mode on
//                   this slot, as after a preemption.
//
// The process has one CPU (stay_on_one_cpu), so the slot stays what it is.
#pragma once

#include <cstdint>

namespace reentry {

// Which mode the library is in, or will be.
void expect_rseq_mode(bool rseq);

void stay_on_one_cpu();

class Undisturbed {
 public:
  Undisturbed();
  ~Undisturbed();
  Undisturbed(const Undisturbed&) = delete;
  Undisturbed& operator=(const Undisturbed&) = delete;

 private:
  bool took_over_;
};

// For ever: this thread's rseq area is the test's, on that slot; or as on a thread that is not registered.
void be_scripted(uint32_t slot);
void be_scripted_unregistered();
// From now on the process looks as under a kernel that gives no mm_cid.
void forget_mm_cid();

void on_other_slot(void (*job)());
void on_other_thread(void (*job)());
void on_other_thread_here(void (*job)());

}  // namespace reentry
