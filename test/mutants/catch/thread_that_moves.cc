// SPDX-License-Identifier: Apache-2.0
// Memory goes back, whichever CPUs its thread was on while it freed: an ebb reaches the magazines of each CPU that frees
// there, and what others hold keeps little more than itself (29).
#include <sched.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <vector>

#include "catcher.h"
#include "platform/small_file.h"

using namespace catcher;

namespace {

constexpr size_t kTotal = 64 << 20;

std::vector<int> allowed_cpus() {
  cpu_set_t all;
  expect(sched_getaffinity(0, sizeof all, &all) == 0, "no CPUs to be had");
  std::vector<int> cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &all)) cpus.push_back(cpu);
  }
  return cpus;
}
std::vector<int> cpus;

void run_on(int cpu) {
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(cpu, &one);
  expect(sched_setaffinity(0, sizeof one, &one) == 0, "no CPU %d for this thread", cpu);
}

size_t anonymous_kib() {
  size_t pages[3] = {};
  expect(reslab::read_numbers("/proc/self/statm", pages, 3) == 3, "no /proc/self/statm");
  return (pages[1] - pages[2]) * 4;  // resident less what belongs to files
}

std::vector<void*> allocate_mixed_sizes() {
  std::minstd_rand random(1);
  std::vector<void*> objects;
  for (size_t total = 0; total < kTotal;) {
    const size_t least = size_t{16} << random() % 11;
    const size_t bytes = least + random() % least;
    objects.push_back(memset(opaque(reslab_malloc(bytes)), 1, bytes));
    total += bytes;
  }
  std::shuffle(objects.begin(), objects.end(), random);
  return objects;
}

void free_moving(const std::vector<void*>& objects, size_t moves) {
  const size_t stretch = objects.size() / (moves + 1) + 1;
  for (size_t i = 0; i < objects.size(); ++i) {
    if (i % stretch == 0) run_on(i / stretch % 2 == 0 ? cpus.front() : cpus.back());
    reslab_free(objects[i]);
  }
}

void expect_given_back(size_t moves, size_t most_kib) {
  run_on(cpus.front());
  const std::vector<void*> objects = allocate_mixed_sizes();
  const size_t full = anonymous_kib();
  expect(full > kTotal >> 10, "%zu KiB are resident of a full heap", full);
  free_moving(objects, moves);
  const size_t left = anonymous_kib();
  expect(left <= most_kib, "%zu KiB are resident after all was freed, with %zu moves", left, moves);
}

}  // namespace

int main(int argc, char** argv) {
  start(argc, argv, "slots=cpu_id");
  cpus = allowed_cpus();
  expect(cpus.size() > 1, "this test needs a machine with two CPUs");
  expect_given_back(100, 4608);
  reslab_trim(0);
  expect_given_back(1, 16 << 10);  // 4 MiB of objects stay in the magazines of the CPU that it has left
  expect_sound_heap();
}
