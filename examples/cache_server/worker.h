// SPDX-License-Identifier: Apache-2.0
// A thread with connections of its own.
#pragma once

#include <mutex>
#include <reslab/reslab.hpp>
#include <thread>
#include <unordered_set>

#include "connection.h"

namespace cache_server {

class Worker {
 public:
  // Runs until `stop_event`, a file descriptor, can be read.
  Worker(Service& service, Counters& counters, int stop_event);
  // After the stop.
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Serves `socket` from now on, and closes it in the end; at once where there is no memory for a connection.
  // To be called by another thread.
  void adopt(int socket);

 private:
  void run();
  void serve(Connection& connection);
  void drop(Connection& connection);

  Service& service_;
  Counters& counters_;
  const int epoll_;
  reslab::cache<Connection> cache_;
  std::mutex lock_;  // of the set
  std::unordered_set<Connection*> connections_;
  std::thread thread_;
};

}  // namespace cache_server
