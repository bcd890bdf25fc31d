// SPDX-License-Identifier: Apache-2.0
#include "worker.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace cache_server {
namespace {

bool control(int epoll, int operation, int fd, uint32_t events, void* owner) {
  epoll_event event = {};
  event.events = events;
  event.data.ptr = owner;
  return epoll_ctl(epoll, operation, fd, &event) == 0;
}

}  // namespace

Worker::Worker(Service& service, Counters& counters, int stop_event)
    : service_(service),
      counters_(counters),
      epoll_(epoll_create1(EPOLL_CLOEXEC)),
      cache_("connections", service.connections_group.handle) {
  if (epoll_ < 0 || !control(epoll_, EPOLL_CTL_ADD, stop_event, EPOLLIN, nullptr))
    throw std::system_error(errno, std::generic_category(), "epoll");
  thread_ = std::thread([this] { run(); });
}

Worker::~Worker() {
  thread_.join();
  while (!connections_.empty()) drop(**connections_.begin());
  close(epoll_);
}

void Worker::adopt(int socket) {
  Connection* connection = nullptr;
  try {
    connection = cache_.construct(socket, service_, counters_);
    const std::lock_guard guard(lock_);
    connections_.insert(connection);
  } catch (const std::bad_alloc&) {
    // The budget of the connections is used up: clients that are there go on.
    if (connection == nullptr) close(socket);
    cache_.destroy(connection);
    return;
  }
  service_.connections_now.fetch_add(1, std::memory_order_relaxed);
  service_.connections_ever.fetch_add(1, std::memory_order_relaxed);
  connection->armed_events = connection->awaited_events();
  // From here on it is the other thread's.
  if (!control(epoll_, EPOLL_CTL_ADD, socket, connection->armed_events, connection)) drop(*connection);
}

void Worker::run() {
  urcu_memb_register_thread();
  epoll_event events[64];
  for (bool is_stopped = false; !is_stopped;) {
    const int count = epoll_wait(epoll_, events, std::size(events), -1);
    for (int i = 0; i < count; ++i) {
      if (events[i].data.ptr == nullptr) {
        is_stopped = true;
      } else {
        serve(*static_cast<Connection*>(events[i].data.ptr));
      }
    }
  }
  urcu_memb_unregister_thread();
}

void Worker::serve(Connection& connection) {
  if (!connection.serve()) return drop(connection);
  const uint32_t awaited = connection.awaited_events();
  if (awaited == connection.armed_events) return;
  connection.armed_events = awaited;
  if (!control(epoll_, EPOLL_CTL_MOD, connection.socket(), awaited, &connection)) drop(connection);
}

void Worker::drop(Connection& connection) {
  {
    const std::lock_guard guard(lock_);
    connections_.erase(&connection);
  }
  cache_.destroy(&connection);
  service_.connections_now.fetch_sub(1, std::memory_order_relaxed);
}

}  // namespace cache_server
