// SPDX-License-Identifier: Apache-2.0
// A flood on every CPU while a reader stays: `flood MODE wait|any FLAVOUR [--ms N]`.
//
//   wait   callers that may wait: what is pending stays near the limit
//   any    callers that may not: the process's memory bounds them, allocations fail, and nothing is lost
//
// Within a second of the reader's leaving all is freed, and allocations succeed again.

#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <optional>
#include <string>
#include <vector>

#include "flavor.h"
#include "support.h"

using namespace rcu_test;

namespace {

constexpr size_t kLimit = 16 << 20;
constexpr size_t kSize = 1000;
bool may_wait;
std::atomic<bool> stop{false};
std::atomic<uint64_t> retired{0}, failed{0}, most_pending{0};

void* flood(void*) {
  uint64_t own = 0;
  while (!stop.load(std::memory_order_relaxed)) {
    void* object = reslab_malloc(kSize);
    if (object == nullptr) {
      failed.fetch_add(1, std::memory_order_relaxed);
      sleep_ms(1);
      continue;
    }
    if (may_wait) RCU_CHECK(reslab_free_rcu_wait(object) == 0);
    else reslab_free_rcu(object);
    ++own;
    if (own % 1000 != 0) continue;
    const uint64_t pending = stats().pending_bytes;
    if (pending > most_pending.load()) most_pending.store(pending);
  }
  retired.fetch_add(own);
  return nullptr;
}

void limit_memory(size_t more) {
  reslab_stats heap = {};
  RCU_CHECK(reslab_get_stats(&heap, sizeof heap) == 0);
  // What is reserved already counts; growth inside it is bounded by the data that may be written.
  unsigned long pages = 0;
  FILE* file = fopen("/proc/self/statm", "r");
  RCU_CHECK(file != nullptr && fscanf(file, "%*u %*u %*u %*u %*u %lu", &pages) == 1);
  fclose(file);
  const rlimit limit = {pages * 4096 + more, RLIM_INFINITY};
  RCU_CHECK(setrlimit(RLIMIT_DATA, &limit) == 0);
}

// How long until all that had been kept back is freed.
uint64_t recover(const reslab_rcu_stats& stalled) {
  const uint64_t begun = now_ms();
  for (reslab_rcu_stats now = stats(); now_ms() - begun < 30'000; now = stats()) {
    if (now.freed > stalled.freed && now.freed >= stalled.freed + stalled.pending_objects) break;
    sleep_ms(5);
  }
  return now_ms() - begun;
}

}  // namespace

int main(int count, char** arguments) {
  uint64_t stall_ms = 1000;
  if (count == 6 && strcmp(arguments[4], "--ms") == 0) stall_ms = strtoull(arguments[5], nullptr, 10);
  else if (count != 4) count = 0;
  const rcu_flavor_struct* flavor = count == 0 ? nullptr : flavor_named(arguments[3]);
  if (flavor == nullptr) return fprintf(stderr, "usage: flood rseq|fallback wait|any memb|mb|qsbr|bp [--ms N]\n"), 2;
  require_mode(arguments[1]);
  may_wait = strcmp(arguments[2], "wait") == 0;
  RCU_CHECK(reslab_rcu_init(flavor) == 0 && reslab_rcu_set_limit(kLimit) == 0);
  const long cpus = sysconf(_SC_NPROCESSORS_ONLN);
  std::vector<pthread_t> threads(static_cast<size_t>(cpus));

  std::optional<Reader> reader(*flavor);
  reader->enter();
  if (!may_wait) limit_memory(128 << 20);
  for (pthread_t& thread : threads) RCU_CHECK(pthread_create(&thread, nullptr, flood, nullptr) == 0);
  sleep_ms(static_cast<unsigned>(stall_ms));
  const reslab_rcu_stats stalled = stats();
  RCU_CHECK(stalled.freed == 0);  // the reader has kept all of it
  const uint64_t failed_before = failed.load();
  reader->leave();
  reader.reset();  // with qsbr who is registered stays a reader until it says again that it holds nothing
  const uint64_t recovery_ms = recover(stalled);
  stop.store(true);
  for (pthread_t thread : threads) pthread_join(thread, nullptr);
  RCU_CHECK(reslab_rcu_barrier() == 0);
  const reslab_rcu_stats end = stats();

  printf(
      "%s, %s: %llu retired, most pending %llu KiB, stalled at %llu KiB in %llu pages, %llu by bit, %llu failed, %llu "
      "waits, recovered after %llu ms\n",
      arguments[2], arguments[3], static_cast<unsigned long long>(retired.load()),
      static_cast<unsigned long long>(most_pending.load() >> 10),
      static_cast<unsigned long long>(stalled.pending_bytes >> 10), static_cast<unsigned long long>(stalled.pages),
      static_cast<unsigned long long>(end.by_bit), static_cast<unsigned long long>(failed.load()),
      static_cast<unsigned long long>(end.waits), static_cast<unsigned long long>(recovery_ms));
  RCU_CHECK(end.freed == retired.load() && end.pending_objects == 0 && end.pending_bytes == 0);
  // Within a second, although the flood goes on; the short form is for busy machines as well.
  RCU_CHECK(recovery_ms <= (stall_ms >= 5000 ? 1000 : 20'000));
  if (may_wait) {
    // A page on each slot is not counted before it is full.
    RCU_CHECK(most_pending.load() <= kLimit + 4 * static_cast<uint64_t>(cpus) * 510 * 1024 && end.waits > 0);
  } else {
    RCU_CHECK(failed_before > 0);    // it was bounded
    RCU_CHECK(end.unthrottled > 0);  // and they were counted
    const rlimit no_limit = {RLIM_INFINITY, RLIM_INFINITY};
    RCU_CHECK(setrlimit(RLIMIT_DATA, &no_limit) == 0);  // the audit needs notes
  }
  RCU_CHECK(audit() == 0);
  return 0;
}
