// SPDX-License-Identifier: Apache-2.0
// What reslab relies on in restartable sequences, a check for each promise (43). Seconds of brute force, since none of
// it can be provoked at a chosen instruction from outside the kernel. One at a time, and not while anybody else uses
// this process's heap: each puts regions of its own in the place of the heap's.
#pragma once

#include <chrono>
#include <span>

#include "platform/cpu.h"
#include "selftest/outcome.h"

namespace reslab::selftest {

using Seconds = std::chrono::duration<double>;

// A check works for `least`, and on a busy or slow machine longer, until what it saw means something, or for
// `patience`.
struct Duration {
  Seconds least;
  Seconds patience;
};

struct Check {
  const char* name;     // one word
  const char* promise;  // what holds if it does
  Outcome (*run)(const CpuSetup& setup, Duration duration);
};

// Each thread is registered, on every CPU, and the ids are what they should be. The others may crash where this fails.
Outcome check_registration(const CpuSetup& setup, Duration duration);

// A signal aborts the section before its handler runs. Takes SIGUSR1 meanwhile.
Outcome check_signal(const CpuSetup& setup, Duration duration);

// The membarrier fence aborts sections in flight on other CPUs.
Outcome check_fence(const CpuSetup& setup, Duration duration);

// Preemption aborts the section before another thread runs on the same CPU.
Outcome check_preemption(const CpuSetup& setup, Duration duration);

// A thread that migrates finishes no section that it began elsewhere.
Outcome check_migration(const CpuSetup& setup, Duration duration);

// All of them, in this order. `setup` is of mode rseq.
std::span<const Check> all_checks();

}  // namespace reslab::selftest
