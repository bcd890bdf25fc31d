// SPDX-License-Identifier: Apache-2.0
// reslab_free_rcu against liburcu's call_rcu and defer_rcu, in one run, taking turns: `rcu_speed MODE [--rounds N]
// [--check]`.
//
//   retire   cycles for one retiring, in batches of 400 nodes of 24 classes: of the core's clock, by the time-stamp counter
//            and a chain of multiplications beside each batch, of which each takes three
//   cycle    allocate, publish, unlink, retire, and all freed in the end: nodes a second
//   pending  most nodes retired and not freed at 500,000 a second
//
// Medians over the rounds. --check fails below the bars: 3 times ahead in `retire`, 1.5 times in `cycle`, less pending.

#include <pthread.h>
#include <time.h>
#include <x86intrin.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>
#include <vector>

#include "ways.h"

using namespace rcu_bench;

namespace {

constexpr size_t kBatch = 400;

uint64_t now_ns() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// 24 classes from 32 to 512 bytes, in an order that no cache of one class likes.
Node* make_node(uint64_t i) {
  const size_t size = 32 + (i * 7 % 24) * 20;
  auto* node = static_cast<Node*>(reslab_malloc(size));
  if (node == nullptr) abort();
  node->key = i;
  return node;
}

double ticks_of_cycle() {
  constexpr int kRounds = 250, kCycles = 4 * 3;
  unsigned cpu;
  uint64_t product = 3;
  const uint64_t start = __rdtscp(&cpu);
  for (int i = 0; i < kRounds; ++i) {
    asm volatile("imul %0, %0; imul %0, %0; imul %0, %0; imul %0, %0" : "+r"(product));
  }
  return static_cast<double>(__rdtscp(&cpu) - start) / (kRounds * kCycles);
}

double cycles_of_batch(const Way& way) {
  Node* nodes[kBatch];
  for (size_t i = 0; i < kBatch; ++i) nodes[i] = make_node(i);
  unsigned cpu;
  const double ticks_before = ticks_of_cycle();
  const uint64_t start = __rdtscp(&cpu);
  for (Node* node : nodes) way.retire(node);
  const auto ticks = static_cast<double>(__rdtscp(&cpu) - start) / kBatch;
  return ticks / std::min(ticks_before, ticks_of_cycle());
}

double retire(const Way& way) {
  std::vector<double> batches;
  for (int i = 0; i < 40; ++i) batches.push_back(cycles_of_batch(way));
  way.barrier();
  return median(batches);
}

double cycle(const Way& way) {
  constexpr uint64_t kNodes = 2'000'000;
  static Node* table[1024];
  const uint64_t start = now_ns();
  for (uint64_t i = 0; i < kNodes; ++i) {
    Node* old = __atomic_exchange_n(&table[i * 31 % 1024], make_node(i), __ATOMIC_ACQ_REL);
    if (old != nullptr) way.retire(old);
  }
  way.barrier();
  const uint64_t took = now_ns() - start;
  for (Node*& node : table) reslab_free(std::exchange(node, nullptr));
  return static_cast<double>(kNodes) * 1e9 / static_cast<double>(took);
}

double pending(const Way& way) {
  constexpr uint64_t kEveryNs = 20'000, kAtOnce = 10, kForNs = 200'000'000;
  const uint64_t freed_before = way.freed(), start = now_ns();
  uint64_t retired = 0, most = 0;
  for (uint64_t next = start; next < start + kForNs; next += kEveryNs) {
    while (now_ns() < next) _mm_pause();
    for (uint64_t i = 0; i < kAtOnce; ++i) way.retire(make_node(i));
    retired += kAtOnce;
    most = std::max(most, retired - (way.freed() - freed_before));
  }
  way.barrier();
  return static_cast<double>(most);
}

struct Measure {
  const char* name;
  double (*run)(const Way&);
  bool less_is_better;
  double bar;  // times ahead of the best other
};
constexpr Measure kMeasures[] = {
    {"retire", retire, true, 3.0}, {"cycle", cycle, false, 1.5}, {"pending", pending, true, 1.0}};

bool report(const Measure& measure, int rounds) {
  std::vector<double> results[kWayCount];
  for (int round = 0; round < rounds; ++round) {
    for (size_t way = 0; way < kWayCount; ++way) results[way].push_back(measure.run(kWays[way]));
  }
  double value[kWayCount];
  for (size_t way = 0; way < kWayCount; ++way) value[way] = median(results[way]);
  bool holds = true;
  for (size_t way = 0; way < kWayCount; ++way) {
    const double ahead = measure.less_is_better ? value[way] / value[0] : value[0] / value[way];
    printf("%-8s %-16s %14.1f   %6.2f\n", measure.name, kWays[way].name, value[way], ahead);
    holds = holds && (way == 0 || ahead >= measure.bar);
  }
  fflush(stdout);
  return holds;
}

}  // namespace

int main(int count, char** arguments) {
  int rounds = 9;
  bool check = false;
  for (int i = 2; i < count; ++i) {
    if (strcmp(arguments[i], "--check") == 0) check = true;
    else if (strcmp(arguments[i], "--rounds") == 0 && i + 1 < count) rounds = atoi(arguments[++i]);
    else count = 0;
  }
  reslab_status status = {};
  if (count < 2 || rounds < 1) return fprintf(stderr, "usage: rcu_speed rseq|fallback [--rounds N] [--check]\n"), 2;
  if (reslab_get_status(&status, sizeof status) != 0 ||
      (status.mode == RESLAB_MODE_RSEQ) != (strcmp(arguments[1], "rseq") == 0)) {
    return fprintf(stderr, "rcu_speed: the mode is not %s: %s\n", arguments[1], status.mode_reason), 1;
  }
  urcu_memb_register_thread();
  urcu_memb_defer_register_thread();
  if (reslab_rcu_init(nullptr) != 0) return 1;
  bool holds = true;
  for (const Measure& measure : kMeasures) holds = report(measure, rounds) && holds;
  urcu_memb_defer_unregister_thread();
  urcu_memb_unregister_thread();
  return check && !holds ? 1 : 0;
}
