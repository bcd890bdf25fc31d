// SPDX-License-Identifier: Apache-2.0
// A client's socket with its buffers: an object of a typed cache, which is all that an idle client takes.
#pragma once

#include <cstdint>

#include "output.h"
#include "session.h"

namespace cache_server {

class Connection {
 public:
  // Closes the socket when it goes. `socket` does not block.
  Connection(int socket, Service& service, Counters& counters)
      : socket_(socket), counters_(counters), session_(service, counters), output_(service.answers_group.handle) {}
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // One turn: receives, answers, sends; others get theirs then. False: it is over.
  bool serve();

  int socket() const { return socket_; }
  // What is to happen at the socket before the next turn. Of a client that does not read nothing more is taken.
  uint32_t awaited_events() const;
  uint32_t armed_events = 0;  // what epoll was told

 private:
  bool receive();

  const int socket_;
  Counters& counters_;
  Session session_;
  Output output_;
  bool was_full_ = false;  // the output, before all of the input was looked at
  size_t begin_ = 0, end_ = 0;
  char input_[8192];  // larger than any line or key that has to lie in it as a whole
};

}  // namespace cache_server
