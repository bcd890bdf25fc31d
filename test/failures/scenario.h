// SPDX-License-Identifier: Apache-2.0
// What a program does with an allocator, so that every path is taken which asks the kernel for something: the first
// call, growth in every size, runs that grow, shrink and move, nolock calls that may grow, purges, another CPU, upkeep.
//
// Everything may fail here, and what fails must do it as promised: NULL and ENOMEM from plain calls, NULL and errno
// kept from nolock ones. What succeeds holds a pattern until it is freed.
#pragma once

#include <cstdint>

namespace failures {

enum class Upkeep : uint8_t { kNo, kYes };  // reslab_trim and its kin, which are of class maintenance

enum class Threads : uint8_t { kNo, kYes };  // pthread_create enters the kernel in ways of its own

struct Outcome {
  uint32_t allocations;
  uint32_t refused;  // NULL
};

// Runs it once and frees all again.
Outcome run_scenario(Upkeep upkeep, Threads threads = Threads::kYes);

}  // namespace failures
