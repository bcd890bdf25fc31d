// SPDX-License-Identifier: Apache-2.0
// The first calls of the process, from two or three threads at once: each builds a root, one publishes its own (19).
#include <reslab/reslab.h>

#include <cstdio>

#include "cases.h"
#include "scheduler.h"
#include "workload.h"

namespace schedules {
namespace {

void allocate() { take(100); }

void allocate_and_free() {
  take(100);
  give();
}

void allocate_zeroed() {
  auto* object = static_cast<unsigned char*>(reslab_calloc(10, 30));
  for (size_t i = 0; object != nullptr && i < 300; ++i) {
    if (object[i] != 0) violation("reslab_calloc gave memory that is not zero");
  }
  hold(object, 300);
}

void allocate_nolock_growing() {
  void* object = reslab_malloc_nolock(100, RESLAB_GROW);
  if (object != nullptr) hold(object, 100);  // it may fail by contention
}

void allocate_nolock() {
  void* object = reslab_malloc_nolock(100, 0);
  if (object != nullptr) hold(object, 100);
}

// Those that lost their race have unmapped what they made: one window is left, and it is the only one.
void one_window_is_left() {
  reslab_status status = {};
  reslab_get_status(&status, sizeof status);
  FILE* maps = fopen("/proc/self/maps", "re");
  unsigned long start, end;
  int windows = 0;
  while (maps != nullptr && fscanf(maps, "%lx-%lx%*[^\n]", &start, &end) == 2) {
    windows += end - start >= status.arena_window_bytes / 2 ? 1 : 0;
  }
  if (maps != nullptr) fclose(maps);
  if (windows != 1) violation("%d address ranges as large as a window are left", windows);
}

constexpr Case kCases[] = {
    {.name = "root_by_two",
     .what = "two first allocations",
     .threads = {allocate, allocate_zeroed, allocate_and_free},
     .check = one_window_is_left,
     .first_calls = true,
     .bound = 1,
     .bound_of_two = 2,
     .bound_of_three = 1},
    {.name = "root_by_nolock",
     .what = "a first allocation against first nolock calls, one that may enter the kernel and one that may not",
     .threads = {allocate_and_free, allocate_nolock_growing, allocate_nolock},
     .check = one_window_is_left,
     .first_calls = true,
     .bound = 1,
     .bound_of_two = 2,
     .bound_of_three = 1},
};

}  // namespace

std::span<const Case> root_cases() { return kCases; }

}  // namespace schedules
