// SPDX-License-Identifier: Apache-2.0
#include "cpu_slot.h"

#include <pthread.h>
#include <reslab/reslab.h>
#include <sched.h>
#include <semaphore.h>
#include <sys/rseq.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "failure.h"
#include "scripted_cpu.h"

namespace reentry {
namespace {

constexpr ptrdiff_t kCpuId = 4, kRseqCs = 8, kMmCid = 24;
constexpr unsigned kRegisteredBytes = 32;

bool rseq_mode;
bool is_scripted;
uint32_t own_slot;

char* rseq_area() { return static_cast<char*>(__builtin_thread_pointer()) + __rseq_offset; }

// --- another thread ------------------------------------------------------------------------------------------------------

struct Helper {
  sem_t wanted;
  sem_t done;
  void (*job)();
  uint32_t slot;  // that it is on, scripted, in rseq mode
};

void* help(void* argument) {
  auto& helper = *static_cast<Helper*>(argument);
  if (rseq_mode) support::take_over_rseq();
  for (;;) {
    sem_wait(&helper.wanted);
    if (rseq_mode) support::be_on_slot(helper.slot);
    helper.job();
    sem_post(&helper.done);
  }
}

// Numbered by CPU where there are several nodes.
bool is_numbered_by_cpu() {
  reslab_status status = {};
  return reslab_get_status(&status, sizeof status) == 0 && status.index == RESLAB_INDEX_CPU_ID;
}
uint32_t slot_now() {
  const ptrdiff_t field = is_numbered_by_cpu() ? kCpuId : kMmCid;
  return is_scripted ? own_slot : *reinterpret_cast<volatile uint32_t*>(rseq_area() + field);
}
uint32_t other_slot() { return slot_now() == 0 ? 1 : 0; }

Helper& the_helper() {
  static Helper helper;
  static const bool started = [] {
    sem_init(&helper.wanted, 0, 0);
    sem_init(&helper.done, 0, 0);
    pthread_t thread;
    return pthread_create(&thread, nullptr, help, &helper) == 0 && pthread_detach(thread) == 0;
  }();
  if (!started) fail("no second thread to be had");
  return helper;
}

void run_by_helper(void (*job)(), uint32_t slot) {
  Helper& helper = the_helper();
  helper.job = job;
  helper.slot = slot;
  sem_post(&helper.wanted);
  while (sem_wait(&helper.done) != 0) continue;  // ends: it fails only when a signal comes in
}

}  // namespace

void expect_rseq_mode(bool rseq) { rseq_mode = rseq; }

void stay_on_one_cpu() {
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(static_cast<size_t>(sched_getcpu()), &one);
  if (sched_setaffinity(0, sizeof one, &one) != 0) fail("cannot stay on one CPU: %s", strerror(errno));
}

Undisturbed::Undisturbed() : took_over_(rseq_mode && !is_scripted) {
  if (!took_over_) return;
  own_slot = slot_now();
  support::take_over_rseq();
  support::be_on_slot(own_slot);
  is_scripted = true;
}

Undisturbed::~Undisturbed() {
  if (!took_over_) return;
  *reinterpret_cast<volatile uint64_t*>(rseq_area() + kRseqCs) = 0;
  if (syscall(SYS_rseq, rseq_area(), kRegisteredBytes, 0, RSEQ_SIG) != 0) {
    fail("rseq cannot be registered again: %s", strerror(errno));
  }
  is_scripted = false;
}

void be_scripted(uint32_t slot) {
  if (!is_scripted) support::take_over_rseq();
  support::be_on_slot(slot);
  own_slot = slot;
  is_scripted = true;
}

void be_scripted_unregistered() {
  be_scripted(0);
  support::be_unregistered();
}

// The auxiliary vector lies behind the environment, and getauxval reads it there.
void forget_mm_cid() {
  constexpr unsigned long kFeatureSize = 27, kWithoutMmCid = 20;  // AT_RSEQ_FEATURE_SIZE
  char** end = environ;
  while (*end != nullptr) ++end;
  auto* entry = reinterpret_cast<unsigned long*>(end + 1);
  for (; entry[0] != 0; entry += 2) {
    if (entry[0] == kFeatureSize) entry[1] = kWithoutMmCid;
  }
}

void on_other_thread(void (*job)()) { run_by_helper(job, other_slot()); }
void on_other_thread_here(void (*job)()) { run_by_helper(job, slot_now()); }

void on_other_slot(void (*job)()) {
  if (!rseq_mode) return on_other_thread(job);
  const Undisturbed scripted;
  support::be_on_slot(other_slot());
  job();
  support::be_on_slot(own_slot);
}

}  // namespace reentry
