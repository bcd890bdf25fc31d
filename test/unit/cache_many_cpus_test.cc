// SPDX-License-Identifier: Apache-2.0
// A machine of 8 nodes with 64 CPUs each, which is invented: ids of CPUs are forced, a thread for each. Run with the options
// nodes=8:cpus=512, in mode fallback, where slots are not the kernel's to number.
#include <gtest/gtest.h>
#include <reslab/reslab.h>

#include <atomic>
#include <cstdio>
#include <set>
#include <thread>
#include <vector>

#include "cache/cpu_state.h"
#include "heap/root.h"
#include "platform/topology.h"
#include "support/audit.h"

namespace reslab {
namespace {

constexpr uint32_t kNodes = 8, kCpus = 512;

size_t resident_bytes() {
  size_t pages = 0;
  FILE* statm = std::fopen("/proc/self/statm", "r");
  if (statm == nullptr || std::fscanf(statm, "%*u %zu", &pages) != 1) ADD_FAILURE() << "no /proc/self/statm";
  if (statm != nullptr) std::fclose(statm);
  return pages * 4096;
}

// Objects of two sizes, so that magazines overflow, each freed by whichever thread draws its place next, so mostly on another node.
void pass_objects(uint32_t seed, int rounds) {
  static std::atomic<void*> exchange[4096];
  uint32_t random = seed;
  for (int i = 0; i < rounds; ++i) {
    random = random * 1664525 + 1013904223;
    reslab_free(exchange[random >> 8 & 4095].exchange(reslab_malloc(512u << (random >> 31))));
  }
  if (seed == 0) {
    for (std::atomic<void*>& place : exchange) reslab_free(place.exchange(nullptr));
  }
}

void run_a_thread_for_each_cpu(int rounds) {
  std::vector<std::thread> threads;
  for (uint32_t cpu = 0; cpu < kCpus; ++cpu) threads.emplace_back([=] { pass_objects(cpu + 1, rounds); });
  for (std::thread& thread : threads) thread.join();
}

TEST(ManyCpus, EachHasItsMagazinesAndANode) {
  reslab_free(reslab_malloc(16));
  reslab_status status;
  reslab_get_status(&status, sizeof status);
  ASSERT_EQ(status.nodes, kNodes) << "to be run with the options nodes=8:cpus=512";
  ASSERT_EQ(status.slots, kCpus);
  run_a_thread_for_each_cpu(200);
  std::set<uint32_t> nodes;
  for (uint32_t slot = 0; slot < kCpus; ++slot) {
    EXPECT_TRUE(slots().is_ready(slot)) << slot;
    nodes.insert(node_of_slot(slot));
  }
  EXPECT_EQ(nodes.size(), kNodes);
  unit::expect_sound_heap();
}

// What was worked with is bounded by CPUs, not by what was done: four times the work leaves what one time does.
TEST(ManyCpus, MemoryGrowsWithCpusNotWithWork) {
  run_a_thread_for_each_cpu(1000);
  pass_objects(0, 0);
  const size_t once = resident_bytes();
  for (int more = 0; more < 4; ++more) run_a_thread_for_each_cpu(1000);
  pass_objects(0, 0);
  const size_t after = resident_bytes();
  EXPECT_LT(after, once + once / 4);
  reslab_stats stats;
  reslab_get_stats(&stats, sizeof stats);
  EXPECT_GT(stats.sent_home, 0u);
  std::printf("resident: %zu KiB after one round, %zu KiB after five\n", once >> 10, after >> 10);
  unit::expect_sound_heap();
}

}  // namespace
}  // namespace reslab
