// SPDX-License-Identifier: Apache-2.0
// Threads that begin together: run_team(n, body) calls body(0) to body(n-1), each on a thread of its own, and returns
// when all have ended.
#pragma once

#include <pthread.h>

#include <functional>

#include "frame.h"
#include "process.h"

namespace workload {

using Body = std::function<void(unsigned)>;

namespace team {
struct Member {
  pthread_t thread;
  unsigned number;
  const Body* body;
  pthread_barrier_t* start;
};

inline void* run(void* argument) {
  auto* const member = static_cast<Member*>(argument);
  pthread_barrier_wait(member->start);
  (*member->body)(member->number);
  return nullptr;
}
}  // namespace team

inline void run_team(unsigned threads, const Body& body) {
  static team::Member members[kMostThreads];
  pthread_barrier_t start;
  pthread_barrier_init(&start, nullptr, threads);
  for (unsigned i = 0; i < threads; ++i) {
    members[i] = {0, i, &body, &start};
    if (pthread_create(&members[i].thread, nullptr, team::run, &members[i]) != 0) die("no thread");
  }
  for (unsigned i = 0; i < threads; ++i) pthread_join(members[i].thread, nullptr);
}

}  // namespace workload
