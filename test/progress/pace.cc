// SPDX-License-Identifier: Apache-2.0
#include "pace.h"

#include <algorithm>

#include "failure.h"
#include "process.h"

namespace progress {

using namespace support;

namespace {

constexpr size_t kOperations = 10'000;
constexpr size_t kOperationsAlone = 2'000;
constexpr size_t kShiftsAlone = 5;
constexpr int kTries = 12;

bool measured;
double least_pace;
Shift alone;   // medians
Shift beside;  // minima

template <class Visit>
void for_each_figure(Visit visit) {
  for (size_t other = 0; other < kOthers; ++other) {
    for (size_t kind = 0; kind < kKinds; ++kind) visit(other, kind);
  }
}

double slowest_pace() {
  double pace = 1e9;
  for_each_figure([&](size_t other, size_t kind) {
    pace = std::min(pace, alone.nanoseconds[other][kind] / beside.nanoseconds[other][kind]);
  });
  return pace;
}

void add_to_beside(const Shift& shift) {
  for_each_figure([&](size_t other, size_t kind) {
    beside.nanoseconds[other][kind] = std::min(beside.nanoseconds[other][kind], shift.nanoseconds[other][kind]);
  });
}

}  // namespace

void measure_pace(Others& others) {
  others.shift(kOperationsAlone);  // pages, tables, caches
  Shift shifts[kShiftsAlone];
  for (Shift& shift : shifts) shift = others.shift(kOperationsAlone);
  for_each_figure([&](size_t other, size_t kind) {
    double taken[kShiftsAlone];
    for (size_t i = 0; i < kShiftsAlone; ++i) taken[i] = shifts[i].nanoseconds[other][kind];
    std::nth_element(taken, taken + kShiftsAlone / 2, taken + kShiftsAlone);
    alone.nanoseconds[other][kind] = taken[kShiftsAlone / 2];
  });
  measured = true;
}

void work_beside(Others& others, double wanted_pace) {
  least_pace = wanted_pace;
  beside = others.shift(kOperations);
  for (int left = kTries; left > 0 && (!measured || slowest_pace() < least_pace); --left) {
    add_to_beside(others.shift(kOperationsAlone));
  }
}

void expect_their_pace(Others& others) {
  if (!measured || slowest_pace() < least_pace) measure_pace(others);
  findings->slowest_pace = slowest_pace();
  for_each_figure([&](size_t other, size_t kind) {
    const double with = beside.nanoseconds[other][kind], without = alone.nanoseconds[other][kind];
    expect(without >= least_pace * with, "%s of the others take %.0f ns each beside it, and %.0f ns without",
           kKindNames[kind], with, without);
  });
}

}  // namespace progress
