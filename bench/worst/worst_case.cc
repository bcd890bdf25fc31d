// SPDX-License-Identifier: Apache-2.0
// How long single calls of malloc and free take at worst: the time-stamp counter around each call, and no call counts
// during which the thread was switched away from its CPU. The kernel's count of the thread's switches is read around each
// short batch of calls; when it has moved, the batch is dropped.
//
//   worst_case [--work CALLS] [--threads N]
//
// Each thread replaces random objects in a table that all share, so that frees of others' objects are among them. Prints
// JSON: for malloc and for free the ticks that half, 99 %, 99.9 %, 99.99 % of the calls do not exceed, and the maximum.
#include <sys/resource.h>
#include <x86intrin.h>

#include <algorithm>
#include <atomic>
#include <bit>

#include "frame.h"
#include "object.h"
#include "process.h"
#include "random.h"
#include "table.h"
#include "team.h"

namespace {

constexpr size_t kSlots = 32'768;
constexpr int kBatch = 32;

// Ticks in buckets an eighth of a power of two wide.
class Histogram {
 public:
  void add(uint64_t ticks) {
    ++counts_[bucket_of(ticks)];
    most_ = std::max(most_, ticks);
  }

  void add_all_of(const Histogram& other) {
    for (unsigned i = 0; i < kBuckets; ++i) counts_[i] += other.counts_[i];
    most_ = std::max(most_, other.most_);
  }

  uint64_t calls() const {
    uint64_t sum = 0;
    for (const uint64_t count : counts_) sum += count;
    return sum;
  }

  uint64_t most() const { return most_; }

  // The upper end of the bucket behind which no more than `share` of the calls lie.
  uint64_t at(double share) const {
    auto left = static_cast<uint64_t>(static_cast<double>(calls()) * share);
    for (unsigned i = 0; i < kBuckets; ++i) {
      if (left < counts_[i]) return std::min(most_, end_of(i));
      left -= counts_[i];
    }
    return most_;
  }

 private:
  static constexpr unsigned kBuckets = 8 * 61;

  static unsigned bucket_of(uint64_t ticks) {
    if (ticks < 8) return static_cast<unsigned>(ticks);
    const unsigned shift = static_cast<unsigned>(std::bit_width(ticks)) - 4;
    return 8 * (shift + 1) + (static_cast<unsigned>(ticks >> shift) & 7);
  }

  static uint64_t end_of(unsigned bucket) {
    if (bucket < 8) return bucket;
    const unsigned shift = bucket / 8 - 1;
    return ((uint64_t{8} + bucket % 8 + 1) << shift) - 1;
  }

  uint64_t counts_[kBuckets] = {};
  uint64_t most_ = 0;
};

// The fences keep the timed call from overlapping with the reading of the clock.
uint64_t ticks_before() {
  _mm_lfence();
  const uint64_t ticks = __rdtsc();
  _mm_lfence();
  return ticks;
}

uint64_t ticks_after() {
  unsigned cpu;
  const uint64_t ticks = __rdtscp(&cpu);
  _mm_lfence();
  return ticks;
}

long switches() {
  rusage usage;
  getrusage(RUSAGE_THREAD, &usage);
  return usage.ru_nvcsw + usage.ru_nivcsw;
}

struct Calls {
  Histogram mallocs;
  Histogram frees;
  uint64_t dropped = 0;
};

// One batch: what each call took, kept only if the thread stayed where it was.
void measure_batch(workload::Table<std::atomic<workload::Object*>>& slots, workload::Random& random, Calls& calls) {
  uint64_t mallocs[kBatch], frees[kBatch];
  const long before = switches();
  for (int i = 0; i < kBatch; ++i) {
    const size_t bytes = random.object_bytes();
    std::atomic<workload::Object*>& slot = slots[random.below(kSlots)];
    const uint64_t begin = ticks_before();
    void* const memory = malloc(bytes);
    mallocs[i] = ticks_after() - begin;
    workload::Object* const old = slot.exchange(workload::adopt(memory, bytes));
    workload::retire(old);
    const uint64_t end = ticks_before();
    free(old);
    frees[i] = ticks_after() - end;
  }
  if (switches() != before) {
    calls.dropped += kBatch;
    return;
  }
  for (const uint64_t ticks : mallocs) calls.mallocs.add(ticks);
  for (const uint64_t ticks : frees) calls.frees.add(ticks);
}

void add_figures(workload::Frame& frame, const Histogram& histogram, const char* const (&names)[5]) {
  const double shares[] = {0.5, 0.99, 0.999, 0.9999};
  for (int i = 0; i < 4; ++i) frame.add(names[i], static_cast<double>(histogram.at(shares[i])));
  frame.add(names[4], static_cast<double>(histogram.most()));
}

}  // namespace

int main(int argc, char** argv) {
  workload::Frame frame(argc, argv, {.work = 4'000'000, .threads = 2});
  workload::Table<std::atomic<workload::Object*>> slots(kSlots);
  const unsigned threads = frame.arguments().threads;
  workload::Random random(threads);
  for (std::atomic<workload::Object*>& slot : slots) slot = workload::make(random.object_bytes());
  workload::Table<Calls> calls(threads);
  const uint64_t batches = frame.arguments().work / threads / kBatch + 1;
  workload::run_team(threads, [&](unsigned number) {
    workload::Random own_random(number);
    for (uint64_t i = 0; i < batches; ++i) measure_batch(slots, own_random, calls[number]);
  });
  for (std::atomic<workload::Object*>& slot : slots) workload::drop(slot.exchange(nullptr));
  for (unsigned i = 1; i < threads; ++i) {
    calls[0].mallocs.add_all_of(calls[i].mallocs);
    calls[0].frees.add_all_of(calls[i].frees);
    calls[0].dropped += calls[i].dropped;
  }
  add_figures(frame, calls[0].mallocs, {"malloc_p50", "malloc_p99", "malloc_p999", "malloc_p9999", "malloc_max"});
  add_figures(frame, calls[0].frees, {"free_p50", "free_p99", "free_p999", "free_p9999", "free_max"});
  frame.add("dropped", static_cast<double>(calls[0].dropped));
  return frame.report(batches * kBatch * threads);
}
