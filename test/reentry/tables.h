// SPDX-License-Identifier: Apache-2.0
// The parts of the table of operations, and what their rows have in common.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "heap_states.h"
#include "operations.h"

namespace reentry::table {

constexpr uintptr_t kIt = kTheSubject;
constexpr size_t kSmall = 64, kPage = 4096, kRun = 300000, kHuge = 2 << 20, kVast = size_t{40} << 20;
constexpr size_t kNeverKept = size_t{68} << 20;  // longer than a run that is kept whole (arena/run_cache.h)
constexpr auto kObject = Gives::kObject;
constexpr auto kNothing = Gives::kNothing;
constexpr auto kThroughPointer = Gives::kObjectThroughPointer;

std::vector<Operation> allocating_entries();
std::vector<Operation> freeing_entries();
std::vector<Operation> refills();
std::vector<Operation> flushes();
std::vector<Operation> units();
std::vector<Operation> pages_scopes_and_reserves();
std::vector<Operation> edges();
std::vector<Operation> shortages();
std::vector<Operation> races();
std::vector<Operation> growth();
std::vector<Operation> cache_entries();
std::vector<Operation> cache_slow_ways();
std::vector<Operation> groups();
std::vector<Operation> group_shortage();
std::vector<Operation> kept_runs();

// Of processes with several nodes.
std::vector<Operation> nodes();

// Of processes with the hardening options.
std::vector<Operation> hardened();

// Of processes with debug modes.
std::vector<Operation> debug_of_all();
std::vector<Operation> debug_guards();
std::vector<Operation> debug_of_some_classes();
std::vector<Operation> debug_of_caches();
std::vector<Operation> debug_ring();

// Of processes with a heap profile.
std::vector<Operation> profile_sampled();
std::vector<Operation> profile_passed_over();

}  // namespace reentry::table
