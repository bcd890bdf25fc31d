// SPDX-License-Identifier: Apache-2.0
// Whatever ends wakes all that wait for it, not one of them (lesson 13). The waiters here have no time limit.
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include <cstdio>

#include "catcher.h"
#include "rcu/rcu.h"

using namespace catcher;
using namespace reslab;

namespace {

constexpr int kWaiters = 4;
std::atomic<int> ids[kWaiters];

void* wait_for_change(void* own_id) {
  std::atomic<uint32_t>& epoch = rcu.reclaimer.epoch();
  const uint32_t seen = epoch.load();
  rcu.reclaimer.waiters().fetch_add(1);
  static_cast<std::atomic<int>*>(own_id)->store(gettid());
  while (epoch.load() == seen) sys_call(SYS_futex, reinterpret_cast<long>(&epoch), FUTEX_WAIT_PRIVATE, seen, 0);
  rcu.reclaimer.waiters().fetch_sub(1);
  return nullptr;
}

bool is_asleep(int id) {
  char name[64], text[256] = {};
  snprintf(name, sizeof name, "/proc/self/task/%d/stat", id);
  const int fd = open(name, O_RDONLY);
  const ssize_t n = read(fd, text, sizeof text - 1);
  close(fd);
  for (ssize_t i = 0; i + 2 < n; ++i) {
    if (text[i] == ')') return text[i + 2] == 'S';
  }
  return false;
}

}  // namespace

int main(int argc, char** argv) {
  start(argc, argv);
  pthread_t threads[kWaiters];
  for (int i = 0; i < kWaiters; ++i) {
    expect(pthread_create(&threads[i], nullptr, wait_for_change, &ids[i]) == 0, "no thread");
  }
  for (std::atomic<int>& id : ids) {
    while (id.load() == 0 || !is_asleep(id.load())) usleep(1000);
  }
  rcu.reclaimer.wake_waiters();
  for (pthread_t thread : threads) pthread_join(thread, nullptr);  // or the time limit of this program
  return 0;
}
